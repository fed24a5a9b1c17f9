"""The dead-man's rule: noise cannot take over, a moment's rest does not let go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.teleop.engagement import EngageConfig, Engagement


def test_hold_follows_the_button() -> None:
    engagement = Engagement(EngageConfig("hold"))
    assert [engagement.update(pressed, 1.0, 0) for pressed in (False, True, True, False)] == [False, True, True, False]


def test_toggle_changes_on_each_press_only() -> None:
    engagement = Engagement(EngageConfig("toggle"))
    presses = (False, True, True, False, False, True, False)
    assert [engagement.update(pressed, 0.0, 0) for pressed in presses] == [False, True, True, True, True, False, False]


@given(st.lists(st.floats(0.0, 0.149), min_size=1))
def test_noise_in_the_dead_band_never_engages(deflections) -> None:
    engagement = Engagement(EngageConfig("deflection"))
    assert not any(engagement.update(False, d, i * NS_PER_S // 10) for i, d in enumerate(deflections))


def test_deflection_has_hysteresis_and_lets_go_after_a_rest() -> None:
    engagement = Engagement(EngageConfig("deflection", release_s=0.3))
    moments = [(0.0, 0.2), (0.1, 0.1), (0.2, 0.0), (0.3, 0.0), (0.35, 0.06), (0.5, 0.0), (0.66, 0.0), (0.7, 0.1)]
    engaged = [engagement.update(False, deflection, round(t * NS_PER_S)) for t, deflection in moments]
    assert engaged == [True, True, True, True, True, True, False, False]


def test_release_lets_go_of_a_toggle() -> None:
    engagement = Engagement(EngageConfig("toggle"))
    engagement.update(True, 0.0, 0)
    engagement.release()
    assert not engagement.update(True, 0.0, 0)


def test_bad_settings_say_what_is_expected() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'toggle'"):
        EngageConfig("togle")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expected 0 <= off <= on <= 1"):
        EngageConfig("deflection", deflection_on=0.1, deflection_off=0.2)
    with pytest.raises(ConfigError, match="release_s: got -1"):
        EngageConfig(release_s=-1)
