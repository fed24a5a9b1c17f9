"""Mistakes on the command line cost one clear line; help teaches; nothing is overwritten."""

import contextlib
import itertools
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from robot_rl.build import make_encoder, pin_encoder
from robot_rl.cli import COMMANDS, main
from robot_rl.config import TrainConfig, load_config
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import to_json
from robot_rl.presets import preset, presets
from robot_rl.runtime.acting.actor import UPDATES_ON_THE_WAY
from robot_rl.runtime.learning.learner import LearnerConfig
from robot_rl.runtime.learning.update_ratio import UpdateRatioConfig, updates_allowed
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.run_folder import RunFolder, new_run
from robot_rl.vision.architecture import load_encoder, save_encoder
from robot_rl.vision.frozen import SHIPPED_ENCODER


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
        (["train", "pick-lift", "--agent.num-critic", "3"], "--agent.num-critics"),
        (["train", "pick-lift", "--task", "pegg-insert"], "did you mean 'peg-insert'?"),
        (["train", "pick-lift", "--agent.num-critics", "0"], "num_critics: got 0, expected 1 or more"),
        (["train", "pick-lift", "--minutes", "-1"], "minutes: got -1"),
        (["train", "pick-lift", "--deterministic-fraction", "2"], "deterministic_fraction: got 2"),
        (["train", "pick-lift", "--human.kind", "keyboard"], "which needs the terminal"),
        (["train", "pick-lift", "--updates-per-step", "3"], "updates_per_step: got 3.0, expected 2.0 or less"),
        (["train", "pick-lift", "--learner.publish-every-updates", "400"], "publish_every_updates: got 400"),
        (["train-encoder", "--out", "pyproject.toml"], "out: got pyproject.toml, expected a file that does not exist"),
        (["train", "--resume"], "--resume: got no --run-name"),
        (["train", "--config", "/nowhere.json"], "config file: got /nowhere.json"),
        (["train", "--config"], "--config: got nothing"),
        (["train", "pick-lift", "--evaluation.episodes", "-5"], "episodes: got -5, expected 0 or more"),
        (["train", "pick-lift", "--vision.encoder", "/no.safetensors"], "vision.encoder: got /no.safetensors"),
        (["train", "pick-lift", "--robot.cameras", "/no.json"], "robot.cameras: got /no.json"),
        (["train", "pick-lift", "--demonstrations-from", "/no"], "demonstrations_from: got /no"),
        (["train", "pick-lift", "--rewards", "stars"], "got 'stars', expected one of 'classifier'"),
        (["train", "pick-lift", "--rewards", "classifier"], "classifier.file: got none, expected a file"),
        (
            ["train", "pick-lift", "--rewards", "classifier", "--reward-settings", "classifier.file", "/no"],
            "classifier: got '/no', expected a file",
        ),
        (["classifier", "train", "pick-lift", "--out", "x"], "from: got no folder without episodes"),
        (["train", "pick-lift", "--run-name", "../escaped"], "run_name: got '../escaped'"),
        (["train", "pick-lift", "--run-name", "x" * 300], "expected the name of one folder"),
        (["train", "--minutes", "2", "peg-insert"], "preset: got 'peg-insert' after flags"),
        (["train", "peg-insert", "--config", "my.json"], "config file: got my.json"),
        (["train", "pick-lift", "--resume", "--run-name", "first"], "--resume: got a preset, --config or --method"),
        (
            ["train", "pick-lift", "--eyes.mode", "state"],
            "got a flag of an earlier version, expected --vision.mode",
        ),
        (["snapshot", "cameras.json"], "command: got 'snapshot', a name of an earlier version, expected 'look'"),
        (
            ["simulate", "pick-lift", "--by", "nobody"],
            "--by: got 'nobody', a name of an earlier version, expected 'none'",
        ),
        (["train", "pick-lift-clumsy"], "a name of an earlier version, expected 'pick-lift-imperfect'"),
        (["train", "pick-lift", "--greedy-share=0.5"], "expected --deterministic-fraction"),
        (["actor", "--folder", "x", "--patience-s", "5"], "expected --weights-timeout-s"),
        (["train", "pick-lift", "--updates-per-step", "5"], "updates_per_step: got 5.0, expected 2.0 or less"),
        (["evaluate"], "RUN"),
        (["compare"], "runs: got none"),
        (["modules", "robot_rl/cor"], "did you mean 'robot_rl/core'?"),
        (["doctor", "pendent"], "did you mean 'pendant'?"),
        (["doctor", "ros", "--seconds", "0"], "seconds: got 0.0, expected more than 0"),
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


@pytest.mark.parametrize(
    "arguments",
    [
        ["record", "pick-lift-state-only", "--episodes", "1", "--out", "/proc/demonstrations"],
        ["train", "pick-lift", "--runs", "/proc/runs"],
        ["learner", "pick-lift-state-only", "--folder", "/proc/learner"],
    ],
)
def test_place_that_cannot_be_written_costs_one_clear_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = said(capsys, arguments)
    assert code == 1 and "file: got" in error and "/proc/" in error and error.count("\n") == 1


def test_image_of_a_comparison_makes_its_folder(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "config.json").write_text("{}")
    png = tmp_path / "new" / "curves.png"
    assert main(["compare", str(tmp_path / "first"), "--png", str(png)]) == 0
    assert png.is_file()


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
    assert text.startswith(f"usage: robot-rl {command} ") and "example" in text


