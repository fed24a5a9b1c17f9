"""The simulated robot on the real robot's topics: controller, gripper, cameras and a referee in one node."""

import sys
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in a source checkout
from controllers.bridge import launching

ARGUMENTS = ("task", "namespace", "use_sim_time", "config", "teleop", "record", "bag", "log_level", "python")


def start(context: LaunchContext) -> list[Any]:
    """The robot; with it, what was asked for; everything ends with the robot."""
    arguments = launching.given(context)
    files = [arguments["config"]] if arguments["config"] else []
    robot = launching.node(
        "robot_rl.nodes.simulated_robot", "simulated_robot", arguments, [*files, {"task": arguments["task"]}]
    )
    others = [launching.teleoperation(arguments)] if arguments["teleop"] != "none" else []
    others += [launching.recording(arguments)] if arguments["record"] == "true" else []
    over = OnProcessExit(target_action=robot, on_exit=[EmitEvent(event=Shutdown(reason="the robot ended"))])
    return [RegisterEventHandler(over), robot, *others]


def generate_launch_description() -> LaunchDescription:
    """See the module."""
    return LaunchDescription([*launching.declare(*ARGUMENTS), OpaqueFunction(function=start)])
