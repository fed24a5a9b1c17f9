"""The doctor compares an arm's file with its model and with the connected arm, whose truth is the vendor's numbers."""

import importlib.metadata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controllers.arms.spec import ArmSpec, load_arm
from controllers.arms.values import Payload
from controllers.drivers.contract import ArmReport
from robot_rl.doctor.arm import NoReportError, check_model, compare, read_report
from robot_rl.doctor.finding import Finding
from tests.contracts.listings import listing
from tests.controllers.drivers.driver_rigs import FrankaRig, FrankyRig, UrRig
from tests.controllers.drivers.ur_kinematics import urdf, urdf_file

NARROW = load_arm("ur5e").limits._replace(q_upper=np.full(6, 0.15))
LOAD = Payload(0.7, np.array([0.0, 0.0, 0.05]), np.eye(3) * 1e-3)


def ur5e(**changes: object) -> ArmSpec:
    return replace(load_arm("ur5e", model=urdf_file("ur5e"), address="10.0.0.3"), **({"payload": LOAD} | changes))


def connected(rig: UrRig) -> ArmReport:
    rig.driver.connect()
    return rig.driver.report()  # type: ignore[attr-defined]


def found(arm: ArmSpec, report: ArmReport) -> dict[str, Finding]:
    return {finding.name: finding for finding in compare(arm, report)}


def test_a_ur_that_is_as_its_file_says_gets_ok_on_each_line() -> None:
    lines = found(ur5e(), connected(UrRig()))
    assert [(name, line.state) for name, line in lines.items()] == [
        ("joints", "ok"), ("TCP", "ok"), ("payload", "ok"), ("load at rest", "ok"),
    ]  # fmt: skip
    assert lines["TCP"].value == "the model's is 0.0 mm and 0.000 rad from the arm's own"


@pytest.mark.parametrize(
    ("changes", "line", "text"),
    [
        ({"base_frame": "base_link"}, "TCP", "mm and 3.14"),  # ur_description's root instead of the controller's frame
        ({"model": urdf_file("ur10e")}, "TCP", "compare base_frame"),
        ({"payload": None}, "payload", "0.70 kg at [0.0, 0.0, 0.05] m on the arm, 0.00 kg"),
        ({"payload": replace(LOAD, com_m=np.zeros(3))}, "payload", "weigh the tool"),
        ({"joints": ("a", "b")}, "joints", "the arm has 6 joints, its file 2"),
        (
            {"limits": load_arm("ur5e").limits._replace(q_upper=np.full(6, 0.15))},
            "joints",
            "is at 1.500 rad, outside [-3.14159, 0.15]",
        ),
    ],
)
def test_each_difference_has_its_line_with_the_next_step(changes: dict[str, object], line: str, text: str) -> None:
    lines = found(ur5e(**changes), connected(UrRig()))
    assert lines[line].state == "missing" and text in lines[line].value
    assert [name for name, finding in lines.items() if finding.state == "missing"] == [line]


@pytest.mark.parametrize("cause", ["a wrist's sensor that was not zeroed", "a load that is not set"])
def test_a_force_at_rest_is_named_with_its_joint_and_the_next_step(cause: str) -> None:
    rig = UrRig()
    rig.arm.tcp_force = [0.0, 0.0, -14.0, 0.0, 0.0, 0.0] if "load" in cause else [9.0, -9.0, 9.0, 0.5, 0.5, 0.5]
    line = found(ur5e(), connected(rig))["load at rest"]
    assert line.state == "missing" and "_joint beside model and payload, expected at most 3" in line.value
    assert "robot-rl payload" in line.value and "zero a force-torque sensor" in line.value


def franka_pose(q: np.ndarray) -> np.ndarray:
    """The TCP (4, 4) of an FER with its hand from Franka's table of modified Denavit-Hartenberg parameters."""
    rows = zip(
        (0, 0, 0, 0.0825, -0.0825, 0, 0.088, 0), (0.333, 0, 0.316, 0, 0.384, 0, 0, 0.107 + 0.1034),
        (0, -1, 1, 1, -1, 1, 1, 0), [*q, -np.pi / 4], strict=True,
    )  # fmt: skip
    T = np.eye(4)
    for a, d, quarter, theta in rows:
        c, s, ca, sa = np.cos(theta), np.sin(theta), np.cos(quarter * np.pi / 2), np.sin(quarter * np.pi / 2)
        T = T @ [[c, -s, 0, a], [s * ca, c * ca, -sa, -d * sa], [s * sa, c * sa, ca, d * ca], [0, 0, 0, 1]]
    return np.asarray(T)


