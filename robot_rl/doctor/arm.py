"""Checks of an arm's file against its model and against the connected arm."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping

import numpy as np

from controllers.arms.spec import ArmSpec, driver_class, load_arm
from controllers.drivers.contract import ArmReport, DriverError, make_feedback
from controllers.drivers.model import PinocchioModel
from controllers.geometry import quat_from_matrix, rotation_error
from robot_rl.doctor.finding import PROBE_LIMIT_S, Finding

TOLERANCE_M, TOLERANCE_RAD = 0.005, 0.02
TOLERANCE_KG, TOLERANCE_COM_M = 0.05, 0.01
GRAVITY_NOTABLE_NM = 1.0  # below, the torque at rest does not tell whether it holds gravity
LIMIT_SLACK = 1.001
AT_REST_NM = 3.0  # of friction and calibration; 6 N at half a metre. An activation refuses 5 N m (`start_torque_max`)


class NoReportError(Exception):
    """The arm does not connect; the text is the driver's."""


def read_report(arm: str, changes: Mapping[str, str]) -> ArmReport:
    """Connect an arm in a process of its own and return its report; moves nothing.

    Raises:
        NoReportError: it does not connect.
    """
    program = [sys.executable, "-m", "robot_rl.doctor.arm", arm, json.dumps(dict(changes))]
    try:
        ended = subprocess.run(program, capture_output=True, text=True, timeout=PROBE_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise NoReportError(f"no answer within {PROBE_LIMIT_S} s") from error
    if ended.returncode:
        raise NoReportError((ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1])
    values = json.loads(ended.stdout.splitlines()[-1])
    return ArmReport(*(np.array(value, dtype=np.float64) for value in values))


def check_model(arm: ArmSpec) -> Finding:
    """Return whether the file's limits lie within those of its model."""
    try:
        model = PinocchioModel(arm)
    except (ValueError, DriverError) as error:
        return Finding("missing", "model", str(error))
    own, limits = model.limits, arm.limits
    for name, beyond, bound in (
        ("q_lower", limits.q_lower < own.q_lower - 1e-3, own.q_lower),
        ("q_upper", limits.q_upper > own.q_upper + 1e-3, own.q_upper),
        ("dq_max", limits.dq_max > own.dq_max * LIMIT_SLACK, own.dq_max),
        ("tau_max", limits.tau_max > own.tau_max * LIMIT_SLACK, own.tau_max),
    ):
        if beyond.any():
            joint = int(np.argmax(beyond))
            text = f"limits.{name}: got {getattr(limits, name)[joint]:g} for {arm.joints[joint]}, expected"
            return Finding("missing", "model", f"{text} at most the model's {bound[joint]:g}; correct the arm's file")
    return Finding("ok", "model", f"{len(arm.joints)} joints, limits within the model's")


def compare(arm: ArmSpec, report: ArmReport) -> Iterator[Finding]:
    """Yield what differs between the arm's file and the connected arm."""
    if report.q.size != len(arm.joints):
        text = f"the arm has {report.q.size} joints, its file {len(arm.joints)}; is it another arm?"
        yield Finding("missing", "joints", text)
        return
    yield _joints(arm, report)
    if arm.model:
        yield from _against_model(arm, report)
    else:
        yield Finding("optional", "TCP", "not compared: the arm's file has no model")
    yield _payload(arm, report)
    yield _at_rest(arm, report.tau_external)


def _joints(arm: ArmSpec, report: ArmReport) -> Finding:
    outside = (report.q < arm.limits.q_lower) | (report.q > arm.limits.q_upper)
    if outside.any():
        joint = int(np.argmax(outside))
        bounds = f"[{arm.limits.q_lower[joint]:g}, {arm.limits.q_upper[joint]:g}]"
        advice = "guide it back, or correct the limits of the arm's file"
        text = f"{arm.joints[joint]} is at {report.q[joint]:.3f} rad, outside {bounds}; {advice}"
        return Finding("missing", "joints", text)
    return Finding("ok", "joints", f"{report.q.size}, all within their limits")


def _against_model(arm: ArmSpec, report: ArmReport) -> Iterator[Finding]:
    try:
        model, feedback = PinocchioModel(arm), make_feedback(len(arm.joints))
    except (ValueError, DriverError):
        return  # `check_model` has its line
    feedback.state.q[:] = report.q
    model.fill(feedback.state, feedback.dynamics)
    if np.isfinite(report.p).all():
        gap_m = float(np.linalg.norm(report.p - feedback.state.p))
        turn = rotation_error(quat_from_matrix(report.R), quat_from_matrix(feedback.state.R))
        gap = f"{1e3 * gap_m:.1f} mm and {np.linalg.norm(turn):.3f} rad from the arm's own"
        if gap_m > TOLERANCE_M or np.linalg.norm(turn) > TOLERANCE_RAD:
            advice = (
                "compare base_frame, tcp_frame and tcp with the TCP that is set on the arm; use its calibrated URDF"
            )
            yield Finding("missing", "TCP", f"the model's is {gap}; {advice}")
        else:
            yield Finding("ok", "TCP", f"the model's is {gap}")
    if arm.driver == "effort" and np.isfinite(report.tau_measured).all():
        yield _gravity(arm, report.tau_measured, feedback.dynamics.gravity)


def _gravity(arm: ArmSpec, tau: np.ndarray, gravity: np.ndarray) -> Finding:
    """Compare the effort at rest with the model's gravity: does the effort interface carry gravity?"""
    if np.linalg.norm(gravity) < GRAVITY_NOTABLE_NM:
        return Finding("optional", "gravity", "not compared: no gravity acts on the joints in this pose")
    carries = bool(np.linalg.norm(tau - gravity) < np.linalg.norm(tau)) if np.any(tau) else False
    if carries == bool(arm.setting("gravity_in_command", False)):
        return Finding("ok", "gravity", "in the effort" if carries else "not in the effort")
    text = f"the effort at rest {'equals' if carries else 'is without'} the model's gravity"
    return Finding("missing", "gravity", f"{text}; set `settings: {{gravity_in_command: {str(carries).lower()}}}`")


def _payload(arm: ArmSpec, report: ArmReport) -> Finding:
    set_kg, given = float(report.payload_kg), arm.payload
    if not np.isfinite(set_kg):
        return Finding("optional", "payload", "not compared: the arm does not report it")
    mass, com = (0.0, np.zeros(3)) if given is None else (given.mass_kg, given.com_m)
    near = abs(set_kg - mass) <= TOLERANCE_KG and (
        mass == 0.0 or np.allclose(report.payload_com_m, com, atol=TOLERANCE_COM_M)
    )
    found = f"{set_kg:.2f} kg at {np.round(report.payload_com_m, 3).tolist()} m on the arm"
    if near:
        return Finding("ok", "payload", found)
    text = f"{found}, {mass:.2f} kg at {np.round(com, 3).tolist()} m in its file; weigh the tool, set both alike"
    return Finding("missing", "payload", text)


def _at_rest(arm: ArmSpec, tau: np.ndarray) -> Finding:
    """Compare the arm's own estimate of external torque at rest with none: of its joint sensors, or of a UR's wrist."""
    if not np.isfinite(tau).all():
        return Finding("optional", "load at rest", "not compared: the arm reports none; see `robot-rl payload`")
    joint = int(np.argmax(np.abs(tau)))
    text = f"{tau[joint]:.1f} N m in {arm.joints[joint]} beside model and payload"
    if abs(tau[joint]) <= AT_REST_NM:
        return Finding("ok", "load at rest", text)
    advice = "free the arm of contact, weigh the tool (`robot-rl payload`), zero a force-torque sensor with it"
    return Finding("missing", "load at rest", f"{text}, expected at most {AT_REST_NM:g}; {advice}")


def main() -> int:
    """Connect the arm of the arguments and print its report as JSON."""
    try:
        arm = load_arm(sys.argv[1], **json.loads(sys.argv[2]))
        driver = driver_class(arm.driver).from_arm(arm)
        with contextlib.closing(driver):
            driver.connect()
            print(json.dumps([np.asarray(value).tolist() for value in driver.report()]))
    except (DriverError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
