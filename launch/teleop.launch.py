"""Teleoperate the arm: controller and input device, without a policy."""

import sys
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in a source checkout
from controllers.ros import launch_parts

ARGUMENTS = (
    "robot_type", "driver", "robot_ip", "gripper", "use_fake_hardware", "namespace", "use_sim_time", "config",
    "log_level", "python",
)  # fmt: skip


def start(context: LaunchContext) -> list[Any]:
    """Return the controller, and the device that starts once it is active."""
    arguments = launch_parts.given(context)
    launch_parts.refuse_second(context, arguments["namespace"])
    return launch_parts.in_order(launch_parts.controller(arguments), [launch_parts.teleoperation(arguments)])


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    device = launch_parts.declare(teleop="keyboard")
    return LaunchDescription([*launch_parts.declare(*ARGUMENTS), *device, OpaqueFunction(function=start)])
