"""Runs side by side: each line says what that run's own files say."""

import json
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.cli.compare import comparison_table
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.run_folder import RunFolder
from tests.runtime.runs.test_report import EVALUATION


@pytest.fixture
def runs(tmp_path: Path) -> list[RunFolder]:
    folders = [RunFolder(tmp_path / name) for name in ("with", "without")]
    for folder, human_steps in zip(folders, (10, 0), strict=True):
        folder.root.mkdir()
        folder.config_file.write_text("{}")
        with MetricsWriter(folder.actor(0), tensorboard=False) as metrics:
            for i in range(40):
                metrics.write("episode", i, steps=25, success=True, human_steps=human_steps if i < 20 else 0)
    folders[0].evaluation.mkdir()
    (folders[0].evaluation / "summary.json").write_text(json.dumps(EVALUATION))
    return folders


def cells(table: str) -> list[dict[str, str]]:
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_table_has_a_line_for_each_run_judged_or_not(runs: list[RunFolder]) -> None:
    with_human, without = cells(comparison_table(runs))
    assert (with_human["run"], with_human["success"], with_human["cycle"]) == ("with", "98/100", "14")
    assert (with_human["human"], with_human["first to last tenth"]) == ("200 (20%)", "40% to 0%")
    assert (without["run"], without["success"], without["human"]) == ("without", "-", "0 (0%)")
    assert with_human["to 90%"] == without["to 90%"] == "500"


def test_command_prints_the_table_and_draws_the_curves(
    runs: list[RunFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    png = tmp_path / "both.png"
    assert main(["compare", *(str(folder.root) for folder in runs), "--png", str(png)]) == 0
    assert "| with | 98/100 |" in capsys.readouterr().out and png.stat().st_size > 10_000


def test_no_runs_and_unknown_runs_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare"]) == 2 and "runs: got none" in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "nothing")]) == 1 and "run folder" in capsys.readouterr().err