def test_help_of_a_setting_fills_its_lines_however_its_docstring_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["guide", "--help"])
    lines = [line.strip("│").strip() for line in capsys.readouterr().out.splitlines()]
    start = lines.index("--robot.kind {simulated,dds,ros}") + 1
    text = lines[start : next(i for i in range(start, len(lines)) if lines[i].startswith("--"))]
    assert len(text) > 4
    assert all(len(f"{line} {after.split()[0]}") > 53 for line, after in itertools.pairwise(text))


def test_help_of_all_commands_needs_no_large_library() -> None:
    """`robot-rl --help` stays under 0.3 s only while it imports nothing but the standard library."""
    program = "import sys; from robot_rl.cli import main; main(['--help']); print(sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = result.stdout.splitlines()[-1]
    assert not any(f"'{name}'" in loaded for name in ("numpy", "jax", "mujoco", "tyro", "rich"))


def test_preset_beside_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my.json").write_text("{}")
    code, error = said(capsys, ["train", "peg-insert", "--config", str(tmp_path / "my.json")])
    assert code == 2 and "preset: got 'peg-insert' beside --config" in error


def test_settings_of_an_earlier_version_are_read_with_the_present_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = {
        "eyes": {"mode": "state"},
        "agent": {"ensemble": 4, "subset": 1},
        "robot": {"kind": "dds", "referee": "operator"},
    }
    (tmp_path / "config.json").write_text(json.dumps(old | {"greedy_share": 0.25}))
    assert main(["train", "--config", str(tmp_path / "config.json"), "--print-config"]) == 0
    new = json.loads(capsys.readouterr().out)
    assert (new["agent"]["num_critics"], new["agent"]["num_target_critics"]) == (4, 1)
    assert new["vision"]["mode"] == "state"
    assert new["robot"]["episode_source"] == "operator" and new["deterministic_fraction"] == 0.25


@pytest.mark.parametrize("name", presets())
def test_printed_settings_can_be_read_back(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", name, "--print-config"]) == 0
    (tmp_path / "config.json").write_text(capsys.readouterr().out)
    assert load_config(tmp_path / "config.json") == preset(name)


def test_settings_that_were_read_back_are_printed_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = json.dumps(to_json(preset("peg-insert-imperfect")), indent=2)
    (tmp_path / "config.json").write_text(text)
    assert main(["train", "--config", str(tmp_path / "config.json"), "--print-config"]) == 0
    assert capsys.readouterr().out == text + "\n"


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


def test_an_encoder_that_is_refused_leaves_the_run_name_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind, text in (("resnet11", "did you mean 'resnet10'"), ("resnet10", "got no weights")):
        words = ["train", "pick-lift", "--runs", str(tmp_path), "--run-name", "x", "--vision.kind", kind]
        assert main(words) == 2 and text in capsys.readouterr().err
        assert not (tmp_path / "x").exists()


def test_a_run_keeps_its_encoder_and_refuses_another(tmp_path: Path) -> None:
    folder, config = new_run(tmp_path / "first"), preset("pick-lift")
    pinned = pin_encoder(config, folder)
    assert (
        pinned.vision.identity == load_encoder(folder.encoder).identity == pin_encoder(pinned, folder).vision.identity
    )
    other = load_encoder(SHIPPED_ENCODER)
    save_encoder(tmp_path / "other.safetensors", replace(other, params={k: 2 * v for k, v in other.params.items()}))
    changed = replace(pinned, vision=replace(pinned.vision, encoder=tmp_path / "other.safetensors"))
    with pytest.raises(ConfigError, match=r"encoder: got .*other.safetensors .*RUN/encoder.safetensors"):
        make_encoder(changed)


@given(
    ratio=st.floats(0.0, 4.0),
    update_ratio=st.builds(
        UpdateRatioConfig, st.floats(0.0, 4.0), st.integers(0, 300), pretrain_updates=st.integers(0, 1000)
    ),
    publish=st.integers(1, 300),
    call=st.integers(1, 16),
    demonstrations=st.integers(0, 2),
)
@example(1.75, UpdateRatioConfig(1.75, 0, pretrain_updates=0), 201, 1, 0)
@settings(deadline=None)
def test_settings_that_are_accepted_never_let_an_actor_wait_for_ever(
    ratio: float, update_ratio: UpdateRatioConfig, publish: int, call: int, demonstrations: int
) -> None:
    learner = LearnerConfig(publish_every_updates=publish, updates_per_call=call, update_ratio=update_ratio)
    try:
        TrainConfig(updates_per_step=ratio, learner=learner, demonstrations=demonstrations)
    except ConfigError:
        assume(False)
    for steps in range(2000):
        made = updates_allowed(update_ratio, steps, demonstrations, 0) // call * call
        interval = -(-publish // call) * call  # publications fall on whole calls
        published = made // interval * interval
        assert published >= ratio * steps - UPDATES_ON_THE_WAY


def test_resuming_an_unknown_run_names_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "config.json").write_text("{}")
    code, error = said(capsys, ["train", "--resume", "--runs", str(tmp_path), "--run-name", "frist"])
    assert code == 1 and "expected one of first" in error


def test_evaluating_what_never_learnt_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, error = said(capsys, ["evaluate", str(tmp_path / "nothing")])
    assert code == 1 and "run folder" in error


def test_ctrl_c_that_a_library_turns_into_another_error_ends_politely(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def compiling(words: list[str]) -> int:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise RuntimeError("no compiled object yet")  # as numba does

    monkeypatch.setattr("robot_rl.cli._run", lambda name, words: compiling(words))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a command of another test may have its own
    try:
        assert said(capsys, ["look"]) == (130, "robot-rl: interrupted.\n")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_error_without_ctrl_c_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot_rl.cli._run", lambda name, words: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        main(["look"])
