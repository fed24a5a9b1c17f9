"""Names of settings change; files of old runs and fingers that remember old flags are looked after."""

import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest

from robot_rl.cli.actor import Arguments
from robot_rl.config import TrainConfig, load_config
from robot_rl.core.errors import ConfigError
from robot_rl.core.renamed import FIXED, RENAMED, RETIRED, new_name, refuse_old_flags, upgrade
from robot_rl.core.settings import from_json, from_text
from robot_rl.teleop.pendant.config import PendantConfig


def names_of(kind: Any, lead: str = "") -> set[str]:
    """Return the dotted names of a dataclass's settings."""
    hints = typing.get_type_hints(kind)
    names = {f"{lead}{field.name}" for field in dataclasses.fields(kind)}
    inner = [name for name in hints if dataclasses.is_dataclass(hints[name])]
    return names.union(*(names_of(hints[name], f"{lead}{name}.") for name in inner))


@pytest.mark.parametrize("old", RENAMED)
def test_each_new_name_is_a_setting_and_the_old_one_is_none(old: str) -> None:
    known = names_of(TrainConfig) | names_of(Arguments)
    assert new_name(old) in known and old not in known


@pytest.mark.parametrize("old", RENAMED)
def test_old_flag_is_refused_with_the_new_name(old: str) -> None:
    flag = "--" + old.replace("_", "-")
    with pytest.raises(ConfigError, match=f"^{flag}: .* expected --{new_name(old).replace('_', '-')};"):
        refuse_old_flags(["pick-lift", f"{flag}=1"])


@pytest.mark.parametrize("old", [*FIXED, "learner.governor.lead_updates"])
def test_old_flag_of_a_setting_that_is_none_any_more_is_refused_with_its_value(old: str) -> None:
    value = FIXED[new_name(old)]
    rule = "it follows from other settings" if value is ... else f"its value is {value} always"
    with pytest.raises(ConfigError) as refused:
        refuse_old_flags([f"--{old.replace('_', '-')}", "1"])
    assert str(refused.value).endswith(f"got a flag of an earlier version, expected none; {rule}.")


def test_settings_of_the_first_version_are_read() -> None:
    """`old_runs/config.json` is what the first version wrote for its preset `pick-lift`."""
    old = load_config(Path(__file__).parent / "old_runs" / "config.json")
    assert old.task == "pick-lift" and (old.agent.num_critics, old.agent.num_target_critics) == (2, 2)
    assert old.human.scripted.intervene_after_steps == 40 and old.deterministic_fraction == 0.5


def test_pendant_of_an_old_run_keeps_its_settings() -> None:
    pendant = {"port": "/dev/ttyUSB1", "heartbeat_s": 0.05, "arm_on_request": False, "reconnect_s": 0.25}
    config = from_json(TrainConfig, upgrade({"human": {"kind": "pendant", "pendant": pendant, "mover": "keyboard"}}))
    settings = from_text(PendantConfig, config.human.settings, "pendant")
    assert settings == PendantConfig(port="/dev/ttyUSB1", heartbeat_s=0.05, arm_on_request=False)
    assert config.human.motion_device == "keyboard"


def test_value_stays_where_only_the_name_changes() -> None:
    old = {"seed": 3, "eyes": {"mode": "state"}, "human": {"scripted": {"clumsiness": {"noise_std": 1.0}}}}
    new = {"seed": 3, "vision": {"mode": "state"}, "human": {"scripted": {"action_noise": {"noise_std": 1.0}}}}
    assert upgrade(old) == new and upgrade(new) == new
    assert upgrade({"eyes": "damaged"}) == {"vision": "damaged"}


@pytest.mark.parametrize("name", RETIRED)
def test_setting_that_is_fixed_now_is_dropped_or_refused(name: str) -> None:
    def nested(value: Any) -> Any:
        for part in reversed(name.split(".")):
            value = {part: value}
        return value

    assert name not in names_of(TrainConfig)
    assert from_json(TrainConfig, upgrade(nested(RETIRED[name]))) == TrainConfig()
    if RETIRED[name] is ...:
        return
    with pytest.raises(ConfigError, match="which is fixed now"):
        upgrade(nested("another"))


def test_present_flags_pass() -> None:
    refuse_old_flags(["pick-lift", "--vision.mode", "state", "eyes", "-x"])


def test_settings_that_became_constants_and_a_pendants_own_fields_are_read_from_old_files() -> None:
    old = {
        "arbiter": {"blend_s": 0.1, "stale_after_s": 0.5},
        "human": {"kind": "pendant", "pendant": {"port": "/dev/ttyACM0", "vouch_s": 5.0, "reconnect_s": 0.25}},
    }
    assert upgrade(old) == {
        "arbiter": {"stale_after_s": 0.5},
        "human": {"kind": "pendant", "settings": {"port": "/dev/ttyACM0", "vouch_s": "5.0"}},
    }
    assert upgrade({"human": {"kind": "scripted", "pendant": {"port": "x"}}}) == {"human": {"kind": "scripted"}}
    with pytest.raises(ConfigError, match=r"expected --human.settings port VALUE"):
        refuse_old_flags(["--human.pendant.port", "/dev/ttyACM0"])
