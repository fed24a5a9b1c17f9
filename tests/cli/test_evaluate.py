"""A result that was judged is never overwritten; the report follows the newest."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from robot_rl import build
from robot_rl.cli import main
from robot_rl.core.settings import save_settings
from robot_rl.presets import preset
from robot_rl.runtime.runs.run_folder import RunFolder, new_run

EXPERT = ["--who", "expert", "--episodes", "1", "--video-episodes", "0"]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run's folder with settings of a task without cameras."""
    folder = new_run(tmp_path / "first")
    save_settings(folder.config_file, preset("pick-lift-state-only"))
    return folder


def test_second_evaluation_is_refused_and_the_first_stays(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run.root), *EXPERT]) == 0
    summary = run.root / "evaluation-expert" / "summary.json"
    before = summary.read_bytes()
    assert main(["evaluate", str(run.root), *EXPERT, "--seed", "7"]) == 1
    assert "add --again to archive that result, or --out FOLDER" in capsys.readouterr().err
    assert summary.read_bytes() == before


def test_again_archives_the_first_result_and_out_keeps_both(run: RunFolder, tmp_path: Path) -> None:
    for flags in (["--seed", "1"], ["--seed", "2", "--again"], ["--seed", "3", "--out", str(tmp_path / "more")]):
        assert main(["evaluate", str(run.root), *EXPERT, *flags]) == 0
    folders = (run.root / "evaluation-expert-before-0", run.root / "evaluation-expert", tmp_path / "more")
    assert [json.loads((folder / "summary.json").read_text())["seed"] for folder in folders] == [1, 2, 3]


def test_row_of_successes_has_a_result_of_its_own(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run.root), *EXPERT, "--until-failure"]) == 0
    assert "1 successes in a row, no failure: success of at least 5.0% (95 %)" in capsys.readouterr().out
    summary = json.loads((run.root / "evaluation-expert-until-failure" / "summary.json").read_text())
    assert (summary["in_a_row"], summary["success_rate_at_least_95"]) == (1, pytest.approx(0.05))
    assert "1 in a row (95 %: at least 5.0%)" in run.report.read_text()
    assert not run.evaluation.exists() and not (run.root / "evaluation-expert").exists()


def test_report_follows_an_evaluation(run: RunFolder) -> None:
    assert main(["evaluate", str(run.root), *EXPERT, "--out", str(run.evaluation)]) == 0
    successes = json.loads((run.evaluation / "summary.json").read_text())["successes"]
    assert f"| success | {successes}/1" in run.report.read_text()


def test_evaluation_that_fails_leaves_the_result_alone(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    run.evaluation.mkdir()
    (run.evaluation / "summary.json").write_text("{}")
    assert main(["evaluate", str(run.root), "--again"]) == 1
    assert "checkpoint: got none" in capsys.readouterr().err
    assert (run.evaluation / "summary.json").read_text() == "{}"


def test_critics_choose_among_several_actions_of_a_policy_trained_with_one(run: RunFolder, tmp_path: Path) -> None:
    pytest.importorskip("jax")
    config = preset("pick-lift-state-only")
    config = replace(config, agent=replace(config.agent, hidden=(16, 16), discrete_hidden=(8,), projection=8))
    save_settings(run.config_file, config)
    schema = build.make_schema(config, None)
    definition = build.make_definition(schema, config)
    learner = build.make_agent(definition, config).learner()
    build.make_checkpoints(run.learner, definition, schema).save(3, learner.state_dict(), {})
    flags = ["--episodes", "1", "--video-episodes", "0", "--out"]
    assert main(["evaluate", str(run.root), *flags, str(tmp_path / "one")]) == 0
    assert main(["evaluate", str(run.root), "--best-of", "4", *flags, str(tmp_path / "best")]) == 0
    versions = [
        json.loads((tmp_path / name / "summary.json").read_text())["policy_version"] for name in ("one", "best")
    ]
    assert versions == [3, 3]
