"""From the node's parameters to the loop's command line."""

import importlib
import inspect

import pytest

from controllers.arm import KNOWN_ARMS
from controllers.ros.arms import ARMS, WAYS, ArmChoice

FULL = {"robot_ip": "172.16.0.2", "urdf": "arm.urdf"}


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_has_as_many_names_as_limits_and_a_posture_inside_them(arm):
    limits = KNOWN_ARMS[arm]
    assert len(ARMS[arm].joint_names) == limits.q_lower.size == len(ARMS[arm].posture)
    assert (limits.q_lower < ARMS[arm].posture).all() and (limits.q_upper > ARMS[arm].posture).all()


@pytest.mark.parametrize(("driver", "arm"), [(driver, arm) for driver, way in WAYS.items() for arm in way.arms])
def test_every_way_leads_to_a_function_that_takes_what_it_is_given(driver, arm):
    words = ArmChoice(driver, arm, **FULL).host_arguments("box", cpu=1)
    module, _, function = words[0].partition(":")
    settings = dict(word.partition("=")[::2] for word in words if "=" in word)
    inspect.signature(getattr(importlib.import_module(module), function)).bind(**settings)
    assert words[1] == "box" and "--with-parent" in words and words[-2:] == ["--cpu", "1"]


def test_a_shielded_loop_needs_a_core():
    assert ArmChoice().host_arguments("box", cpu=1, shield=True)[-3:] == ["--cpu", "1", "--shield"]
    with pytest.raises(ValueError, match="loop_shield: got no core"):
        ArmChoice().host_arguments("box", shield=True)


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"driver": "magic"}, r"driver: got 'magic', expected one of \['effort'"),
        ({"driver": "franka", "arm": "ur5e"}, r"arm: got 'ur5e' with the driver 'franka', expected one of \['fr3'\]"),
        ({"driver": "franka", "arm": "fr3"}, "robot_ip: got nothing"),
        ({"driver": "ur", "arm": "ur5e", "robot_ip": "10.0.0.2"}, "urdf: got nothing"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(choice, text):
    with pytest.raises(ValueError, match=text):
        ArmChoice(**choice)
