"""A payload is found from the wrench that it exerts at rest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from robot_rl.core.errors import ConfigError
from robot_rl.hardware.payload import GRAVITY, identify_load


def wrench(R, mass_kg, com_m):
    force = mass_kg * GRAVITY
    return np.concatenate([force, np.cross(R @ com_m, force)])


@given(st.floats(0.1, 5.0), st.lists(st.floats(-0.15, 0.15), min_size=3, max_size=3), st.integers(0, 2**32 - 1))
def test_mass_and_centre_are_found_under_noise(mass_kg, com_m, seed):
    rng = np.random.default_rng(seed)
    tilts = [[0.6, 0.0, 0.3], [-0.6, 0.2, 0.0], [0.0, 0.7, -0.5], [0.2, -0.7, 0.0], [0.0, 0.0, 1.0]]
    rotations = [Rotation.from_rotvec(tilt).as_matrix() @ np.diag([1.0, -1.0, -1.0]) for tilt in tilts]
    noise = rng.normal(scale=[0.1] * 3 + [0.01] * 3, size=(len(tilts), 6))
    load = identify_load(rotations, [wrench(R, mass_kg, com_m) + n for R, n in zip(rotations, noise, strict=True)])
    assert load.mass_kg == pytest.approx(mass_kg, abs=0.05)
    np.testing.assert_allclose(load.mass_kg * load.com_m, mass_kg * np.array(com_m), atol=0.02)
    assert load.residual_n < 0.5


def test_poses_of_one_tilt_and_too_few_are_refused():
    upright = [Rotation.from_rotvec([0.0, 0.0, yaw]).as_matrix() for yaw in (0.0, 0.5, 1.0)]
    with pytest.raises(ConfigError, match="two axes"):
        identify_load(upright, [wrench(R, 1.0, [0.0, 0.0, 0.1]) for R in upright])
    with pytest.raises(ConfigError, match="3 or more"):
        identify_load(upright[:2], [np.zeros(6)] * 2)


def test_an_arm_that_carries_what_is_set_measures_nothing():
    rotations = [Rotation.from_rotvec(v).as_matrix() for v in ([0.0, 0.0, 0.0], [0.7, 0.0, 0.0], [0.0, 0.7, 0.0])]
    load = identify_load(rotations, [np.zeros(6)] * 3)
    assert load.mass_kg == pytest.approx(0.0) and not load.com_m.any()
