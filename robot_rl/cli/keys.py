"""`robot-rl keys`: keys for a learner and actors on several machines."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.core import checks


@dataclass(frozen=True)
class Arguments:
    """Make CURVE keys: learner.keys.json and actor-N.keys.json, each for one machine, readable by its owner only.

    Without keys a learner listens on its own machine alone.

    example: robot-rl keys runs/x/keys --actors 2
    """

    folder: Positional[Path]
    """Folder of the files; an existing file is refused."""
    actors: int = 1
    """Number of actors."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "actors")


def run(arguments: Arguments) -> int:
    """Write the keys and print their files."""
    from robot_rl.transport.security import generate_keys

    for path in generate_keys(arguments.folder, arguments.actors):
        print(path)
    return 0
