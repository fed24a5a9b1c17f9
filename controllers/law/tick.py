"""One tick: target -> reference -> law -> guards, and the events of the modes (`controllers.law.modes`)."""

import math

import numpy as np

from controllers.arm import ArmLimits, ArmState, Mode, Reason, Target
from controllers.compilation import compiled, inner, pasted
from controllers.geometry import FloatArray
from controllers.law.active_gains import take_gains
from controllers.law.backoff import LONGEST_S, forget_recoveries, remember_pose, retrace, spend_recovery
from controllers.law.control_loop import ControlLoop
from controllers.law.controller_state import ControllerState, Counter, hold_here, hold_reference, make_controller_state
from controllers.law.energy_tank import record_energy
from controllers.law.gains import Gains
from controllers.law.impedance import own_torque
from controllers.law.inputs import check_freshness, check_inputs, check_rest, check_start
from controllers.law.joint_motion import in_motion, lead_joints
from controllers.law.modes import Event, next_mode
from controllers.law.reference import all_finite, check_target, take_target
from controllers.law.safety import fault_torque, limit_power, limit_torque, limit_velocity
from controllers.law.tracking import track

__all__ = ["ControlLoop", "Counter", "activate", "deactivate", "fail", "make_controller_state", "recover", "tick"]

DT_MAX_S = 0.010  # a longer gap counts as a missed deadline, and allows no larger torque step
CYCLE_SHARE = 0.9  # of the torque step that an arm accepts in its own cycle: a margin for rounding
DT_MIN_S = 0.0001  # replaces a dt that is not positive, while the fault brakes the arm


@compiled
def activate(memory: ControllerState) -> None:
    """Clear a fault and start from the arm's present pose. Call it after each reset of a simulated arm, too.

    After a fault only a person should request it: it also refills the recovery budget.
    """
    own = memory[0]
    own.mode = next_mode(own.mode, Event.ACTIVATE.value)
    own.fault = Reason.OK.value
    own.unchanged_s = 0.0
    own.path.count = 0
    forget_recoveries(own.path)


@compiled
def deactivate(memory: ControllerState) -> None:
    """Stop tracking targets: the arm floats."""
    memory[0].mode = next_mode(memory[0].mode, Event.DEACTIVATE.value)
    memory[0].fault = Reason.OK.value


@compiled
def fail(memory: ControllerState, reason: int) -> None:
    """Latch a fault that the host detected, such as Reason.ROBOT_STOPPED."""
    _fail(reason, memory[0])


@compiled
def recover(memory: ControllerState, gains: Gains, now_s: float) -> int:
    """Back off along the last path after a fault, then hold; return OK or the reason of a refusal.

    At most `recoveries_per_minute` times a minute: then the fault stays until a person activates.
    """
    own = memory[0]
    if own.mode != Mode.FAULT.value:
        return Reason.OK.value
    if own.fault == Reason.RECOVERIES_SPENT.value or not spend_recovery(
        own.path, gains[0].recoveries_per_minute, now_s
    ):
        own.fault = Reason.RECOVERIES_SPENT.value
        return own.fault
    own.mode = next_mode(own.mode, Event.RECOVER.value)
    own.path.left_m = -1.0  # the first tick checks the arm, then starts
    own.counters[Counter.RECOVERIES.value] += 1
    return Reason.OK.value


@inner
def _start(state: ArmState, requested: Gains, memory: ControllerState, now_s: float) -> None:
    """Bumpless: the goal is the present pose, the stiffness ramps up from zero."""
    hold_here(state, memory)
    memory.gains = requested
    for i in range(6):
        memory.wrench[i], memory.integral[i] = 0.0, 0.0
    memory.goal.stamp_s = np.nextafter(now_s, -math.inf)  # a target of this very instant counts as fresh
    memory.stiffness_scale = 0.0
    memory.yield_scale = 1.0
    memory.tank_j = requested.energy_max_j
    memory.refresh_in = 0
    for k in range(state.dq.shape[0]):
        memory.dq_last[k] = state.dq[k]
        memory.tau_external[k] = 0.0


