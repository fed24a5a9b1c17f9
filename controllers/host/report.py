"""Published state of the loop, written into the mailbox in one compiled call after each tick."""

from typing import Annotated

from numba import literal_unroll

from controllers.arm import Reason
from controllers.compilation import compiled
from controllers.geometry import FloatArray
from controllers.law.control_loop import ControlLoop
from controllers.law.controller_state import ControllerState, Counters
from controllers.law.impedance import Scratch
from controllers.records import Axes3, Axes4, Axes6, Jacobian, Joints, Matrix3, Record

MESSAGE_BYTES = 256


class LoopReport(Record):
    """The mailbox's state. Fields that `ControllerState` or its scratch memory also have are copied from them.

    The black box records the fields before `tau_max`.
    """

    stamp_s: float  # of the tick, on the monotonic clock
    state_stamp_s: float  # of the robot's state
    target_stamp_s: float
    mode: int
    reason: int
    fault: int
    motion_number: int
    motion_result: int
    rejected: int  # the Reason why the newest target was dropped; 0: it was not
    cycles: int
    misses: int
    late_max_us: float
    period_us_p50: float
    period_us_p99: float
    period_us_max: float
    ended: float  # 1.0 in the last report: the arm holds itself
    busy: int  # a Busy: the driver blocks the loop
    busy_since_s: float
    robot_s: float  # the arm's own time
    driver_mode: int  # a DriverMode
    tank_j: float
    yield_scale: float
    q: Joints
    dq: Joints
    tau: Joints
    tau_external: Joints
    tau_measured: Joints  # sensed; nan where the arm has no sensor
    p: Axes3
    R: Matrix3
    reference_p: Axes3
    reference_quat_xyzw: Axes4
    wrench: Axes6  # in the task frame, as the gains
    external_wrench: Axes6  # in the base
    tau_max: Joints
    force_cap: Axes6
    J: Jacobian
    counters: Counters
    reasons: Annotated[FloatArray, max(Reason) + 1]
    message: Annotated[bytes, MESSAGE_BYTES]


def _shared(source: type[Record], scalars: bool) -> tuple[str, ...]:
    """Return the names of the fields that a record shares with the report."""
    fields = {name: field for name, field in source.fields.items() if name in LoopReport.fields}
    return tuple(name for name, field in fields.items() if (field.axes == ()) == scalars)


SCALARS, ARRAYS = _shared(ControllerState, True), _shared(ControllerState, False)
SCRATCH_ARRAYS = _shared(Scratch, False)


@compiled
def report(loop: ControlLoop, reason: int, now_s: float, tau_measured: FloatArray, out: LoopReport) -> None:
    """Write the changes of arm, law and guards since the last tick.

    `reason` is the tick's, `now_s` the control process' time [s].
    """
    state, own, values = loop.state, loop.memory[0], out[0]
    for name in literal_unroll(SCALARS):
        values[name] = own[name]
    for name in literal_unroll(ARRAYS):
        values[name][:] = own[name]
    for name in literal_unroll(SCRATCH_ARRAYS):
        values[name][:] = own.work[name]
    R, wrench = own.gains.task_R, own.work.external_wrench
    for i in range(6):
        row, offset = i % 3, i - i % 3
        values.external_wrench[i] = 0.0
        for k in range(3):
            values.external_wrench[i] += R[row, k] * wrench[offset + k]
    values.stamp_s, values.state_stamp_s, values.target_stamp_s = now_s, state.stamp_s[0], own.goal.stamp_s
    values.reason, values.robot_s = reason, state.robot_s[0]
    values.tau_measured[:] = tau_measured
    values.q[:], values.dq[:], values.tau[:] = state.q, state.dq, loop.tau
    values.p[:], values.R[:], values.J[:] = state.p, state.R, loop.dynamics.J
