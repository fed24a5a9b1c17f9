"""One tick: target -> reference -> law -> guards, and the mode of the loop.

IDLE -- activate --> STARTING -> ACTIVE <-> HOLDING -> DAMPING -- fresh target --> ACTIVE
any -- nan, bad model, bad clock --> FAULT -- activate --> STARTING
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from controllers.arm import ArmDynamics, ArmLimits, ArmState, Mode, Reason, Target
from controllers.compilation import compiled, inner, pasted
from controllers.gains import Gains, force_cap, make_gains
from controllers.geometry import FloatArray, quat_from_matrix, rotation_error
from controllers.impedance import (
    Workspace,
    constant_damping,
    critical_damping,
    factor_dynamics,
    impedance_torque,
    own_torque,
    to_task,
    workspace_dtype,
)
from controllers.reference import Goal, advance_reference, all_finite, check_target, goal_dtype, take_target
from controllers.safety import fault_torque, limit_power, limit_torque, limit_velocity

__all__ = [
    "Counter",
    "LoopState",
    "activate",
    "deactivate",
    "force_cap",
    "look",
    "make_gains",
    "make_loop_state",
    "tick",
]

DT_MAX_S = 0.010  # a longer gap counts as a missed deadline, and buys no larger torque step
DT_MIN_S = 0.0001  # stands in for a dt that is not a positive number, while the fault brakes the arm


class Counter(IntEnum):
    """Index into LoopState.counters."""

    TICKS = 0
    DEADLINES_MISSED = 1
    TARGETS_TAKEN = 2
    TARGETS_DROPPED = 3
    HOLDS = 4
    FAULTS = 5


LoopState = NDArray[
    np.void
]  # (1,) of the record `Memory`: an array reaches compiled code 30 times faster than a record


class Memory(Protocol):
    """Everything the loop remembers. Owned by one loop; change it through `activate` and `deactivate` only."""

    mode: int  # a Mode
    fault: int  # the Reason of the fault
    counters: NDArray[np.int64]  # by Counter
    refresh_in: int  # ticks until the damping matrix is computed again
    goal: Goal  # the last target that was taken
    reference_p: FloatArray  # (3,) [m]
    reference_quat_xyzw: FloatArray  # (4,)
    stiffness_scale: float  # 0..1
    damping: FloatArray  # (6, 6) D in the task frame
    tau: FloatArray  # (N,) last command [N m]
    work: Workspace


def make_loop_state(joints: int) -> LoopState:
    """Memory for an arm of `joints` joints, in STARTING: the first tick takes the present pose as its target."""
    fields = [
        ("mode", "i8"),
        ("fault", "i8"),
        ("counters", "i8", (len(Counter),)),
        ("refresh_in", "i8"),
        ("goal", goal_dtype()),
        ("reference_p", "f8", (3,)),
        ("reference_quat_xyzw", "f8", (4,)),
        ("stiffness_scale", "f8"),
        ("damping", "f8", (6, 6)),
        ("tau", "f8", (joints,)),
        ("work", np.dtype(workspace_dtype(joints), align=True)),
    ]
    memory = np.zeros(1, np.dtype(fields, align=True))
    memory["mode"] = Mode.STARTING
    return memory


def look(memory: LoopState) -> Memory:
    """The loop's memory with its fields as attributes, for reading: `look(memory).mode`. It follows each tick."""
    return cast(Memory, memory.view(np.recarray)[0])


@compiled
def activate(memory: LoopState) -> None:
    """Clear a fault and start from where the arm is. Call it after each reset of a simulated arm, too."""
    memory[0].mode = Mode.STARTING.value
    memory[0].fault = Reason.OK.value


@compiled
def deactivate(memory: LoopState) -> None:
    """Stop following targets: the arm floats."""
    memory[0].mode = Mode.IDLE.value


@inner
def _hold_here(state: ArmState, memory: Memory) -> None:
    """Take the present pose as the goal and as the reference, without feed-forward. The goal keeps its stamp."""
    quat = quat_from_matrix(state.R)
    for i in range(3):
        memory.goal.p[i] = state.p[i]
        memory.reference_p[i] = state.p[i]
    for i in range(4):
        memory.goal.quat_xyzw[i] = quat[i]
        memory.reference_quat_xyzw[i] = quat[i]
    for i in range(6):
        memory.goal.twist[i] = 0.0
        memory.goal.wrench[i] = 0.0


@inner
def _start(state: ArmState, memory: Memory, now_s: float) -> None:
    _hold_here(state, memory)
    memory.goal.stamp_s = np.nextafter(now_s, -math.inf)  # a target of this very instant counts as fresh
    memory.stiffness_scale = 0.0
    memory.refresh_in = 0
    memory.mode = Mode.ACTIVE.value


