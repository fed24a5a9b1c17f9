"""Compiled code does not check bounds: wrong arrays are refused before the loop starts."""

import numpy as np
import pytest

from controllers.law.control_loop import check_shapes
from controllers.law.gains import make_gains
from controllers.law.tick import make_controller_state
from tests.controllers.plant import HOME, Rig


def test_the_right_arrays_pass():
    check_shapes(Rig(make_gains(HOME)).arrays)


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
        ("limits", "tau_max", np.zeros(6)),
    ],
)
def test_a_wrong_array_is_refused_by_name(part, field, value):
    loop = Rig(make_gains(HOME)).arrays
    loop = loop._replace(**{part: getattr(loop, part)._replace(**{field: value})})
    with pytest.raises(ValueError, match=f"{field}: got"):
        check_shapes(loop)


@pytest.mark.parametrize(("part", "value"), [("gains", make_gains(np.zeros(6))), ("memory", make_controller_state(6))])
def test_a_record_of_another_arm_is_refused_by_name(part, value):
    with pytest.raises(ValueError, match=f"{part}: got"):
        check_shapes(Rig(make_gains(HOME)).arrays._replace(**{part: value}))
