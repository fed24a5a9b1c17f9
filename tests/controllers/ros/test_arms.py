"""The node's choice of an arm: parameters to the command line of the control process."""

import pytest

from controllers.arms.spec import arm_names
from controllers.ros.arms import ArmChoice


@pytest.mark.parametrize("arm", [name for name in arm_names() if name != "simulated"])
def test_the_command_line_names_the_arm_and_what_the_parameters_change(arm):
    words = ArmChoice(arm=arm, robot_ip="172.16.0.2", namespace="left").host_arguments("box", cpu=1)
    assert words[:3] == [arm, "box", "--with-parent"] and words[-2:] == ["--cpu", "1"]
    assert words[3:7] == ["--set", "address=172.16.0.2", "--set", "namespace=left"]


def test_empty_parameters_leave_the_arms_own():
    choice = ArmChoice(arm="fr3")
    assert choice.host_arguments("box") == ["fr3", "box", "--with-parent"] and choice.joint_names[0] == "fr3_joint1"


def test_a_shielded_loop_needs_a_core():
    assert ArmChoice().host_arguments("box", cpu=1, shield=True)[-3:] == ["--cpu", "1", "--shield"]
    with pytest.raises(ValueError, match="loop_shield: got no core"):
        ArmChoice().host_arguments("box", shield=True)


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"driver": "frank"}, r"driver: got 'frank', expected one of .*did you mean 'franky'"),
        ({"arm": "ur5"}, r"arm: got 'ur5', expected one of .*did you mean 'ur5e'"),
        ({"arm": "nowhere/arm.yaml"}, r"arm: got 'nowhere/arm.yaml', expected a file"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(choice, text):
    with pytest.raises(ValueError, match=text):
        ArmChoice(**choice)
