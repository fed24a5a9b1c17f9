"""Each module says in one sentence what it is for, and the overview names paths that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted(path for name in ("controllers", "robot_rl") for path in (ROOT / name).rglob("*.py"))


def first_sentence(file: Path) -> str:
    """The first sentence of a module's docstring; empty where there is none."""
    text = " ".join((ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".")


def test_paths_of_the_overview_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:robot_rl|controllers|docs|launch|firmware)/[\w/.]*)`", text)
    assert len(paths) > 20
    assert [path for path in paths if "NAME" not in path and not (ROOT / path).exists()] == []


def test_module_begins_with_a_sentence() -> None:
    sentences = {str(path.relative_to(ROOT)): first_sentence(path) for path in FILES if path.name != "__main__.py"}
    assert {path: text for path, text in sentences.items() if not 10 <= len(text) <= 200} == {}