@pasted
def _consider(state: ArmState, target: Target, gains: Gains, memory: Memory, now_s: float) -> int:
    """Take the target if it is good and new; say why when it is dropped."""
    verdict = check_target(target, gains, memory.goal.stamp_s, now_s)
    if verdict != Reason.OK.value:
        memory.counters[Counter.TARGETS_DROPPED.value] += 1
    elif target.stamp_s[0] > memory.goal.stamp_s:
        if memory.mode == Mode.DAMPING.value:  # the arm has sagged away from the reference: start from where it is
            _hold_here(state, memory)
        take_target(target, memory.goal)
        memory.mode = Mode.ACTIVE.value
        memory.counters[Counter.TARGETS_TAKEN.value] += 1
    return verdict


@inner
def _watch_age(state: ArmState, gains: Gains, memory: Memory, now_s: float) -> int:
    """The ladder: late -> hold the pose, gone -> damping only. Fresh targets lead back up in `_consider`."""
    age_s = now_s - memory.goal.stamp_s
    if age_s <= gains.hold_after_s:
        return Reason.OK.value
    if memory.mode == Mode.ACTIVE.value:
        _hold_here(state, memory)
        memory.mode = Mode.HOLDING.value
        memory.counters[Counter.HOLDS.value] += 1
    if age_s <= gains.damp_after_s:
        return Reason.TARGET_LATE.value
    memory.mode = Mode.DAMPING.value
    return Reason.TARGET_GONE.value


@inner
def _ramp_stiffness(ramp_s: float, memory: Memory, dt_s: float) -> None:
    step = dt_s / ramp_s if ramp_s > 0.0 else 1.0
    step = -step if memory.mode == Mode.DAMPING.value else step
    memory.stiffness_scale = min(max(memory.stiffness_scale + step, 0.0), 1.0)


@pasted
def _refresh_damping(gains: Gains, memory: Memory) -> None:
    """The damping matrix changes slowly with q; its eigenvalue problem is half of a tick's cost."""
    memory.refresh_in -= 1
    if memory.refresh_in > 0:
        return
    memory.refresh_in = int(gains.damping_refresh_ticks)
    if not constant_damping(gains.constant_damping, memory.damping):
        work = memory.work
        ratio = gains.damping_ratio
        critical_damping(work.mobility_factor, gains.stiffness, ratio, work.sandwich, work.modes, memory.damping)


@inner
def _express_in_task(state: ArmState, R: FloatArray, memory: Memory) -> None:
    """Error, goal twist and goal wrench, rotated into the task frame."""
    work, goal = memory.work, memory.goal
    p, ref = state.p, memory.reference_p
    e_R = rotation_error(quat_from_matrix(state.R), memory.reference_quat_xyzw)
    to_task(R, 0, ref[0] - p[0], ref[1] - p[1], ref[2] - p[2], work.error)
    to_task(R, 3, e_R[0], e_R[1], e_R[2], work.error)
    for offset in range(0, 6, 3):
        to_task(R, offset, goal.twist[offset], goal.twist[offset + 1], goal.twist[offset + 2], work.twist_goal)
        to_task(R, offset, goal.wrench[offset], goal.wrench[offset + 1], goal.wrench[offset + 2], work.wrench_goal)


@pasted
def _follow(
    state: ArmState, dynamics: ArmDynamics, gains: Gains, memory: Memory, dt_s: float, tau_out: FloatArray
) -> int:
    """Reference and law; the reason of a fault, or OK."""
    if not factor_dynamics(dynamics, gains.task_R, memory.work):
        return Reason.MASS_MATRIX_NOT_POSITIVE.value
    advance_reference(memory.goal, gains, dt_s, memory.reference_p, memory.reference_quat_xyzw)
    _ramp_stiffness(gains.ramp_s, memory, dt_s)
    _refresh_damping(gains, memory)
    _express_in_task(state, gains.task_R, memory)
    impedance_torque(state, dynamics.M, gains, memory.stiffness_scale, memory.damping, memory.work, tau_out)
    return Reason.OK.value if all_finite(tau_out) else Reason.COMMAND_NOT_FINITE.value


@inner
def _rows_finite(A: FloatArray) -> bool:
    total = 0.0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            total += A[i, j] - A[i, j]
    return total == 0.0


