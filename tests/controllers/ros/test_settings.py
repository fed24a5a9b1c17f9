"""Gains as parameters: what is shown is in force, and a change counts whole or not at all."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.arms.spec import load_arm
from controllers.host.control_stack import gains_of
from controllers.law.gains import force_cap
from controllers.law.presets import NAMES, PARITY, preset
from controllers.ros.settings import SETTINGS, changed, first_gains, home_of, stale, values_of, with_damping

HOME = [0.0, -0.3, 0.0, -2.2, 0.0, 1.9, 0.8]
SHOWN = values_of(preset("guarded", HOME))


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_can_be_shown_and_set_again_unchanged(name):
    gains = preset(name, HOME)
    shown = {key: value for key, value in values_of(gains).items() if not key.startswith("task.")}
    again = changed(gains, shown)
    assert again.tobytes() == gains.tobytes()


def test_crisp_names_change_the_entry_that_they_name():
    gains = changed(preset("guarded", HOME), {"task.k_pos_y": 321.0, "task.k_rot_z": 21.0, "task.error_clip.x": 0.01})
    assert gains.stiffness[1] == 321.0 and gains.stiffness[5] == 21.0 and gains.stiffness[0] == 600.0
    assert gains.clip_upper[0] == 0.01 and gains.clip_lower[0] == -0.01
    assert values_of(gains)["task.k_pos_y"] == 321.0


def test_constant_damping_counts_when_all_six_are_given():
    five = {f"task.d_{kind}_{axis}": 20.0 for kind in ("pos", "rot") for axis in "xyz"}
    last = five.popitem()
    gains = changed(preset("guarded", HOME), five)
    assert np.isnan(gains.constant_damping).all()
    gains = changed(gains, five | dict([last]))
    np.testing.assert_array_equal(gains.constant_damping, 20.0)
    assert np.isnan(changed(gains, {"task.d_pos_x": 0.0}).constant_damping).all()


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("bad", [math.nan, -math.inf, -2e9, 2e300])
def test_nan_negative_and_huge_values_are_refused_by_name(name, bad):
    setting = SETTINGS[name]
    if (setting.upper == math.inf and bad > 0) or (setting.lower == -math.inf and bad < 0):
        return  # a bound that may be far away
    with pytest.raises(ValueError, match=rf"^{name}: got .*expected"):
        changed(preset("guarded", HOME), {name: [bad] * np.size(SHOWN[name])})


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if not setting.scalar])
def test_an_array_of_another_length_is_refused(name):
    size = np.size(SHOWN[name]) + 1
    with pytest.raises(ValueError, match=f"^{name}: got .*expected"):
        changed(preset("guarded", HOME), {name: [0.1] * size})


def test_one_bad_value_among_good_ones_changes_nothing():
    gains = preset("guarded", HOME)
    before = gains.copy()
    with pytest.raises(ValueError):
        changed(gains, {"task.k_pos_x": 100.0, "task.error_clip.y": 0.02, "filter_time_s": math.nan})
    assert gains.tobytes() == before.tobytes()


@given(stiffness=st.floats(0.0, 5000.0), clip=st.floats(0.0, 0.2))
def test_whatever_is_accepted_keeps_the_force_cap(stiffness, clip):
    changes = {"task.k_pos_x": stiffness, "task.error_clip.x": clip}
    try:
        gains = changed(preset("guarded", HOME), changes)
    except ValueError as error:
        assert "force cap" in str(error) and stiffness * clip > 60.0
    else:
        assert (force_cap(gains) <= gains.force_limit).all()


def test_a_preset_replaces_the_arms_gains_but_not_its_workspace_and_what_was_given_changes_it():
    own = preset("guarded", HOME, workspace_lower=[0.1, -0.2, 0.0], workspace_upper=[0.6, 0.2, 0.5])
    assert first_gains(own, "", {}, load_arm("fr3")) is own
    gains = first_gains(own, "compliant", {"filter_time_s": 0.07}, load_arm("fr3"))
    np.testing.assert_array_equal(gains.workspace_upper, [0.6, 0.2, 0.5])
    np.testing.assert_array_equal(gains.stiffness, preset("compliant", HOME).stiffness)
    assert gains.filter_time_s == 0.07


@pytest.mark.parametrize("name", sorted(PARITY))
def test_a_preset_without_guards_is_for_simulated_arms_and_for_files_that_allow_it(name):
    own, fr3 = preset("guarded", HOME), load_arm("fr3")
    with pytest.raises(ValueError, match="has no guards, for the driver 'franka'"):
        first_gains(own, name, {}, fr3)
    allowed = replace(fr3, gains={"preset": name, "unguarded": True})
    for arm in (load_arm("simulated"), allowed):
        assert first_gains(own, name, {}, arm).start_checks == 0.0
    assert gains_of(allowed).start_checks == 0.0
    with pytest.raises(ValueError, match="unguarded: true"):
        gains_of(replace(fr3, gains={"preset": name}))


def test_constant_damping_that_comes_one_by_one_is_completed_by_what_is_shown():
    names = [name for name, setting in SETTINGS.items() if setting.field == "constant_damping"]
    shown = dict.fromkeys(names, 20.0) | {names[0]: 0.0}
    gains = changed(preset("guarded", HOME), with_damping({names[0]: 10.0}, shown.__getitem__))
    np.testing.assert_array_equal(gains.constant_damping, [10.0, 20.0, 20.0, 20.0, 20.0, 20.0])


def test_only_parameters_that_do_not_show_what_is_in_force_are_stale():
    gains = preset("guarded", HOME)
    shown = values_of(gains)
    assert stale(gains, shown.__getitem__) == {}
    softer = changed(gains, {"task.k_pos_y": 321.0})
    assert set(stale(softer, shown.__getitem__)) == {"stiffness", "task.k_pos_y"}


def test_shown_values_of_any_gains_can_be_set_again_together_with_the_names_of_their_entries():
    gains = preset("guarded", HOME, clip_lower=[-0.01] * 6, clip_upper=[0.05] * 3 + [0.2] * 3)
    assert changed(preset("compliant", HOME), values_of(gains)).clip_lower.tolist() == [-0.01] * 6


def test_a_home_pose_is_normalised_and_zeros_name_none():
    p, quat = home_of([0.4, 0.0, 0.3, 0.0, 2.0, 0.0, 0.0])
    assert p.tolist() == [0.4, 0.0, 0.3] and quat.tolist() == [0.0, 1.0, 0.0, 0.0]
    assert home_of([0.0] * 7) is None and home_of([0.4, 0.0, 0.3]) is None
