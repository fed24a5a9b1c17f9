"""Flags that other settings leave without effect are named, and only those."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from robot_rl.cli.arguments import RunArguments
from robot_rl.cli.idle_flags import RULES
from robot_rl.config import TrainConfig
from robot_rl.core.settings import to_json


def paths(settings: Mapping[str, Any], where: str = "") -> Iterator[str]:
    for name, value in settings.items():
        yield f"{where}{name}.".removeprefix("budget.")
        if isinstance(value, Mapping):
            yield from paths(value, f"{where}{name}.")


def test_each_rule_names_settings_that_exist() -> None:
    known = set(paths(to_json(TrainConfig())))
    assert [name for rule in RULES for name in rule.names if f"{name}." not in known] == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["pick-lift", "--human.kind", "browser", "--human.scripted.attention=0.5", "--seed", "1"],
            "--human.scripted.attention has no effect: human.kind is browser; it counts with --human.kind scripted",
        ),
        (
            ["pick-lift-state-only", "--vision.variants", "2"],
            "--vision.variants has no effect: vision.mode is state; it counts with --vision.mode frozen",
        ),
        (
            ["pick-lift", "--method", "bc", "--agent.bc-weight-final", "0.1"],
            "--agent.bc-weight-final has no effect: agent.objective is imitation; "
            "it counts with --agent.objective value",
        ),
    ],
)
def test_a_flag_without_effect_is_named_once(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    RunArguments.parse(words, "train")
    lines = [text for text in capsys.readouterr().err.splitlines() if "no effect" in text]
    assert lines == [line]


def test_flags_with_effect_and_settings_of_a_preset_are_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    RunArguments.parse(["pick-lift-no-human", "--vision.variants", "2"], "train")
    RunArguments.parse(["pick-lift", "--human.scripted.attention", "0.5"], "train")
    RunArguments.parse(["pick-lift", "--human.scripted.attention", "0.5"], "record")
    assert capsys.readouterr().err == ""
