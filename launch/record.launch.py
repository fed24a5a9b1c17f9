"""Record a running robot: rosbag2 in MCAP."""

import sys
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in a source checkout
from controllers.ros import launch_parts


def start(context: LaunchContext) -> list[Any]:
    """Return the recorder."""
    return [launch_parts.recording(launch_parts.given(context))]


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return LaunchDescription([*launch_parts.declare("namespace", "bag"), OpaqueFunction(function=start)])
