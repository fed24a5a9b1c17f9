"""Start an arm's controller and, on request, cameras, an input device and a recording."""

import sys
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in a source checkout
from controllers.ros import launch_parts

ARGUMENTS = (
    "robot_type", "driver", "robot_ip", "gripper", "use_fake_hardware", "namespace", "use_sim_time", "config",
    "cameras", "teleop", "record", "bag", "rviz", "crisp", "log_level", "python",
)  # fmt: skip


def start(context: LaunchContext) -> list[Any]:
    """Return the controller, and the processes that start once it is active."""
    arguments = launch_parts.given(context)
    launch_parts.refuse_second(context, arguments["namespace"])
    then = [*launch_parts.cameras(arguments), *launch_parts.view(arguments)]
    if arguments["teleop"] != "none":
        then.append(launch_parts.teleoperation(arguments))
    if arguments["record"] == "true":
        then.append(launch_parts.recording(arguments))
    return launch_parts.in_order(launch_parts.controller(arguments), then)


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return LaunchDescription([*launch_parts.declare(*ARGUMENTS), OpaqueFunction(function=start)])
