"""Compiled code does not check bounds: wrong arrays are refused before the loop starts."""

import numpy as np
import pytest

from controllers.law.gains import make_gains
from controllers.law.shapes import check_shapes
from tests.controllers.plant import HOME, Rig


def parts():
    rig = Rig(make_gains(HOME))
    return {
        "state": rig.plant.state,
        "dynamics": rig.plant.dynamics,
        "target": rig.target,
        "gains": rig.gains,
        "limits": rig.limits,
    }


def test_the_right_arrays_pass():
    check_shapes(**parts())


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("state", "dq", np.zeros(6)),
        ("state", "R", np.zeros(9)),
        ("state", "tau", np.zeros(7, dtype=np.float32)),
        ("dynamics", "J", np.zeros((7, 6))),
        ("dynamics", "M", np.zeros((14, 14))[::2, ::2]),
        ("target", "stamp_s", np.zeros(())),
        ("target", "quat_xyzw", [0.0, 0.0, 0.0, 1.0]),
        ("gains", "posture", np.zeros(6)),
        ("limits", "tau_max", np.zeros(6)),
    ],
)
def test_a_wrong_array_is_refused_by_name(part, field, value):
    given = parts()
    given[part] = given[part]._replace(**{field: value})
    with pytest.raises(ValueError, match=f"{field}: got"):
        check_shapes(**given)
