"""Comparison of a fake with its library: names, arguments, defaults, enum members.

The wheel is inspected in a separate process: pylibfranka and franky exclude each other in one.
"""

import ast
import inspect
import json
import re
import subprocess
import sys
from enum import Enum
from typing import Any, NamedTuple

LOOK = """
import importlib, json, sys
module = importlib.import_module(sys.argv[1])
found = {}
for name in sys.argv[2:]:
    part = getattr(module, name, None)
    if part is None:
        continue
    members = {m: getattr(part, m).__doc__ or "" for m in dir(part) if m == "__init__" or not m.startswith("__")}
    values = {m: int(v) for m, v in getattr(part, "__members__", {}).items()}
    found[name] = {"members": members, "values": values, "error": issubclass(part, BaseException)}
print(json.dumps(found))
"""


class Parameter(NamedTuple):
    """One argument of a wheel's function."""

    name: str
    default: str | None


def look_at(module: str, names: list[str]) -> dict[str, Any]:
    """What the installed wheel has under these names."""
    result = subprocess.run(
        [sys.executable, "-c", LOOK, module, *names], capture_output=True, text=True, check=True, timeout=60
    )
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def differences(fake: type, real: dict[str, Any] | None) -> list[str]:
    """In what the fake goes beyond, or beside, the wheel's class."""
    if real is None:
        return [f"{fake.__name__} is not in the wheel"]
    if issubclass(fake, Enum):
        values = real["values"]
        return [f"{m} is {values.get(m.name)} in the wheel" for m in fake if values.get(m.name) != m.value]
    if issubclass(fake, BaseException):
        return [] if real["error"] else [f"{fake.__name__} is no exception in the wheel"]
    found = [_compare(f"{fake.__name__}.{name}", part, name, real) for name, part in parts_of(fake).items()]
    return [text for texts in found for text in texts]


def parts_of(fake: type) -> dict[str, Any]:
    """Public parts of a fake: methods, properties, and annotated fields with None for what they are."""
    parts: dict[str, Any] = dict.fromkeys(getattr(fake, "__annotations__", {}))
    for name, part in vars(fake).items():
        if (name == "__init__" or not name.startswith("_")) and (
            inspect.isfunction(part) or isinstance(part, property)
        ):
            parts[name] = part
    parts.pop("arm", None)  # the fake's own wire to its arm
    return parts


def _compare(where: str, part: Any, name: str, real: dict[str, Any]) -> list[str]:
    if name not in real["members"]:
        return [f"{where} is not in the wheel"]
    if not inspect.isfunction(part):
        return []
    mine = list(inspect.signature(part).parameters.values())[1:]
    if name == "__init__" and mine == []:
        return []
    overloads = signatures(real["members"][name])
    if any(_fits(mine, overload) for overload in overloads):
        return []
    return [f"{where}{inspect.signature(part)} fits none of {overloads}"]


def _fits(mine: list[inspect.Parameter], wheel: list[Parameter]) -> bool:
    """Whether every call that the fake takes is one that the wheel takes, and means the same."""
    if len(mine) > len(wheel) or any(rest.default is None for rest in wheel[len(mine) :]):
        return False
    return all(_same(parameter, other) for parameter, other in zip(mine, wheel, strict=False))


def _same(mine: inspect.Parameter, wheel: Parameter) -> bool:
    if mine.kind is not mine.POSITIONAL_ONLY and mine.name != wheel.name:
        return False
    if mine.default is mine.empty:
        return True
    if wheel.default is None:
        return False
    try:
        return bool(ast.literal_eval(wheel.default) == mine.default)
    except (ValueError, SyntaxError):  # an enum, a function: `<Flags.FLAG_UPLOAD_SCRIPT: 1>`
        return isinstance(mine.default, int | Enum | None) and _number(wheel.default) in (_value(mine.default), None)


def _number(text: str) -> int | None:
    found = re.search(r": (-?\d+)>", text)
    return int(found[1]) if found else None


def _value(default: Any) -> Any:
    return default.value if isinstance(default, Enum) else default


def signatures(docstring: str) -> list[list[Parameter]]:
    """The arguments, without self, of each signature that pybind11 wrote into a docstring."""
    lines = re.findall(r"^(?:\d+\. )?\w+\((self: .*)\) -> ", docstring, re.MULTILINE)
    return [[_parameter(part) for part in split(line)[1:]] for line in lines]


def split(text: str) -> list[str]:
    """Parts between commas that stand in no bracket.

    Example:
        >>> split("a: list[int, str] = [1, 2], b: int")
        ['a: list[int, str] = [1, 2]', 'b: int']
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{<") - (letter in ")]}>")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _parameter(text: str) -> Parameter:
    name, _, rest = text.partition(":")
    _, _, default = rest.partition(" = ")
    return Parameter(name.strip(), default or None)
