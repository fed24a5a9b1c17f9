"""Methods by name: what each changes, what is said about a conflict, and that each learns."""

import json
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.config import TrainConfig
from robot_rl.core.errors import UnknownNameError
from robot_rl.core.settings import to_json
from robot_rl.methods import DEFAULT_METHOD, METHODS, overridden, with_method
from robot_rl.presets import preset


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[dict, str]:
    """Return the settings of a command line, and what was said about them."""
    assert main(["train", *words, "--print-config"]) == 0
    out, err = capsys.readouterr()
    return json.loads(out), err


@pytest.mark.parametrize("task", ["pick-lift", "peg-insert-imperfect", "pick-lift-blind"])
@pytest.mark.parametrize("name", METHODS)
def test_a_methods_settings_hold_over_any_preset(name: str, task: str) -> None:
    config = with_method(preset(task), name)
    assert config.method == name and overridden(config, name) == []


def test_the_default_method_is_the_preset_itself() -> None:
    assert with_method(preset("peg-insert"), DEFAULT_METHOD) == preset("peg-insert")
    assert TrainConfig().method == DEFAULT_METHOD


def test_a_method_and_a_preset_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    config, said = printed(capsys, "peg-insert-imperfect", "--method", "hg-dagger", "--seed", "3")
    assert config["method"] == "hg-dagger" and config["seed"] == 3 and said == ""
    assert config["agent"]["objective"] == "imitation" and config["learner"]["imitate"] == "all"
    assert config["human"] == to_json(preset("peg-insert-imperfect").human)
    assert config["budget"] == to_json(preset("peg-insert").budget)


def test_a_flag_counts_more_than_the_method_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    config, said = printed(capsys, "pick-lift", "--method=hg-dagger", "--learner.imitate", "successes")
    assert config["learner"]["imitate"] == "successes" and config["agent"]["objective"] == "imitation"
    assert said == "method hg-dagger: learner.imitate is 'successes' instead of 'all', by a flag or file\n"


def test_an_unknown_method_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"method: got 'hg-dager', expected .* did you mean 'hg-dagger'"):
        with_method(preset("pick-lift"), "hg-dager")
    with pytest.raises(UnknownNameError, match="did you mean 'hil'"):
        TrainConfig(method="hill")


def test_a_file_keeps_its_method_and_takes_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(printed(capsys, "pick-lift", "--method", "hg-dagger")[0]))
    assert printed(capsys, "--config", str(file)) == (json.loads(file.read_text()), "")
    assert main(["train", "--config", str(file), "--method", "hil"]) == 2
    assert "--method: got 'hil' beside settings of 'hg-dagger'" in capsys.readouterr().err


def test_help_lists_the_methods(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = capsys.readouterr().out
    assert all(f"{name} " in text.partition("methods:")[2] for name in METHODS)
