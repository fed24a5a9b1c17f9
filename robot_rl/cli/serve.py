"""`robot-rl serve`: the simulated robot on the real robot's topics, over plain DDS or ROS."""

from collections.abc import Sequence

from robot_rl.cli.arguments import leading_word


def main(words: Sequence[str]) -> int:
    """Serve until a signal comes."""
    from robot_rl.nodes.simulated_robot import main as run_node

    task = leading_word(words)
    return run_node(list(words) if task is None else ["--task", task, *words[1:]], "robot-rl serve")
