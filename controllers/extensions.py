"""Find an extension by name, by `module:Class` or by `path/to/file.py:Class`: one loader for all kinds of extensions.

A kind is a table of names (name -> `module:Class`, imported when used) and a group of entry points, under which other
packages register theirs in their `pyproject.toml`:

    [project.entry-points."robot_rl.devices"]
    pedal = "lab.pedal:Pedal"
"""

import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any


class ExtensionError(ValueError):
    """An extension that does not exist or cannot be imported."""


class UnknownExtensionError(ExtensionError):
    """A name that is neither in the table nor registered by another package."""


def available(table: Mapping[str, str], group: str = "") -> list[str]:
    """Return the names of a kind: those of the table, then those that other packages register under `group`."""
    return [*table, *(name for name in sorted(_registered(group)) if name not in table)]


def check(what: str, name: str, table: Mapping[str, str], group: str = "") -> None:
    """Check that `resolve` knows where to look, without importing anything; for settings.

    Raises:
        UnknownExtensionError: the name is unknown; the text lists the known ones and the nearest.
    """
    if ":" not in name and name not in table and name not in _registered(group):
        raise _unknown(what, name, available(table, group))


def resolve(what: str, name: str, table: Mapping[str, str], group: str = "") -> Any:
    """Return the object that a name stands for: a class or a function.

    Args:
        what: the kind, for errors, as in "input device".
        name: one of the table, an entry point's, `module:Class`, or `path/to/file.py:Class`.
        table: name -> `module:Class`.
        group: entry points of other packages; empty: none. The table's names come first.

    Raises:
        UnknownExtensionError: an unknown name; the text lists the known ones and the nearest.
        ExtensionError: it cannot be imported, or has no such attribute.

    Example:
        >>> resolve("constant", "tau", {"tau": "math:tau"}) == resolve("constant", "math:tau", {})
        True
    """
    check(what, name, table, group)
    path = table.get(name, name)
    if ":" not in path:
        path = _registered(group)[name].value
    module_name, _, attribute = path.rpartition(":")
    return _attribute(what, name, _module(what, name, module_name.strip()), attribute.strip())


def _registered(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)} if group else {}


def _module(what: str, name: str, module: str) -> ModuleType:
    try:
        return _from_file(Path(module).expanduser()) if module.endswith(".py") else importlib.import_module(module)
    except Exception as error:  # whatever an extension's own code raises
        raise ExtensionError(
            f"{what}: got {name!r}, expected a module that can be imported; {type(error).__name__}: {error}."
        ) from error


def _from_file(path: Path) -> ModuleType:
    """Import a file once, under a name of its own, so that its classes are the same wherever it is named."""
    path = path.resolve()
    name = f"extension_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _attribute(what: str, name: str, module: ModuleType, attribute: str) -> Any:
    value: Any = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise _unknown(what, name, (entry for entry in vars(module) if not entry.startswith("_")), attribute)
        value = getattr(value, part)
    return value


def _unknown(what: str, name: str, known: Any, attribute: str = "") -> ExtensionError:
    names = sorted(known)
    nearest = difflib.get_close_matches(attribute or name, names, n=1, cutoff=0.4)
    advice = f"did you mean {nearest[0]!r}?" if nearest else "choose one of these."
    if attribute:
        return ExtensionError(f"{what}: got {name!r}, expected an attribute of the module; {advice}")
    listed = ", ".join(repr(entry) for entry in names)
    return UnknownExtensionError(
        f"{what}: got {name!r}, expected one of {listed}, module:Class or path/to/file.py:Class; {advice}"
    )
