"""Diagnostics of the node: level, message and metrics of the loop."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from controllers.arm import REASON_TEXT, Mode, Reason
from controllers.drivers.grippers.contract import GripperState
from controllers.host.mailbox import HostState
from controllers.law.controller_state import Counter
from controllers.ros.rejection import RejectCounter

SATURATIONS = (Reason.POWER_LIMITED, Reason.VELOCITY_LIMITED, Reason.ENERGY_LIMITED, Reason.SINGULAR,
               Reason.FORCE_LIMITED, Reason.TARGET_OUTSIDE_WORKSPACE)  # fmt: skip
MOTION_ENDS = (Reason.MOTION_LOST, Reason.MOTION_BLOCKED, Reason.MOTION_TOO_FAST, Reason.MOTION_OUTSIDE)
NEAR_LIMIT = 0.9  # of a joint's torque


class Level(IntEnum):
    """As in diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


class StatusReport(NamedTuple):
    """A DiagnosticStatus without its message class."""

    level: Level
    message: str
    values: tuple[tuple[str, str], ...]


class NodeStatus(NamedTuple):
    """State of the node besides the loop's."""

    lifecycle: str
    charge: str
    source: str
    handovers: int
    held: str
    """Why no command passes; else empty."""
    trouble: str
    """Fault of the loop; empty while it runs."""
    graph: tuple[str, ...]
    """Warnings of the graph, newest last."""
    clock_jumps: int
    gripper: GripperState | None = None
    """None without one."""
    stopped_by: tuple[str, ...] = ()
    """Sources of the latched stops."""


def status(state: HostState | None, situation: NodeStatus) -> StatusReport:
    """Return the status: few values, published when one of them changes."""
    level, message = _verdict(state, situation)
    mode = "NONE" if state is None else state.mode.name
    values = {
        "mode": mode,
        "lifecycle": situation.lifecycle,
        "charge": situation.charge,
        "source": situation.source,
        "held": situation.held,
        "stopped by": ", ".join(situation.stopped_by),
        "motion": "" if state is None else _motion_end(state),
    }
    if (gripper := situation.gripper) is not None:
        activity = "moving" if gripper.moving else "holds an object" if gripper.object_detected else "ok"
        values["gripper"] = gripper.fault or activity
    return StatusReport(level, message, tuple(values.items()))


def _motion_end(state: HostState) -> str:
    """Return why the last joint motion or guiding ended by itself, short of its goal; empty otherwise."""
    result = state.values[0]["motion_result"]
    return REASON_TEXT[Reason(result)] if result in MOTION_ENDS else ""


def _verdict(state: HostState | None, situation: NodeStatus) -> tuple[Level, str]:
    if situation.trouble:
        return Level.ERROR, situation.trouble
    if state is None:
        return Level.WARN, "not configured: no loop runs, the arm holds itself"
    if state.busy:
        return Level.WARN, state.text
    if state.mode == Mode.FAULT:
        return Level.ERROR, state.text
    if situation.held:
        return Level.ERROR if situation.charge == "estop" else Level.WARN, f"the arm holds: {situation.held}"
    if state.reason >= Reason.START_MOVING or state.message:
        return Level.WARN, state.text
    if situation.gripper is not None and situation.gripper.fault:
        return Level.WARN, f"gripper: {situation.gripper.fault}"
    if situation.graph:
        return Level.WARN, situation.graph[-1]
    return Level.OK, state.text


def diagnostics(state: HostState | None, situation: NodeStatus, tally: RejectCounter, now_s: float) -> StatusReport:
    """Return the full diagnostics."""
    report = status(state, situation)
    values = dict(report.values) | {
        "hand-overs": str(situation.handovers),
        "clock jumps": str(situation.clock_jumps),
        "graph": "; ".join(situation.graph),
        "last refusal": tally.last,
        **{
            f"refused: {kind.value}": str(count)
            for kind, count in sorted(tally.counts.items(), key=lambda x: x[0].name)
        },
    }
    if situation.gripper is not None:
        values["gripper width [m]"] = f"{situation.gripper.width_m:.4f} of {situation.gripper.width_max_m:.4f}"
    if state is not None:
        values |= _loop_metrics(state, now_s)
    return StatusReport(report.level, report.message, tuple(values.items()))


def _loop_metrics(state: HostState, now_s: float) -> dict[str, str]:
    values = state.values[0]
    with np.errstate(all="ignore"):
        share = np.abs(values["tau"]) / values["tau_max"]
    condition = np.linalg.cond(values["J"]) if np.isfinite(values["J"]).all() else np.nan
    counters = {f"count: {counter.name.lower()}": f"{values['counters'][counter]:.0f}" for counter in Counter}
    saturations = {f"limited: {reason.name.lower()}": f"{values['reasons'][reason]:.0f}" for reason in SATURATIONS}
    return {
        "driver busy [s]": f"{now_s - values['busy_since_s']:.1f}" if state.busy else "",
        "reason": state.text,
        "loop period p50 [us]": f"{values['period_us_p50']:.0f}",
        "loop period p99 [us]": f"{values['period_us_p99']:.0f}",
        "loop period max [us]": f"{values['period_us_max']:.0f}",
        "deadlines missed": f"{values['misses'] + values['counters'][Counter.DEADLINES_MISSED]:.0f}",
        "state age [s]": f"{now_s - values['state_stamp_s']:.4f}",
        "target age [s]": f"{now_s - values['target_stamp_s']:.3f}",
        "condition of J": f"{condition:.1f}",
        "largest |tau|/limit": f"{share.max():.2f}" + (" near the limit" if share.max() > NEAR_LIMIT else ""),
        "force cap [N, N m]": " ".join(f"{value:.1f}" for value in values["force_cap"]),
        **counters,
        **saturations,
    }
