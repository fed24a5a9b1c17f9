"""An arm and its controller, with cameras and a human's device where they are asked for."""

import sys
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in a source checkout
from controllers.bridge import launching

ARGUMENTS = (
    "robot_type", "driver", "robot_ip", "use_fake_hardware", "namespace", "use_sim_time", "config", "cameras", "teleop",
    "record", "bag", "log_level", "python",
)  # fmt: skip


def start(context: LaunchContext) -> list[Any]:
    """The controller first; the others when it is active."""
    arguments = launching.given(context)
    then = []
    if arguments["cameras"]:
        then.append(launching.node("robot_rl.nodes.camera", "camera", arguments, [arguments["cameras"]]))
    if arguments["teleop"] != "none":
        then.append(launching.teleoperation(arguments))
    if arguments["record"] == "true":
        then.append(launching.recording(arguments))
    return launching.in_order(launching.controller(arguments), then)


def generate_launch_description() -> LaunchDescription:
    """See the module."""
    return LaunchDescription([*launching.declare(*ARGUMENTS), OpaqueFunction(function=start)])
