"""Check of an arm's gripper: it connects, and on request it moves."""

import time
from collections.abc import Callable, Iterator

from controllers.drivers.grippers import gripper_class
from controllers.drivers.grippers.contract import CONNECTING, Gripper, GripperSpec, GripperState
from controllers.drivers.grippers.process import GripperProcess
from robot_rl.doctor.finding import Finding

CONNECT_LIMIT_S, MOVE_LIMIT_S = 30.0, 10.0  # activation and homing open and close the fingers
POLL_S = 0.02


def check_gripper(spec: GripperSpec | None, moves: bool) -> Iterator[Finding]:
    """Yield whether the gripper answers, its width, and on request whether it opens and closes.

    Args:
        moves: whether its fingers may move. One that was not activated or homed moves when it is connected.
    """
    if spec is None:
        yield Finding("optional", "gripper", "the arm's file names none: `gripper: {driver: ...}`; see docs/drivers.md")
        return
    if not spec.address and getattr(gripper_class(spec.driver), "NEEDS_ADDRESS", False):
        yield Finding("optional", "gripper", f"{spec.driver} not checked; add --address and the arm's address")
        return
    gripper = GripperProcess(spec)
    try:
        yield from _examine(gripper, spec, moves)
    finally:
        gripper.close()


def _examine(gripper: Gripper, spec: GripperSpec, moves: bool) -> Iterator[Finding]:
    state = _until(gripper, lambda state: state.fault != CONNECTING and (state.fault != "" or state.width_m >= 0.0))
    if state.fault:
        silent = f"no answer within {CONNECT_LIMIT_S:g} s; check its power, cable and address"
        yield Finding("missing", "gripper", f"{spec.driver}: {silent if state.fault == CONNECTING else state.fault}")
        return
    yield Finding("ok", "gripper", f"{spec.driver}: {state.width_m:.3f} m open, at most {state.width_max_m:.3f} m")
    if not moves:
        yield Finding("optional", "gripper motion", "not tried; take away what is near its fingers, add --move-gripper")
        return
    for name, width_m in (("opening", state.width_max_m), ("closing", 0.0), ("opening again", state.width_max_m)):
        yield _move(gripper, spec, name, width_m)


def _move(gripper: Gripper, spec: GripperSpec, name: str, width_m: float) -> Finding:
    start, start_s = gripper.state(), time.monotonic()
    gripper.command(width_m, spec.speed_m_s, spec.force_n)
    end = _until(gripper, lambda state: state.fault != "" or not state.moving, MOVE_LIMIT_S)
    what = f"gripper {name}"
    if end.fault or end.moving:
        return Finding("missing", what, end.fault or f"still moving after {MOVE_LIMIT_S:g} s; free the fingers")
    held = "an object is detected" if end.object_detected else "no object is detected"
    took_s = time.monotonic() - start_s
    return Finding("ok", what, f"{start.width_m:.3f} to {end.width_m:.3f} m in {took_s:.1f} s; {held}")


def _until(gripper: Gripper, done: Callable[[GripperState], bool], limit_s: float = CONNECT_LIMIT_S) -> GripperState:
    end_s = time.monotonic() + limit_s
    while not done(state := gripper.state()) and time.monotonic() < end_s:
        time.sleep(POLL_S)
    return state
