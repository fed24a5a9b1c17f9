"""Presets by name: the published numbers, and arms that stay within their force caps."""

import numpy as np
import pytest

from controllers.arm import Mode, Reason
from controllers.law.gains import force_cap
from controllers.law.presets import NAMES, OWN, preset
from tests.controllers.plant import HOME, Plant, Rig, pose_target


@pytest.mark.parametrize("name", NAMES)
def test_an_arm_with_any_preset_starts_follows_and_stays_active(name):
    rig = Rig(preset(name, HOME))
    rig.run(0.7)
    rig.target = pose_target(rig.plant.state, (0.005, 0.005, 0.0))
    path = rig.run(1.0)
    assert rig.loop.mode == Mode.ACTIVE and rig.tick() in (Reason.OK, Reason.ENERGY_LIMITED)
    if name not in ("wrench",):
        assert np.linalg.norm(path[-1] - rig.target.p) < 2.5e-3


@pytest.mark.parametrize("name", NAMES)
def test_the_force_cap_is_within_what_a_person_may_feel(name):
    cap = force_cap(preset(name, HOME))
    assert (cap[:3] <= 60.0).all() and (cap[3:] <= 15.0).all()


def test_serls_numbers():
    """2000 N/m clipped at 10 mm; 150 N m/rad on half the angle, clipped at 0.05."""
    gains = preset("serl", HOME)
    np.testing.assert_allclose(force_cap(gains), [20.0] * 3 + [7.5] * 3)
    np.testing.assert_array_equal(gains.constant_damping, [89.0] * 3 + [7.0] * 3)
    ram = preset("hil_serl_ram", HOME)
    np.testing.assert_allclose(ram.clip_upper[:3], [0.0075, 0.0016, 0.0055])
    np.testing.assert_allclose(ram.clip_lower[:3], [-0.002, -0.0016, -0.005])


@pytest.mark.parametrize("name", OWN)
def test_our_own_presets_include_the_guards(name):
    gains = preset(name, HOME)
    assert gains.joint_margin_rad > 0.0 and gains.start_checks and gains.energy_max_j < np.inf
    assert (gains.contact_force_max < np.inf).all() and gains.state_age_max_s == 0.010


def test_a_wrench_preset_keeps_its_speed_limit():
    rig = Rig(preset("wrench", HOME))
    rig.target.wrench[1] = 1000.0
    path = rig.run(1.0)
    assert 0.15 < (path[-1, 1] - path[-101, 1]) / 0.1 < 20.0 / 80.0


def test_fields_can_be_changed_and_unknown_names_are_refused():
    assert preset("precise", HOME, ramp_s=0.2).ramp_s == 0.2
    with pytest.raises(ValueError, match=r"preset: got 'serll', expected one of .*'serl'"):
        preset("serll", HOME)
    with pytest.raises(ValueError, match="force cap"):
        preset("precise", HOME, stiffness=9000.0)


def test_presets_serve_arms_of_six_joints_too():
    assert preset("guarded", np.zeros(6)).friction_coulomb.shape == (6,)


def test_the_default_posture_is_far_from_singular():
    rig = Rig(preset("guarded", HOME), Plant(HOME))
    rig.tick()
    assert rig.loop.work.pivot > 2.0 * preset("guarded", HOME).singular_mobility
