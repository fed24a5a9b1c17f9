"""Frozen dataclasses to JSON and back, with errors that name the field and the nearest key."""

import dataclasses
import enum
import json
import math
import os
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from robot_rl.core.errors import ConfigError, unknown_name

T = TypeVar("T")

NOT_FINITE = ("inf", "-inf", "nan")


def to_json(value: Any) -> Any:
    """Return `value` (a dataclass, or a field's value) as JSON-ready values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity
    return str(value) if isinstance(value, Path) else value


def from_json(kind: type[T], value: Any, where: str = "config") -> T:
    """Return the `kind` that `to_json` described; fields that are absent keep their defaults.

    Raises:
        UnknownNameError: a key that the dataclass does not have.
        ConfigError: a value of the wrong type, or one that the dataclass refuses.
    """
    return typing.cast(T, _convert(kind, value, where))


def changed(settings: T, changes: Mapping[str, Any], where: str = "config") -> T:
    """Return a dataclass with some fields changed, those of inner dataclasses by nested mappings.

    Raises:
        UnknownNameError: a key that the dataclass does not have.
        ConfigError: a value of the wrong type, or one that the dataclass refuses.
    """
    return from_json(type(settings), _merged(to_json(settings), to_json(changes)), where)


def _merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    inner = {
        key: _merged(values[key], change)
        for key, change in changes.items()
        if isinstance(change, Mapping) and isinstance(values.get(key), Mapping)
    }
    return {**values, **changes, **inner}


def save_settings(path: Path, value: Any) -> None:
    """Write a dataclass as indented JSON, wholly or not at all, also in a power cut."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(json.dumps(to_json(value), indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load_settings(kind: type[T], path: Path, upgrade: Callable[[dict[str, Any]], dict[str, Any]] | None = None) -> T:
    """Read a dataclass from a JSON file.

    Args:
        kind: its `start` says where a file to start from is, unless a command prints one.
        upgrade: turns the content of an old file into that of a present one.

    Raises:
        ConfigError: no such file, not JSON, or content that does not fit.
    """
    if not path.is_file():
        start = getattr(kind, "start", "`--print-config` prints one to start from")
        raise ConfigError(f"config file: got {path}, expected a JSON file; {start}.")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"config file: got {path}, expected JSON; {error}.") from error
    return from_json(kind, value if upgrade is None or not isinstance(value, dict) else upgrade(value))


def from_text(kind: type[T], words: Mapping[str, str], where: str = "settings") -> T:
    """Return the `kind` that texts by name describe; `engage.mode` names a field of a field.

    Raises:
        UnknownNameError: a name that the dataclass does not have.
        ConfigError: a text that does not fit.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Pedal:
        ...     port: str
        ...     gain: float = 1.0
        >>> from_text(Pedal, {"port": "3", "gain": "0.5"})
        Pedal(port='3', gain=0.5)
    """
    nested: dict[str, Any] = {}
    for name, text in words.items():
        head, _, rest = name.partition(".")
        nested.setdefault(head, {}).update({rest: text})
    hints = typing.get_type_hints(kind)
    values = {
        name: inner[""] if "" in inner else to_json(from_text(hints[name], inner, f"{where}.{name}"))
        for name, inner in nested.items()
        if "" in inner or dataclasses.is_dataclass(hints.get(name))
    }
    return from_json(kind, {name: _parsed(hints.get(name), value) for name, value in values.items()}, where)


def _parsed(kind: Any, value: Any) -> Any:
    if not isinstance(value, str) or kind in (str, Path):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if kind is Any:
        return value
    if hasattr(kind, "settings_type"):  # a family of dataclasses selected by the value
        kind = kind.settings_type(value, where)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where)
    if origin in (typing.Union, types.UnionType):
        return _union(typing.get_args(kind), value, where)
    if origin is typing.Literal:
        if value not in (choices := typing.get_args(kind)):
            raise unknown_name(where, str(value), map(str, choices))
        return value
    if origin in (tuple, list):
        return _sequence(origin, typing.get_args(kind), value, where)
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        if not isinstance(value, Mapping):
            raise _wrong(where, value, "an object")
        return {key: _convert(typing.get_args(kind)[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin is typing.Annotated:
        return _convert(typing.get_args(kind)[0], value, where)
    return _scalar(kind, value, where)


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise _wrong(where, value, f"an object with fields of {kind.__name__}")
    hints = typing.get_type_hints(kind, include_extras=True)
    names = [field.name for field in dataclasses.fields(kind) if field.init]
    for key in value:
        if key not in names:
            raise unknown_name(f"{where} key", key, names)
    for field in dataclasses.fields(kind):
        if field.name not in value and _is_required(field):
            raise ConfigError(f"{where}.{field.name}: got nothing, expected a value; there is no default.")
    return kind(**{key: _convert(hints[key], item, f"{where}.{key}") for key, item in value.items()})


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    rest = [kind for kind in kinds if kind is not type(None)]
    for kind in rest[:-1]:
        try:
            return _convert(kind, value, where)
        except ConfigError:
            continue
    return _convert(rest[-1], value, where)


def _sequence(origin: type, kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, list | tuple):
        raise _wrong(where, value, "a list")
    if origin is tuple and kinds and kinds[-1] is not Ellipsis:
        if len(kinds) != len(value):
            raise _wrong(where, value, f"{len(kinds)} values")
        return tuple(_convert(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    return origin(_convert(kinds[0] if kinds else Any, item, f"{where}[{i}]") for i, item in enumerate(value))


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        if value not in kind.__members__:
            raise unknown_name(where, str(value), kind.__members__)
        return kind[value]
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and (value in NOT_FINITE or (isinstance(value, int) and not isinstance(value, bool))):
        return float(value)
    if isinstance(kind, type) and (not isinstance(value, kind) or (kind in (int, float) and isinstance(value, bool))):
        quotes = ", in quotes" if kind is str and isinstance(value, int | float) else ""
        raise _wrong(where, value, f"a value of type {kind.__name__}{quotes}")
    return value


def _wrong(where: str, value: Any, expected: str) -> ConfigError:
    return ConfigError(f"{where}: got {value!r}, expected {expected}; correct the value.")
