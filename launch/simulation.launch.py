"""The simulated robot on the real robot's topics: controller, gripper, cameras and a referee in one node."""

import sys
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in a source checkout
from controllers.bridge import launching

ARGUMENTS = ("task", "namespace", "use_sim_time", "config", "teleop", "record", "bag", "log_level", "python")


def start(context: LaunchContext) -> list[Any]:
    """The robot; with it, what was asked for; everything ends with the robot."""
    arguments = launching.given(context)
    others = [launching.teleoperation(arguments)] if arguments["teleop"] != "none" else []
    others += [launching.recording(arguments)] if arguments["record"] == "true" else []
    return launching.beside(launching.simulated(arguments), others)


def generate_launch_description() -> LaunchDescription:
    """See the module."""
    return LaunchDescription([*launching.declare(*ARGUMENTS), OpaqueFunction(function=start)])
