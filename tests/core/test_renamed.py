"""Names of settings change; files of old runs and fingers that remember old flags are looked after."""

import dataclasses
import typing
from typing import Any

import pytest

from robot_rl.cli.actor import Arguments
from robot_rl.config import TrainConfig
from robot_rl.core.errors import ConfigError
from robot_rl.core.renamed import RENAMED, new_name, refuse_old_flags, upgrade


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


def test_value_stays_where_only_the_name_changes() -> None:
    old = {"seed": 3, "eyes": {"mode": "state"}, "human": {"scripted": {"clumsiness": {"noise_std": 1.0}}}}
    new = {"seed": 3, "vision": {"mode": "state"}, "human": {"scripted": {"action_noise": {"noise_std": 1.0}}}}
    assert upgrade(old) == new and upgrade(new) == new
    assert upgrade({"eyes": "damaged"}) == {"vision": "damaged"}


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