@inner
def _try_start(state: ArmState, requested: Gains, limits: ArmLimits, memory: ControllerState, now_s: float) -> int:
    """ACTIVATING: start tracking, or return the reason of a refusal."""
    refused = check_start(state, limits, requested, memory.work.tau_own)
    event = Event.STARTED.value if refused == Reason.OK.value else Event.REFUSED.value
    memory.mode = next_mode(memory.mode, event)
    if refused == Reason.OK.value:
        _start(state, requested, memory, now_s)
    memory.fault = refused
    return refused


@inner
def _back_off(state: ArmState, requested: Gains, limits: ArmLimits, memory: ControllerState, now_s: float) -> int:
    """RECOVERING: check once, then lead the goal back along the path; at its end the watchdog restarts.

    The arm may press on what it ran into, so its load is not checked.
    """
    path = memory.path
    if path.left_m < 0.0:
        refused = check_rest(state, limits, requested)
        if refused != Reason.OK.value:
            memory.mode = next_mode(memory.mode, Event.REFUSED.value)
            memory.fault = refused
            return refused
        _start(state, requested, memory, now_s)
        memory.fault = Reason.OK.value
        path.left_m, path.until_s = requested.recover_distance_m, now_s + LONGEST_S
    if now_s > path.until_s or not retrace(memory.goal, memory.reference_p, memory.reference_quat_xyzw, path):
        hold_reference(memory)
        memory.mode = next_mode(memory.mode, Event.RECOVERED.value)
    memory.goal.stamp_s = now_s
    return Reason.RECOVERING.value


@pasted
def _consider(state: ArmState, target: Target, memory: ControllerState, now_s: float) -> int:
    """Accept a valid, new target; return the reason of a rejection."""
    verdict = check_target(target, memory.gains, memory.goal.stamp_s, now_s)
    memory.rejected = verdict
    if verdict != Reason.OK.value:
        memory.counters[Counter.TARGETS_DROPPED.value] += 1
    elif target.stamp_s[0] > memory.goal.stamp_s:
        if memory.mode == Mode.DAMPING.value:  # the arm has sagged away from the reference: start from where it is
            hold_here(state, memory)
        take_target(target, memory.goal)
        memory.mode = next_mode(memory.mode, Event.TARGET.value)
        memory.counters[Counter.TARGETS_TAKEN.value] += 1
    return verdict


@inner
def _watch_age(memory: ControllerState, now_s: float) -> int:
    """Watchdog: late target -> hold the reference and its force, lost target -> damping only.

    `_consider` resumes on fresh targets.
    """
    age_s = now_s - memory.goal.stamp_s
    if age_s <= memory.gains.hold_after_s:
        return Reason.OK.value
    if memory.mode == Mode.ACTIVE.value:
        hold_reference(memory)
        memory.mode = next_mode(memory.mode, Event.STALE.value)
        memory.counters[Counter.HOLDS.value] += 1
    if age_s <= memory.gains.damp_after_s:
        return Reason.TARGET_LATE.value
    memory.mode = next_mode(memory.mode, Event.TIMED_OUT.value)
    return Reason.TARGET_GONE.value


@inner
def _float(memory: ControllerState, tau_out: FloatArray) -> int:
    """IDLE: the arm's own terms; the reason is that of a refused activation."""
    for k in range(tau_out.shape[0]):
        tau_out[k] = memory.work.tau_own[k]
    return memory.fault if memory.fault != Reason.OK.value else Reason.IDLE.value


@pasted
def _run_mode(loop: ControlLoop, memory: ControllerState, step_s: float, now_s: float) -> int:
    """Write the unguarded torque of the present mode; return its reason."""
    state, requested, reason = loop.state, loop.gains[0], Reason.OK.value
    if memory.mode == Mode.ACTIVATING.value:
        reason = _try_start(state, requested, loop.limits, memory, now_s)
    if memory.mode == Mode.IDLE.value:
        return _float(memory, loop.tau)
    record_energy(state, requested.energy_max_j, memory)
    take_gains(requested, step_s, memory)
    if memory.mode == Mode.RECOVERING.value:
        reason = _back_off(state, requested, loop.limits, memory, now_s)
        if memory.mode == Mode.FAULT.value:
            return reason
    elif in_motion(memory.mode):
        reason = lead_joints(state, loop.dynamics, memory, step_s, now_s)
    else:
        reason = _consider(state, loop.target, memory, now_s)
        reason = max(reason, _watch_age(memory, now_s))
    if (memory.mode == Mode.ACTIVE.value or in_motion(memory.mode)) and memory.gains.recoveries_per_minute > 0.0:
        remember_pose(state, memory.path)
    return max(track(loop, memory, step_s), reason)