def test_a_franka_is_compared_with_its_own_report_of_tcp_and_payload() -> None:
    files = importlib.metadata.files("example-robot-data") or []
    model = str(next(file for file in files if file.name == "panda.urdf").locate())
    names = {"joints": tuple(f"panda_joint{i}" for i in range(1, 8)), "tcp_frame": "panda_hand_tcp"}
    names["flange_frame"] = "panda_link8"
    arm = replace(load_arm("fer", model=model, address="10.0.0.2"), **names)
    T = franka_pose(np.array(arm.posture))
    report = ArmReport(np.array(arm.posture), np.zeros(7), T[:3, 3], T[:3, :3], 0.0, np.zeros(3), np.zeros(7))
    assert {finding.state for finding in compare(arm, report)} == {"ok"}
    other = {finding.name: finding for finding in compare(arm, report._replace(p=T[:3, 3] - 0.1034 * T[:3, 2]))}
    assert "103.4 mm" in other["TCP"].value  # a hand that is not configured in Desk


@pytest.mark.parametrize("kind", [FrankaRig, FrankyRig])
def test_both_franka_drivers_report_the_load_that_the_arm_holds(kind: type[FrankaRig]) -> None:
    rig = kind()
    rig.arm.load = (0.4, [0.0, 0.0, 0.03])
    report = connected(rig)  # type: ignore[arg-type]
    assert report.payload_kg == 0.4 and report.payload_com_m.tolist() == [0.0, 0.0, 0.03]
    lines = found(load_arm("fr3"), report)
    assert lines["payload"].state == "missing" and lines["TCP"].value == "not compared: the arm's file has no model"


@pytest.mark.parametrize("in_effort", [True, False])
@pytest.mark.parametrize("in_file", [True, False])
def test_the_gravity_flag_of_an_effort_arm_is_that_of_its_effort_at_rest(in_effort: bool, in_file: bool) -> None:
    from controllers.drivers.contract import make_feedback
    from tests.controllers.drivers.driver_rigs import ur5e_model

    arm = ur5e(driver="effort", settings={"gravity_in_command": in_file})
    feedback = make_feedback(6)
    feedback.state.q[:] = arm.posture
    ur5e_model().fill(feedback.state, feedback.dynamics)
    tau = 0.9 * feedback.dynamics.gravity if in_effort else np.full(6, 0.2)  # friction holds a tenth
    line = found(arm, ArmReport(np.array(arm.posture), tau))["gravity"]
    assert (line.state == "ok") == (in_effort == in_file)
    assert line.state == "ok" or f"gravity_in_command: {str(in_effort).lower()}" in line.value


def test_limits_beyond_the_models_are_named(tmp_path: Path) -> None:
    assert check_model(ur5e()).state == "missing"  # the test's URDF allows 100 N m, the arm 150
    (tmp_path / "ur.urdf").write_text(urdf("ur5e").replace('effort="100"', 'effort="150"'))
    arm = ur5e(model=str(tmp_path / "ur.urdf"))
    assert "q_lower: got -6.28319 for shoulder_pan_joint, expected at most the model's -6.28" in check_model(arm).value
    (tmp_path / "ur.urdf").write_text(urdf("ur5e").replace("6.28", "6.2832").replace('effort="100"', 'effort="150"'))
    assert check_model(arm) == Finding("ok", "model", "6 joints, limits within the model's")
    assert "expected a URDF or MJCF file" in check_model(ur5e(model="nowhere")).value


def test_an_arm_of_a_file_is_asked_in_a_process_of_its_own(tmp_path: Path) -> None:
    for name in ("gantry.py", "gantry.yaml"):
        (tmp_path / name).write_text(listing(name), encoding="utf-8")
    report = read_report(str(tmp_path / "gantry.yaml"), {"address": "10.0.0.9"})
    assert report.q.tolist() == [0.0] * 6 and not np.isfinite(report.payload_kg)
    with pytest.raises(NoReportError, match="expected"):
        read_report("effort-less.yaml", {})
