"""A gripper from a file outside the package works wherever an arm's gripper is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controllers.drivers.grippers.process import GripperProcess
from controllers.ros.arms import ArmChoice
from robot_rl.cli import main
from tests.contracts.listings import listing
from tests.waiting import eventually


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    for name in ("lab_gripper.py", "pneumatic_arm.yaml"):
        (tmp_path / name).write_text(listing(name), encoding="utf-8")
    return tmp_path / "pneumatic_arm.yaml"


@pytest.fixture
def gripper(arm: Path) -> Iterator[GripperProcess]:
    """As the controller node starts it."""
    spec = ArmChoice(arm=str(arm)).gripper_spec
    assert spec is not None
    process = GripperProcess(spec)
    eventually(lambda: process.state().width_m == 0.05)
    yield process
    process.close()


def test_a_gripper_of_a_file_follows_commands_and_its_refusals_are_named(gripper: GripperProcess) -> None:
    gripper.command(0.0, 0.1, 100.0)
    eventually(lambda: gripper.state().width_m == 0.0 and not gripper.state().moving)
    gripper.command(0.05, 0.1, 500.0)
    assert "raise pressure_bar" in eventually(lambda: gripper.state().fault)
    gripper.command(0.05, 0.1, 100.0)
    eventually(lambda: gripper.state().width_m == 0.05 and gripper.state().fault == "")


@pytest.mark.slow
def test_the_doctor_moves_a_gripper_of_a_file(arm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "robot", "--arm", str(arm), "--seconds", "0.2", "--move-gripper"])
    out = capsys.readouterr().out
    assert "0.050 to 0.000 m" in " ".join(out.split())


def test_a_parameter_names_the_class_of_a_file_or_none(arm: Path) -> None:
    driver = f"{arm.with_name('lab_gripper.py')}:Pneumatic"
    spec = ArmChoice(arm="simulated", gripper=driver).gripper_spec
    assert spec is not None and spec.driver == driver
    assert ArmChoice(arm=str(arm), gripper="none").gripper_spec is None
    with pytest.raises(ValueError, match="did you mean 'simulated'"):
        ArmChoice(gripper="simulatd")