@inner
def _fail(reason: int, memory: ControllerState) -> None:
    """Latch a fault: only activate() or recover() clears it, because an unchecked cause recurs."""
    memory.counters[Counter.FAULTS.value] += 1
    memory.fault = reason
    memory.mode = next_mode(memory.mode, Event.FAIL.value)


@pasted
def _guard_motion(
    state: ArmState, M: FloatArray, limits: ArmLimits, memory: ControllerState, tau_out: FloatArray
) -> int:
    reduced = Reason.OK.value
    if limit_velocity(state, M, limits, memory.work.tau_own, tau_out):
        reduced = Reason.VELOCITY_LIMITED.value
    if limit_power(state.dq, limits.power_max, memory.work.tau_own, tau_out):
        reduced = max(reduced, Reason.POWER_LIMITED.value)
    return reduced


@inner
def _emit(state: ArmState, limits: ArmLimits, memory: ControllerState, dt_s: float, tau_out: FloatArray) -> None:
    """Torque and rate guards, anchored on the measured torque; on the last command where that is not finite.

    An arm that checks each of its own cycles gets one step for each new state, however late the host is, and the last
    command again for a state that is not new.
    """
    old = False
    if limits.cycle_s > 0.0 and state.robot_s.shape[0] > 0:
        old, memory.robot_s = state.robot_s[0] == memory.robot_s, state.robot_s[0]
    if all_finite(state.tau) and not old:
        for k in range(tau_out.shape[0]):
            memory.tau[k] = state.tau[k]
    step_s = 0.0 if old else CYCLE_SHARE * limits.cycle_s if limits.cycle_s > 0.0 else dt_s
    limit_torque(memory.tau, limits.tau_max, limits.tau_rate_max, step_s, tau_out)
    for k in range(tau_out.shape[0]):
        tau_out[k] = tau_out[k] if math.isfinite(tau_out[k]) else 0.0
        memory.tau[k] = tau_out[k]


@compiled
def tick(loop: ControlLoop, dt_s: float, now_s: float) -> int:
    """Run one step of the control loop: write the torque command into loop.tau, return a Reason.

    Never raises and never writes a value that is not finite or beyond the limits: on nan, a bad model, a bad clock or
    an old state it latches Mode.FAULT and commands joint damping until `activate`. Rates scale with the measured dt_s,
    of which at most 10 ms count; the torque's with the arm's own cycles, where it checks those.

    Units: dt_s, now_s [s]; loop.tau [N m].
    """
    state, dynamics, limits, own = loop.state, loop.dynamics, loop.limits, loop.memory[0]
    own.counters[Counter.TICKS.value] += 1
    if not dt_s <= DT_MAX_S:
        own.counters[Counter.DEADLINES_MISSED.value] += 1
    step_s = min(dt_s, DT_MAX_S) if dt_s > 0.0 else DT_MIN_S
    reason = check_inputs(state, dynamics, dt_s, now_s)
    if reason == Reason.OK.value:
        reason = check_freshness(state, loop.gains[0], own, step_s, now_s)
    bad_input = reason != Reason.OK.value
    own_torque(state.dq, dynamics, loop.gains[0], own.work.tau_own)
    if own.mode != Mode.FAULT.value:
        if not bad_input:
            reason = _run_mode(loop, own, step_s, now_s)
        if reason >= Reason.STATE_NOT_FINITE.value:
            _fail(reason, own)
    if own.mode == Mode.FAULT.value:
        stale = reason == Reason.STATE_OLD.value or reason == Reason.STATE_FROZEN.value
        reason = own.fault
        fault_torque(state.dq, dynamics.M, own.work.tau_own, stale, loop.tau)
    else:
        reason = max(reason, _guard_motion(state, dynamics.M, limits, own, loop.tau))
    _emit(state, limits, own, step_s, loop.tau)
    return reason
