"""Train on the arm: controller, cameras, device and actor; the learner runs where `address` says.

With `use_fake_hardware:=true` the simulated robot replaces arm and cameras, and its task server replaces the
operator.
"""

import sys
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in a source checkout
from controllers.ros import launch_parts

ARGUMENTS = (
    "run", "address", "robot_type", "driver", "robot_ip", "gripper", "use_fake_hardware", "task", "namespace",
    "use_sim_time", "config", "cameras", "teleop", "record", "bag", "log_level", "python",
)  # fmt: skip


def start(context: LaunchContext) -> list[Any]:
    """Return the controller, and the processes that start once it is active; all end together."""
    arguments = launch_parts.given(context)
    if not arguments["run"]:
        raise ValueError("run: got nothing, expected a run's folder; add run:=runs/NAME.")
    launch_parts.refuse_second(context, arguments["namespace"])
    fake = arguments["use_fake_hardware"] == "true"
    episode_source = "simulated" if fake else "operator"
    actor = {"run": arguments["run"], "address": arguments["address"], "robot.episode_source": episode_source}
    files = [arguments["config"]] if arguments["config"] else []  # its section `actor`: robot.wrench, robot.cameras ...
    then = [launch_parts.node("robot_rl.nodes.actor", "actor", arguments, [*files, actor])]
    if not fake:
        then += launch_parts.cameras(arguments)
    if arguments["teleop"] != "none":
        then.append(launch_parts.teleoperation(arguments, to="actor"))
    if arguments["record"] == "true":
        then.append(launch_parts.recording(arguments))
    if fake:
        return launch_parts.beside(launch_parts.simulated(arguments), then)
    return launch_parts.in_order(launch_parts.controller(arguments), then)


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return LaunchDescription([*launch_parts.declare(*ARGUMENTS), OpaqueFunction(function=start)])
