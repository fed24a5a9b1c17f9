"""The tables of settings in docs/migration.md: every flag is one of `robot-rl train`, every key one of a task."""

import ast
import os
import re
import shlex
import subprocess
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from robot_rl.cli.train import Arguments
from robot_rl.core.tasks import ArmTask, TaskCamera, TaskSpec

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"
CODE = re.compile(r"`([^`]*)`")
LEROBOT = os.environ.get("ROBOT_RL_LEROBOT", "")
LEROBOT_FILES = ("default.py", "train.py", "configuration_sac.py", "configs.py")
"""Its modules with the settings of the table, which are read, not imported."""


class Row(NamedTuple):
    """One line of a table."""

    theirs: tuple[str, ...]
    ours: tuple[str, ...]


def tables() -> Iterator[tuple[str, Row]]:
    """Yield the project and the line of each row of settings."""
    project = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            project = ""
        elif cells[0].startswith("setting of "):
            project = cells[0].removeprefix("setting of ")
        elif project and not cells[0].startswith("---"):
            theirs, ours, _ = cells
            yield project, Row(tuple(CODE.findall(theirs)), tuple(CODE.findall(ours)))
            assert ours == "none" or CODE.sub("", ours).strip(", ") == "", line


ROWS = list(tables())
OURS = sorted({name for _, row in ROWS for name in row.ours})


def test_both_projects_have_a_table_in_which_each_setting_stands_once() -> None:
    for project in ("HIL-SERL", "LeRobot"):
        theirs = [name for found, row in ROWS if found == project for name in row.theirs]
        assert len(theirs) > 30 and len(theirs) == len(set(theirs))


def test_flags_of_the_tables_are_those_of_a_training() -> None:
    flags = [name for name in OURS if name.startswith("--")]
    assert len(flags) > 30 and "resume" in {entry.name for entry in fields(Arguments)}
    words = [word for name in flags if name != "--resume" for word in shlex.split(name)]
    assert Arguments.parse(["pick-lift", *words], "train")


@pytest.mark.parametrize("key", [name for name in OURS if not name.startswith("--")])
def test_key_of_the_table_is_one_of_a_task(key: str) -> None:
    kind: Any = TaskSpec
    starts: Mapping[str, Any] = {"arm.": ArmTask, "cameras.NAME.": TaskCamera}
    for start, inner in starts.items():
        if key.startswith(start):
            kind, key = inner, key.removeprefix(start)
    for name in key.split("."):
        assert name in {entry.name for entry in fields(kind)}
        hint = typing.get_type_hints(kind)[name]
        kind = next((each for each in (hint, *typing.get_args(hint)) if is_dataclass(each)), None)


@pytest.mark.skipif(not LEROBOT, reason="ROBOT_RL_LEROBOT names no Python that has LeRobot")
def test_settings_of_lerobot_are_its_own() -> None:
    find = "import importlib.util as util; print(util.find_spec('lerobot').submodule_search_locations[0])"
    answer = subprocess.run([LEROBOT, "-c", find], stdout=subprocess.PIPE, text=True, check=True)
    files = [path for name in LEROBOT_FILES for path in Path(answer.stdout.strip()).rglob(name)]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    known = {ast.unparse(node.target) for node in nodes if isinstance(node, ast.AnnAssign)}
    theirs = {name.rpartition(".")[2] for project, row in ROWS if project == "LeRobot" for name in row.theirs}
    assert theirs - known == set()
