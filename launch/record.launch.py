"""Records a running robot: rosbag2 in MCAP. Starts and stops nothing else."""

import sys
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in a source checkout
from controllers.ros import launch_parts


def start(context: LaunchContext) -> list[Any]:
    """The recorder."""
    return [launch_parts.recording(launch_parts.given(context))]


def generate_launch_description() -> LaunchDescription:
    """See the module."""
    return LaunchDescription([*launch_parts.declare("namespace", "bag"), OpaqueFunction(function=start)])
