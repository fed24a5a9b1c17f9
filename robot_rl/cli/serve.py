"""`robot-rl serve`: the simulated robot on the real robot's topics, over plain DDS or ROS."""

from __future__ import annotations

from collections.abc import Sequence

from robot_rl.cli.arguments import take_word
from robot_rl.nodes.simulated_robot import main


def run(arguments: Sequence[str]) -> int:
    """Serve until told to stop."""
    task, rest = take_word(arguments)
    return main([*(() if task is None else ("--task", task)), *rest])
