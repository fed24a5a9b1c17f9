"""The doctor's lines about a gripper."""

import pytest

from controllers.drivers.grippers.contract import GripperSpec
from robot_rl.cli import main
from robot_rl.doctor.finding import Finding
from robot_rl.doctor.gripper import check_gripper


def lines(spec: GripperSpec | None, moves: bool = False) -> dict[str, Finding]:
    return {finding.name: finding for finding in check_gripper(spec, moves)}


def test_a_gripper_that_answers_shows_its_width_and_is_moved_on_request_only() -> None:
    found = lines(GripperSpec("simulated"))
    assert found["gripper"] == Finding("ok", "gripper", "simulated: 0.080 m open, at most 0.080 m")
    assert found["gripper motion"].state == "optional" and "--move-gripper" in found["gripper motion"].value
    assert len(found) == 2


def test_a_moved_gripper_shows_way_time_and_what_it_holds() -> None:
    found = lines(GripperSpec("simulated", speed_m_s=0.2, settings={"object_m": 0.05}), moves=True)
    assert {finding.state for finding in found.values()} == {"ok"}
    assert "0.080 to 0.050 m" in found["gripper closing"].value
    assert "an object is detected" in found["gripper closing"].value
    assert "0.050 to 0.080 m" in found["gripper opening again"].value


@pytest.mark.parametrize(
    ("spec", "state", "words"),
    [
        (None, "optional", "gripper: {driver: ...}"),
        (GripperSpec("franka_hand"), "optional", "add --address"),
        (GripperSpec("robotiq_socket", "127.0.0.1", settings={"port": 1}), "missing", "install the URCap"),
    ],
)
def test_a_gripper_that_does_not_answer_has_the_next_step(spec: GripperSpec | None, state: str, words: str) -> None:
    found = lines(spec)["gripper"]
    assert found.state == state and words in found.value


@pytest.mark.slow
def test_the_gripper_is_part_of_the_check_of_an_arm(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "robot", "--arm", "simulated", "--seconds", "0.2", "--move-gripper"])
    out = capsys.readouterr().out
    assert "gripper closing" in out and "0.080 to 0.000 m" in out and "no object is detected" in out
