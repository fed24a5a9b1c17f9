"""Mistakes on the command line cost one clear line; help teaches; nothing is overwritten."""

import json
from pathlib import Path

import pytest

from robot_rl.cli import COMMANDS, main
from robot_rl.config import PRESETS
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.run_folder import RunFolder


def said(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, str]:
    """Return exit code and error text of a command line."""
    try:
        code = main(arguments)
    except SystemExit as end:  # tyro's way
        code = int(end.code or 0)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["trian"], "command: got 'trian'"),
        (["train", "pick-lft"], "did you mean 'pick-lift'?"),
        (["train", "pick-lift", "--agent.num_critcs", "3"], "--agent.num_critics"),
        (["train", "pick-lift", "--task", "pegg-insert"], "did you mean 'peg-insert'?"),
        (["train", "pick-lift", "--agent.num_critics", "0"], "num_critics: got 0, expected 1 or more"),
        (["train", "pick-lift", "--minutes", "-1"], "minutes: got -1"),
        (["train", "pick-lift", "--deterministic-fraction", "2"], "deterministic_fraction: got 2"),
        (["train", "pick-lift", "--human.kind", "keyboard"], "expected 'scripted' or 'none' here"),
        (["train", "--resume"], "--resume: got no --run-name"),
        (["train", "--config", "/nowhere.json"], "config file: got /nowhere.json"),
        (["train", "--config"], "--config: got nothing"),
        (["evaluate"], "run: got none"),
        (["bench", "enf"], "did you mean 'env'?"),
        (["record", "pick-lift"], "--out"),
    ],
)
def test_mistake_costs_one_clear_answer_and_exit_code_2(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = said(capsys, arguments)
    assert code == 2
    assert text in " ".join(error.replace("│", " ").split())
    assert "Traceback" not in error


def test_unknown_key_in_a_file_names_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my.json").write_text('{"agent": {"discout": 0.9}}')
    code, error = said(capsys, ["train", "--config", str(tmp_path / "my.json")])
    assert code == 2 and "config.agent key: got 'discout'" in error and "did you mean 'discount'?" in error


def test_help_lists_every_command_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS) and "examples:" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code in (0, None)
    text = capsys.readouterr().out
    assert "usage:" in text and (command == "doctor" or "example" in text)


@pytest.mark.parametrize("name", PRESETS)
def test_printed_settings_can_be_read_back(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", name, "--print-config"]) == 0
    printed = capsys.readouterr().out
    (tmp_path / "config.json").write_text(printed)
    assert main(["train", "--config", str(tmp_path / "config.json"), "--print-config"]) == 0
    assert capsys.readouterr().out == printed


def test_flags_change_the_preset_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "peg-insert-neither", "--print-config"]) == 0
    plain = json.loads(capsys.readouterr().out)
    flags = ["--seed", "7", "--agent.hidden", "64", "64", "--minutes", "3"]
    assert main(["train", "peg-insert-neither", *flags, "--print-config"]) == 0
    changed = json.loads(capsys.readouterr().out)
    assert plain["human"]["kind"] == "none" and plain["demonstrations"] == 0 and plain["task"] == "peg-insert"
    assert (changed["seed"], changed["agent"]["hidden"], changed["budget"]["minutes"]) == (7, [64, 64], 3.0)
    changed["seed"], changed["agent"]["hidden"], changed["budget"] = 0, plain["agent"]["hidden"], plain["budget"]
    assert changed == plain


def test_taken_run_name_is_refused_untouched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with MetricsWriter(RunFolder(tmp_path / "first").actor(0), tensorboard=False) as metrics:
        metrics.write("episode", 0)
    before = sorted(path.name for path in (tmp_path / "first").rglob("*"))
    code, error = said(capsys, ["train", "pick-lift", "--runs", str(tmp_path), "--run-name", "first"])
    assert code == 1 and "add --resume" in error
    assert sorted(path.name for path in (tmp_path / "first").rglob("*")) == before


def test_resuming_an_unknown_run_names_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "config.json").write_text("{}")
    code, error = said(capsys, ["train", "--resume", "--runs", str(tmp_path), "--run-name", "frist"])
    assert code == 1 and "expected one of first" in error


def test_evaluating_what_never_learnt_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, error = said(capsys, ["evaluate", str(tmp_path / "nothing")])
    assert code == 1 and "run folder" in error
