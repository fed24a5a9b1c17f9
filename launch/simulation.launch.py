"""Start the simulated robot on the real robot's topics: controller, gripper, cameras and task server in one node."""

import sys
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in a source checkout
from controllers.ros import launch_parts

ARGUMENTS = ("task", "namespace", "use_sim_time", "config", "teleop", "record", "bag", "log_level", "python")


def start(context: LaunchContext) -> list[Any]:
    """Return the robot, and the optional processes that end with it."""
    arguments = launch_parts.given(context)
    launch_parts.refuse_second(context, arguments["namespace"])
    others = [launch_parts.teleoperation(arguments)] if arguments["teleop"] != "none" else []
    others += [launch_parts.recording(arguments)] if arguments["record"] == "true" else []
    return launch_parts.beside(launch_parts.simulated(arguments), others)


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return LaunchDescription([*launch_parts.declare(*ARGUMENTS), OpaqueFunction(function=start)])
