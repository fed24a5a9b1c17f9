"""Tasks as TOML files, read and written.

name = "usb"
[arm.workspace]          one arm; of several: [arms.left.workspace]
lower_m = [0.4, -0.1, 0.02]
...
[cameras.wrist]          any number; without this table: wrist and side, 128 x 128
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import from_json
from robot_rl.core.tasks import TaskSpec


def read_task(path: Path) -> TaskSpec:
    """Return the task of a TOML file.

    Raises:
        UnknownNameError: a key that a task does not have; the text holds the nearest.
        ConfigError: not TOML, a missing key, or a value that does not fit.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"task: got {path}, expected a readable TOML file; {error}.") from error
    task = parse_task(text, str(path))
    return replace(task, scene=_beside(path, task.scene), expert=_beside(path, task.expert))


def parse_task(text: str, where: str = "task") -> TaskSpec:
    """Return the task that TOML describes; see `read_task`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: got text that is not TOML, expected a task; {error}.") from error
    if "arm" in data:
        if "arms" in data:
            raise ConfigError(f"{where}: got both arm and arms, expected one of them; move [arm] into [arms.NAME].")
        data["arms"] = {"": data.pop("arm")}
    try:
        return from_json(TaskSpec, data, where)
    except ConfigError as error:  # a single arm has no name
        raise type(error)(str(error).replace(".arms..", ".arm.")) from error


def task_template(name: str) -> str:
    """Return a commented task file to start from."""
    return Path(__file__).with_name("template.toml").read_text(encoding="utf-8").replace("NAME", name)


def toml_of(data: Mapping[str, Any]) -> str:
    """Return nested mappings as TOML, without None and empty values."""
    return "\n".join(_table(data)).strip() + "\n"


def _beside(path: Path, name: Any) -> Any:
    """Return `file.py:Class` with the path relative to the task's folder; other names unchanged."""
    module, _, attribute = str(name).rpartition(":")
    return f"{(path.parent / module).resolve()}:{attribute}" if module.endswith(".py") else name


def _table(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the lines of a table: its values, then the tables in it."""
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping) and value is not None}
    if path and (values or not table):
        yield f"\n[{'.'.join(map(_key, path))}]"
    for key, value in values.items():
        yield f"{_key(key)} = {toml_value(value)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _table(value, (*path, key))


def toml_value(value: Any) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {toml_value(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML forbids DEL, JSON does not


def _key(key: str) -> str:
    plain = key.replace("_", "").replace("-", "")
    return key if plain.isascii() and plain.isalnum() else json.dumps(key).replace("\x7f", "\\u007f")
