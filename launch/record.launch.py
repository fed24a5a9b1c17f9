"""Records a running robot: rosbag2 in MCAP. Starts and stops nothing else."""

import sys
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in a source checkout
from controllers.bridge import launching


def start(context: LaunchContext) -> list[Any]:
    """The recorder."""
    return [launching.recording(launching.given(context))]


def generate_launch_description() -> LaunchDescription:
    """See the module."""
    return LaunchDescription([*launching.declare("namespace", "bag"), OpaqueFunction(function=start)])
