"""`robot-rl modules`: the packages and modules with what each is for, from their docstrings."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tyro.conf import Positional

from robot_rl.core.errors import unknown_name

ROOT = Path(__file__).parents[2]
PACKAGES = ("controllers", "robot_rl")


class Module(NamedTuple):
    """One file of the source."""

    path: str
    """Relative to the repository, as in `robot_rl/core/pose.py`; a package ends with `/`."""
    text: str
    """First sentence of its docstring."""


@dataclass(frozen=True)
class Arguments:
    """List packages and modules, each with the first sentence of its docstring.

    examples:
      robot-rl modules
      robot-rl modules robot_rl/runtime
    """

    folder: Positional[str | None] = None
    """Only modules in this folder."""


def run(arguments: Arguments) -> int:
    """Print the list."""
    modules = list(list_modules())
    folder = arguments.folder
    if folder is not None:
        packages = [module.path.rstrip("/") for module in modules if module.path.endswith("/")]
        if folder.rstrip("/") not in packages:
            raise unknown_name("folder", folder, packages)
        modules = [module for module in modules if module.path.startswith(folder.rstrip("/") + "/")]
    for path, text in modules:
        depth = path.rstrip("/").count("/")
        name = path.rstrip("/").rsplit("/", 1)[-1] + "/" * path.endswith("/")
        print(f"{'  ' * depth}{name:<{max(2, 32 - 2 * depth)}}{text}")
    return 0


def list_modules(root: Path = ROOT) -> Iterator[Module]:
    """Yield packages and their modules, depth first, names in order."""
    for package in PACKAGES:
        yield from _package(root / package, root)


def _package(folder: Path, root: Path) -> Iterator[Module]:
    path = folder.relative_to(root).as_posix()
    yield Module(f"{path}/", first_sentence(folder / "__init__.py"))
    for file in sorted(folder.glob("*.py")):
        if not file.name.startswith("__"):
            yield Module(f"{path}/{file.name}", first_sentence(file))
    for inner in sorted(folder.glob("*/__init__.py")):
        yield from _package(inner.parent, root)


def first_sentence(file: Path) -> str:
    """Return the first sentence of a module's docstring on one line; empty where there is none."""
    text = " ".join((ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".")