@inner
def _check_inputs(state: ArmState, dynamics: ArmDynamics, dt_s: float, now_s: float) -> int:
    if not (dt_s > 0.0 and math.isfinite(dt_s) and math.isfinite(now_s)):
        return Reason.TIME_NOT_VALID.value
    if not (all_finite(state.q) and all_finite(state.dq) and all_finite(state.tau) and all_finite(state.p)):
        return Reason.STATE_NOT_FINITE.value
    if not _rows_finite(state.R):
        return Reason.STATE_NOT_FINITE.value
    if not (_rows_finite(dynamics.J) and _rows_finite(dynamics.M)):
        return Reason.DYNAMICS_NOT_FINITE.value
    if not (all_finite(dynamics.coriolis) and all_finite(dynamics.gravity)):
        return Reason.DYNAMICS_NOT_FINITE.value
    return Reason.OK.value


@pasted
def _run_mode(
    state: ArmState,
    dynamics: ArmDynamics,
    target: Target,
    gains: Gains,
    memory: Memory,
    dt_s: float,
    now_s: float,
    tau_out: FloatArray,
) -> int:
    """The unguarded torque of the present mode, and the reason of it."""
    if memory.mode == Mode.IDLE.value:
        for k in range(tau_out.shape[0]):
            tau_out[k] = memory.work.tau_own[k]
        return Reason.IDLE.value
    if memory.mode == Mode.STARTING.value:
        _start(state, memory, now_s)
    dropped = _consider(state, target, gains, memory, now_s)
    late = _watch_age(state, gains, memory, now_s)
    return max(_follow(state, dynamics, gains, memory, dt_s, tau_out), max(dropped, late))


@inner
def _fail(reason: int, memory: Memory) -> None:
    """Latch a fault: only activate() clears it, because a cause that nobody looked at comes back."""
    memory.counters[Counter.FAULTS.value] += 1
    memory.fault = reason
    memory.mode = Mode.FAULT.value


@pasted
def _guard_motion(state: ArmState, M: FloatArray, limits: ArmLimits, memory: Memory, tau_out: FloatArray) -> int:
    reduced = Reason.OK.value
    if limit_velocity(state.dq, M, limits.dq_max, memory.work.tau_own, tau_out):
        reduced = Reason.VELOCITY_LIMITED.value
    if limit_power(state.dq, limits.power_max, memory.work.tau_own, tau_out):
        reduced = max(reduced, Reason.POWER_LIMITED.value)
    return reduced


@inner
def _emit(measured: FloatArray, limits: ArmLimits, memory: Memory, dt_s: float, tau_out: FloatArray) -> None:
    """Torque and rate guards, anchored on the measured torque; on the last command where that is not finite."""
    if all_finite(measured):
        for k in range(tau_out.shape[0]):
            memory.tau[k] = measured[k]
    limit_torque(memory.tau, limits.tau_max, limits.tau_rate_max, dt_s, tau_out)
    for k in range(tau_out.shape[0]):
        tau_out[k] = tau_out[k] if math.isfinite(tau_out[k]) else 0.0
        memory.tau[k] = tau_out[k]


@compiled
def tick(
    state: ArmState,
    dynamics: ArmDynamics,
    target: Target,
    gains: Gains,
    limits: ArmLimits,
    memory: LoopState,
    dt_s: float,
    now_s: float,
    tau_out: FloatArray,
) -> int:
    """One step of the control loop: write the torque command into tau_out, return a Reason.

    Never raises and never writes a value that is not finite or beyond the limits: on nan, a bad model or a bad clock
    it latches Mode.FAULT and commands joint damping until `activate`. Rates scale with the measured dt_s, of which at
    most 10 ms count.

    Shapes: tau_out (N,).  Units: dt_s, now_s [s]; tau_out [N m].
    """
    own = memory[0]
    own.counters[Counter.TICKS.value] += 1
    if not dt_s <= DT_MAX_S:
        own.counters[Counter.DEADLINES_MISSED.value] += 1
    step_s = min(dt_s, DT_MAX_S) if dt_s > 0.0 else DT_MIN_S
    reason = _check_inputs(state, dynamics, dt_s, now_s)
    own_torque(dynamics, gains.compensate_gravity, own.work.tau_own)
    if own.mode != Mode.FAULT.value:
        if reason == Reason.OK.value:
            reason = _run_mode(state, dynamics, target, gains, own, step_s, now_s, tau_out)
        if reason >= Reason.STATE_NOT_FINITE.value:
            _fail(reason, own)
    if own.mode == Mode.FAULT.value:
        reason = own.fault
        fault_torque(state.dq, dynamics.M, own.work.tau_own, tau_out)
    else:
        reason = max(reason, _guard_motion(state, dynamics.M, limits, own, tau_out))
    _emit(state.tau, limits, own, step_s, tau_out)
    return reason
