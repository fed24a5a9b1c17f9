"""A public grader of robot data finds no defect in what `robot-rl export` writes.

deepen-grade needs other versions of our own dependencies, so it is given as a program of another environment:
`ROBOT_RL_DEEPEN=/path/to/deepen pytest tests/data/test_deepen_grade.py`, installed by
`pip install 'deepen-grade[lerobot,mcap]'`. Without it these tests are skipped.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from robot_rl.cli import main
from robot_rl.data.formats import make_format
from tests.data.test_lerobot_video import seen

pytest.importorskip("pyarrow")
DEEPEN = os.environ.get("ROBOT_RL_DEEPEN", "")
pytestmark = [
    pytest.mark.lerobot,
    pytest.mark.slow,
    pytest.mark.skipif(not DEEPEN, reason="deepen-grade does not read our exports here: ROBOT_RL_DEEPEN names none"),
]


@pytest.mark.parametrize(
    ("form", "exported"), [("lerobot", "out"), ("lerobot", "out --video av1"), ("mcap", "out/episode-000000.mcap")]
)
def test_no_defect_is_found(form: str, exported: str, tmp_path: Path) -> None:
    for episode in (seen(9), seen(12, 1), seen(10, 2)):
        make_format("episodes").write(tmp_path / "demos", episode)
    source, *video = exported.split()
    words = ["export", str(tmp_path / "demos"), "--out", str(tmp_path / "out"), "--format", form, *video]
    assert main(words) == 0
    report = graded(tmp_path, source)
    assert report["format"] == form and report["overall"]["grade"] == "A"
    assert [name for name, entry in report["defect_classes"].items() if entry["defective"]] == []
    assert sum(entry["gradable"] for entry in report["defect_classes"].values()) > 0


def graded(folder: Path, source: str) -> dict[str, Any]:
    """Return the grader's report; it exits with another code for a grade below A."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    words = [DEEPEN, "grade", source, "--min-grade", "A", "--json", "--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=folder, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report
