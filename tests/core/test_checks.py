"""Settings are refused where they are built, with field, value, rule and default in one line."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError, UnknownNameError


@dataclass(frozen=True)
class Settings:
    """One field of each kind."""

    rate_hz: float = 50.0
    share: float = 0.5
    limit: float | None = None
    sizes: tuple[int, ...] = (2, 3)
    mode: str = "on"


@given(st.floats())
def test_positive_accepts_finite_numbers_above_zero_alone(value: float) -> None:
    if math.isfinite(value) and value > 0.0:
        checks.positive(Settings(rate_hz=value), "rate_hz")
    else:
        with pytest.raises(ConfigError, match=r"^rate_hz: got"):
            checks.positive(Settings(rate_hz=value), "rate_hz")


@given(st.floats(), st.floats(-10.0, 10.0))
def test_at_least_accepts_finite_numbers_from_the_bound_on(value: float, least: float) -> None:
    if math.isfinite(value) and value >= least:
        checks.at_least(Settings(rate_hz=value), least, "rate_hz")
    else:
        with pytest.raises(ConfigError, match=r"^rate_hz: got"):
            checks.at_least(Settings(rate_hz=value), least, "rate_hz")


@given(st.floats())
def test_fraction_accepts_zero_to_one(value: float) -> None:
    if 0.0 <= value <= 1.0:
        checks.fraction(Settings(share=value), "share")
    else:
        with pytest.raises(ConfigError, match=r"^share: got"):
            checks.fraction(Settings(share=value), "share")


def test_error_names_field_value_rule_and_default() -> None:
    with pytest.raises(ConfigError) as caught:
        checks.positive(Settings(rate_hz=-1.0), "share", "rate_hz")
    assert str(caught.value) == "rate_hz: got -1.0, expected more than 0; the default is 50.0."


def test_none_has_no_limit_and_infinity_only_where_it_is_allowed() -> None:
    checks.positive(Settings(limit=None), "limit")
    checks.positive(Settings(limit=math.inf), "limit", infinite=True)
    with pytest.raises(ConfigError, match="limit: got inf"):
        checks.positive(Settings(limit=math.inf), "limit")


def test_each_entry_of_a_tuple_is_checked() -> None:
    checks.at_least(Settings(), 2, "sizes")
    with pytest.raises(ConfigError, match=r"sizes: got \(2, 1\), expected 2 or more"):
        checks.at_least(Settings(sizes=(2, 1)), 2, "sizes")
    with pytest.raises(ConfigError, match=r"sizes: got \(\)"):
        checks.at_least(Settings(sizes=()), 2, "sizes")


def test_unknown_name_comes_with_the_nearest() -> None:
    checks.one_of(Settings(), ("on", "off"), "mode")
    with pytest.raises(UnknownNameError, match="mode: got 'of', expected one of 'off', 'on'; did you mean 'off'"):
        checks.one_of(Settings(mode="of"), ("on", "off"), "mode")
