"""Gains are refused where they are made, with the field, its value and the rule in the message."""

import numpy as np
import pytest

from controllers.arm import REASON_TEXT, Reason
from controllers.law.gains import force_cap, make_gains

POSTURE = np.zeros(7)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("damping_ratio", -1.0),
        ("constant_damping", -1.0),
        ("posture_damping", -1.0),
        ("posture_stiffness", -1.0),
        ("stiffness", -600.0),
        ("stiffness", np.nan),
        ("stiffness", np.inf),
        ("stiffness", [600.0, 30.0]),
        ("clip_lower", 0.01),
        ("clip_upper", -0.01),
        ("wrench_max", -1.0),
        ("speed_max", -1.0),
        ("filter_time_s", -0.1),
        ("ramp_s", np.nan),
        ("hold_after_s", -0.1),
        ("task_R", 2.0 * np.eye(3)),
        ("task_R", np.diag([1.0, 1.0, -1.0])),
        ("workspace_lower", np.nan),
    ],
)
def test_a_bad_value_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        make_gains(POSTURE, **{field: value})


def test_a_posture_with_nan_is_refused():
    with pytest.raises(ValueError, match="posture"):
        make_gains(np.full(7, np.nan))


def test_the_message_holds_the_value_and_the_next_step():
    with pytest.raises(ValueError) as error:
        make_gains(POSTURE, damping_ratio=-1.0)
    assert "damping_ratio: got [-1.0" in str(error.value) and "expected values >= 0;" in str(error.value)


def test_force_cap_is_stiffness_times_clip():
    serl = make_gains(POSTURE, stiffness=[2000] * 3 + [150] * 3, clip_lower=[-0.01] * 3 + [-0.05] * 3, clip_upper=0.0)
    np.testing.assert_allclose(force_cap(serl), [20.0] * 3 + [7.5] * 3)


def test_the_larger_side_and_the_feed_forward_count_for_the_cap():
    gains = make_gains(POSTURE, stiffness=100.0, clip_lower=-0.01, clip_upper=0.02, wrench_max=3.0)
    np.testing.assert_allclose(force_cap(gains), 5.0)


def test_a_cap_above_the_force_limit_is_refused():
    with pytest.raises(ValueError, match="force cap"):
        make_gains(POSTURE, stiffness=600.0, clip_upper=0.05, force_limit=29.0)


def test_a_force_limit_of_zero_is_a_limit():
    with pytest.raises(ValueError, match="force cap"):
        make_gains(POSTURE, force_limit=0.0)


def test_crossed_bounds_are_refused():
    with pytest.raises(ValueError, match="workspace_lower"):
        make_gains(POSTURE, workspace_lower=1.0, workspace_upper=0.0)
    with pytest.raises(ValueError, match="hold_after_s"):
        make_gains(POSTURE, hold_after_s=1.0)


def test_every_number_is_float64_so_that_the_tick_compiles_once():
    gains = make_gains([0] * 7, stiffness=[60] * 6, ramp_s=1, damping_refresh_ticks=10)
    assert all(gains[name].dtype == np.float64 for name in gains.dtype.names)


def test_every_reason_has_a_text():
    assert set(REASON_TEXT) == set(Reason)
