"""Changes of a task's TOML file that keep its comments."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from robot_rl.core.errors import ConfigError
from robot_rl.tasks.files import toml_value

Changes = Mapping[tuple[str, ...], Mapping[str, Any]]
"""Table, as its keys from the root -> values to set in it."""


def edit_task(path: Path, changes: Changes) -> None:
    """Set values in a task's file; a reader never sees half a file.

    Raises:
        ConfigError: see `edited`.
    """
    part = path.with_name(path.name + ".part")
    part.write_text(edited(path.read_text(encoding="utf-8"), changes, str(path)), encoding="utf-8")
    part.replace(path)


def edited(text: str, changes: Changes, where: str = "task") -> str:
    """Return TOML with values set; comments, order and all other values stay.

    Raises:
        ConfigError: a form that is not supported, such as an inline table around a value.
    """
    lines, expected = text.splitlines(), tomllib.loads(text)
    for table, values in changes.items():
        for key, value in values.items():
            lines = _with_value(lines, table, key, value)
        inner = expected
        for name in table:
            inner = inner.setdefault(name, {})
        inner.update(tomllib.loads("\n".join(f"{key} = {toml_value(value)}" for key, value in values.items())))
    result = "\n".join(lines) + "\n"
    with suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(result) == expected:
            return result
    entries = [(table, key, value) for table, values in changes.items() for key, value in values.items()]
    wanted = "; ".join(f"[{'.'.join(table)}] {key} = {toml_value(value)}" for table, key, value in entries)
    raise ConfigError(f"{where}: got a form that cannot be edited, expected tables as of `task new`; write {wanted}.")


def _with_value(lines: Sequence[str], table: tuple[str, ...], key: str, value: Any) -> list[str]:
    """Return lines with one value set: in place of the present one, of its commented example, or at the table's top."""
    header = re.compile(r"\s*\[\s*" + r"\s*\.\s*".join(map(re.escape, table)) + r"\s*\]\s*(#.*)?$")
    begin = next((i + 1 for i, line in enumerate(lines) if header.match(line)), None)
    if begin is None:
        return [*lines, "", f"[{'.'.join(table)}]", f"{key} = {toml_value(value)}"]
    end = next((i for i in range(begin, len(lines)) if re.match(r"\s*\[[^\]]*\]", lines[i])), len(lines))
    for comment in ("", r"#\s*"):
        for i in range(begin, end):
            if re.match(rf"\s*{comment}{re.escape(key)}\s*=", lines[i]):
                tail = re.search(r"\s+#[^#]*$", lines[i])
                new = f"{key} = {toml_value(value)}{tail[0] if tail else ''}"
                return [*lines[:i], new, *lines[i + (1 if comment else _height(lines[i:])) :]]
    return [*lines[:begin], f"{key} = {toml_value(value)}", *lines[begin:]]


def _height(lines: Sequence[str]) -> int:
    """Return the number of lines of the value that begins on the first one."""
    for count in range(1, len(lines) + 1):
        try:
            tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        return count
    return 1
