"""One table of success over variations of a task."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.cli.robustness import Arguments
from robot_rl.core.settings import save_settings
from robot_rl.envs.variations import KINDS
from robot_rl.presets import preset
from robot_rl.runtime.runs.robustness import Robustness, VariedResult, draw_robustness
from robot_rl.runtime.runs.run_folder import new_run


def test_table_of_the_expert_is_written_and_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = new_run(tmp_path / "first")
    save_settings(folder.config_file, preset("pick-lift-state-only"))
    words = ["robustness", str(folder.root), "--who", "expert", "--episodes", "1", "--vary", "push=5", "delay=50"]
    assert main(words) == 0
    out = folder.root / "robustness-expert"
    rows = json.loads((out / "table.json").read_text())["results"]
    assert [(row["variation"], row["level"], row["episodes"]) for row in rows[1:]] == [
        ("push", 5.0, 1),
        ("delay", 50.0, 1),
    ]
    assert rows[0]["variation"] == "as trained" and rows[0]["success_rate"] == 1.0
    assert "| push | 5 N | " in capsys.readouterr().out and (out / "robustness.png").exists()
    assert main(words) == 1
    assert "add --again" in capsys.readouterr().err


def test_a_table_that_was_stopped_goes_on_after_its_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = new_run(tmp_path / "first")
    save_settings(folder.config_file, preset("pick-lift-state-only"))
    (part := folder.root / "robustness-expert.part").mkdir()
    row = VariedResult("as trained", "", 1.0, 1.0, "x", 1, 0, 0, None, 77.0)
    seed = preset("pick-lift-state-only").evaluation.seed
    Robustness("first", seed, 0, (row, replace(row, variation="push", level=5.0, episodes=2))).save(part)
    words = ["robustness", str(folder.root), "--who", "expert", "--episodes", "1", "--vary", "push=5"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "| as trained |  | 0/1 |" in out and "| push | 5 N | 1/1 |" in out  # taken over; of other episodes, so not
    assert "robustness-expert.part-before-0" in out
    assert main([*words, "--again", "--seed", "7"]) == 0
    assert "| as trained |  | 1/1 |" in capsys.readouterr().out


def test_help_names_the_episodes_of_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["robustness", "--help"])
    assert "Episodes of each row. (default: 50)" in " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_real_arm_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, config = new_run(tmp_path / "real"), preset("pick-lift")
    save_settings(folder.config_file, replace(config, robot=replace(config.robot, kind="dds")))
    assert main(["robustness", str(folder.root)]) == 2
    assert "got a run of an arm on the graph, expected the simulator" in capsys.readouterr().err


def test_help_lists_the_levels_of_each_kind() -> None:
    lines = dict(re.findall(r"^ {6}([a-z-]+) +([\d., ]+ (?:x|mm|deg|ms|N)) ", Arguments.__doc__ or "", re.MULTILINE))
    expected = {name: f"{', '.join(f'{level:g}' for level in kind.levels)} {kind.unit}" for name, kind in KINDS.items()}
    assert {name: text.strip() for name, text in lines.items()} == expected


def test_image_has_a_panel_for_each_kind(tmp_path: Path) -> None:
    base = VariedResult("as trained", "", 1.0, 1.0, "x", 20, 20, 0, 25.0, 8.0)
    rows = [replace(base, variation=name, level=2.0, successes=i) for i, name in enumerate(KINDS)]
    table = Robustness("first", 0, 3, (base, *rows))
    assert draw_robustness(table, tmp_path / "all.png").stat().st_size > 10_000
    assert "| as trained |  | 20/20 | 84% to 100% | 25 | 8 | 0 |" in table.markdown()
