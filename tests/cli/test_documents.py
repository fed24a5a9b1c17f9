"""The commands of the documents and of the help texts have flags and names that exist."""

import importlib
import re
import shlex
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from robot_rl.cli import COMMANDS
from robot_rl.cli.arguments import RunArguments, parse
from robot_rl.cli.doctor import TOPICS

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"^\s*(?:\$ )?robot-rl ([a-z][^#\n]*?)(?:  +.*|\s*\\?)$", re.MULTILINE)
INLINE = re.compile(r"`robot-rl ([a-z][^`]*)`")
FORM = re.compile(r"\b[A-Z]+\b|\.\.\.|\||[<>$]|&&|:[A-Za-z]|\.(?:toml|py)\b|^\S+$|--[a-z-]+$")
"""What shows a form or names a flag, or a reader's own file, rather than a command that can run here."""


def texts() -> dict[str, str]:
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    modules = sorted((ROOT / "robot_rl" / "cli").glob("*.py"))
    return {path.name: path.read_text(encoding="utf-8") for path in (*documents, *modules)}


def commands() -> dict[str, str]:
    """Return each command once, with the first document that has it."""
    found = [(line, name) for name, text in texts().items() for line in (*LINE.findall(text), *INLINE.findall(text))]
    return dict(sorted((line.strip(), name) for line, name in reversed(found) if not FORM.search(line)))


def test_flags_are_written_with_dashes() -> None:
    flags = {flag for text in texts().values() for flag in re.findall(r"(?<![\w-])--[a-z][\w.-]*", text)}
    assert len(flags) > 50 and [flag for flag in flags if "_" in flag] == []


@pytest.mark.parametrize(("line", "document"), commands().items())
def test_command_of_a_document_parses(
    line: str, document: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    name, *words = shlex.split(line)
    assert name in COMMANDS
    if name == "doctor" and words and not words[0].startswith("-"):
        assert words[0] in TOPICS
    module = importlib.import_module(f"robot_rl.cli.{name.replace('-', '_')}")
    if actions := getattr(module, "ACTIONS", None):
        module = importlib.import_module(actions[words.pop(0)])
    kind = getattr(module, "Arguments", None)
    if kind is None or "--config" in words or "--resume" in words or "--help" in words:
        return
    if issubclass(kind, RunArguments):
        required = [entry for entry in fields(kind) if entry.default is entry.default_factory is MISSING]
        missing = [RENAMED.get(entry.name, entry.name) for entry in required]
        words += [word for name in missing if name not in given(words) for word in (f"--{name}", "x")]
        kind.parse(words, kind.__module__)
    else:
        parse(kind, words, name)


RENAMED = {"recordings": "from"}
"""Flags whose names are no names of fields."""


def given(words: list[str]) -> set[str]:
    return {word.removeprefix("--").split("=")[0] for word in words if word.startswith("--")}
