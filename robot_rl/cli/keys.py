"""`robot-rl keys`: keys for a learner and actors on several machines."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.transport import keys


@dataclass(frozen=True)
class Arguments:
    """Make the CURVE keys of a learner and its actors, list them, admit one more actor, or revoke one.

    Each file is for one machine and readable by its owner only. A running learner reads its file again when it has
    changed: who is revoked is refused at once and hears why. Without keys a learner listens on its own machine alone.

    examples:
      robot-rl keys make runs/x/keys --actors 2       learner.keys.json, actor-0.keys.json, actor-1.keys.json
      robot-rl keys list runs/x/keys                  names and fingerprints; 1 where a file is not private
      robot-rl keys add runs/x/keys bench             bench.keys.json, for `robot-rl actor --name bench`
      robot-rl keys revoke runs/x/keys actor-1
    """

    action: Positional[Literal["make", "list", "add", "revoke"]]
    """`make`, `list`, `add` or `revoke`."""
    folder: Positional[Path]
    """Folder of the files; `make` refuses existing ones."""
    name: Positional[str] = ""
    """Actor to add or revoke."""
    actors: int = 1
    """Number of actors to make keys for."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "actors")
        if bool(self.name) != (self.action in ("add", "revoke")):
            raise ConfigError(f"keys {self.action}: got name {self.name!r}, expected one for `add` and `revoke` alone.")


def run(arguments: Arguments) -> int:
    """Do what was chosen, and print files or fingerprints."""
    match arguments.action:
        case "make":
            print("\n".join(map(str, keys.generate_keys(arguments.folder, arguments.actors))))
        case "add":
            print(keys.add_actor(arguments.folder, arguments.name))
        case "revoke":
            fingerprint, here = keys.revoke(arguments.folder, arguments.name)
            print(
                f"{arguments.name}: revoked {fingerprint}"
                + (f", deleted {arguments.name}{keys.SUFFIX}" if here else "")
            )
        case "list":
            return _list(arguments.folder)
    return 0


def _list(folder: Path) -> int:
    """Print the keys; return 1 where a file is damaged or others can read it."""
    rows = list(keys.list_keys(folder))
    for row in rows:
        print(f"{row.file:<26}{row.name:<16}{row.fingerprint:<32}{row.state}")
    return int(any(row.fingerprint == keys.UNREADABLE for row in rows))
