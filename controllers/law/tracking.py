"""Tracking: reference and torque of one tick in the modes that track a goal, and their limits."""

import math

from controllers.arm import ArmState, Mode, Reason
from controllers.compilation import inner, pasted
from controllers.geometry import FloatArray
from controllers.law.active_gains import integrate_error, slew_wrench
from controllers.law.backoff import RECOVER_SPEED
from controllers.law.contact import contact_ratio, estimate_external, external_wrench, yielded
from controllers.law.control_loop import ControlLoop
from controllers.law.controller_state import ControllerState
from controllers.law.energy_tank import meter_feed_forward, spend
from controllers.law.impedance import (
    add_diagonal,
    constant_damping,
    critical_damping,
    drive_wrench,
    factor_dynamics,
    operational_damping,
    posture_torque,
    task_torque,
)
from controllers.law.joint_motion import motion_torque
from controllers.law.matrices import multiply
from controllers.law.reference import advance_reference, all_finite, confine_goal
from controllers.law.task_frame import express_error, express_feed_forward
from controllers.law.virtual_walls import keep_to_cone, wall_torque

SLOWEST = 0.2  # of the speed at a singularity, so that the arm can leave it
SINGULAR_DAMPING_PER_S = 10.0  # of the joints at a singularity, per unit of inertia
ESTIMATE_S, YIELD_S = 0.01, 0.05  # of the external wrench; to no stiffness at twice contact_force_max


@inner
def ramp_stiffness(memory: ControllerState, dt_s: float) -> None:
    """Ramp the stiffness up to 1 within ramp_s, and down in DAMPING."""
    ramp_s = memory.gains.ramp_s
    step = dt_s / ramp_s if ramp_s > 0.0 else 1.0
    step = -step if memory.mode == Mode.DAMPING.value else step
    memory.stiffness_scale = min(max(memory.stiffness_scale + step, 0.0), 1.0)


@inner
def refresh_damping(memory: ControllerState) -> None:
    """Recompute the damping matrix every few ticks: its eigenvalue problem is half of a tick's cost."""
    memory.refresh_in -= 1
    if memory.refresh_in > 0:
        return
    work, gains = memory.work, memory.gains
    memory.refresh_in = int(gains.damping_refresh_ticks)
    C, stiffness, ratio = work.mobility_factor, gains.stiffness, gains.damping_ratio
    if not constant_damping(gains.constant_damping, memory.damping):
        if gains.operational_space != 0.0:
            operational_damping(C, stiffness, ratio, work.modes, memory.damping)
        else:
            critical_damping(C, stiffness, ratio, work.sandwich, work.modes, memory.damping)
    add_diagonal(gains.extra_damping, memory.damping)


@inner
def _yield_to_contact(state: ArmState, M: FloatArray, memory: ControllerState, dt_s: float) -> int:
    """Estimate the external wrench and reduce the stiffness under it."""
    work, external = memory.work, memory.tau_external
    estimate_external(state, M, work.tau_own, memory.dq_last, ESTIMATE_S, dt_s, external)
    for k in range(external.shape[0]):
        memory.dq_last[k] = state.dq[k]
    external_wrench(external, work, work.external_wrench)
    ratio = contact_ratio(work.external_wrench, memory.gains.contact_force_max)
    memory.yield_scale = yielded(memory.yield_scale, ratio, YIELD_S, dt_s)
    return Reason.FORCE_LIMITED.value if ratio > 1.0 else Reason.OK.value


@inner
def _move_reference(state: ArmState, memory: ControllerState, dt_s: float, slow: float) -> int:
    """Advance reference and stiffness ramp, then write work.error."""
    gains, quat = memory.gains, memory.reference_quat_xyzw
    backing_off = memory.mode == Mode.RECOVERING.value  # along the arm's own path, wherever that was
    speed, turn_speed = slow * gains.speed_max[0], slow * gains.speed_max[1]
    if backing_off:
        speed, turn_speed = min(speed, RECOVER_SPEED[0]), min(turn_speed, RECOVER_SPEED[1])
    elif gains.clip_targets != 0.0 and memory.mode == Mode.ACTIVE.value:
        confine_goal(memory.goal, gains, memory.reference_p)
    before = (quat[0], quat[1], quat[2], quat[3])
    advance_reference(memory.goal, gains.filter_time_s, dt_s, speed, turn_speed, memory.reference_p, quat)
    if gains.cone_rad < math.pi and not backing_off:  # between two orientations in the cone the short arc may leave it
        keep_to_cone(before, turn_speed * dt_s, gains, quat)
    ramp_stiffness(memory, dt_s)
    express_error(state, memory)
    return spend(state, memory, dt_s) if gains.energy_max_j < math.inf else Reason.OK.value


@inner
def _distance(pivot: float, threshold: float) -> float:
    """Return 1 far from a singularity, 0 at it."""
    return min(max(pivot / threshold, 0.0), 1.0) if threshold > 0.0 else 1.0


@inner
def _singular_torque(dq: FloatArray, M: FloatArray, far: float, tau: FloatArray) -> None:
    """Damp the joints near a singularity: tau = -d (1 - far)^2 M dq."""
    rate = SINGULAR_DAMPING_PER_S * (1.0 - far) * (1.0 - far)
    for k in range(tau.shape[0]):
        tau[k] = 0.0
        if rate > 0.0:
            for j in range(tau.shape[0]):
                tau[k] -= rate * M[k, j] * dq[j]


@inner
def _drive(dq: FloatArray, memory: ControllerState, dt_s: float) -> None:
    """Write work.wrench, bounded by the energy tank, and work.drag."""
    work, gains = memory.work, memory.gains
    multiply(work.J_task, dq, work.twist)
    express_feed_forward(memory)
    slew_wrench(work.wrench_goal, dt_s, memory)
    integrate_error(work.error, dt_s, memory)
    drive_wrench(gains, memory.integral, memory.stiffness_scale, memory.damping, work)
    if memory.yield_scale < 1.0:
        for i in range(6):
            work.spring[i] *= memory.yield_scale
            work.wrench[i] *= memory.yield_scale
    if gains.energy_max_j < math.inf:
        cost_j = meter_feed_forward(work.spring, work.twist, work.mobility, dt_s, memory.tank_j, work.wrench)
        memory.tank_j -= cost_j


@pasted
def track(loop: ControlLoop, memory: ControllerState, dt_s: float) -> int:
    """Write the unguarded torque towards the goal, summed at the end; return a fault, a limit's reason, or OK."""
    state, dynamics, tau = loop.state, loop.dynamics, loop.tau
    gains, work, reason = memory.gains, memory.work, Reason.OK.value
    if not factor_dynamics(dynamics, gains.task_R, work):
        return Reason.MASS_MATRIX_NOT_POSITIVE.value
    far = _distance(work.pivot, gains.singular_mobility)
    if far < 1.0:
        reason = Reason.SINGULAR.value
    if gains.contact_force_max[0] < math.inf or gains.contact_force_max[1] < math.inf:
        reason = max(reason, _yield_to_contact(state, dynamics.M, memory, dt_s))
    reason = max(reason, _move_reference(state, memory, dt_s, SLOWEST + (1.0 - SLOWEST) * far if far < 1.0 else 1.0))
    refresh_damping(memory)
    _drive(state.dq, memory, dt_s)
    task_torque(work)
    posture_torque(state.q, state.dq, dynamics.M, gains, work)
    wall_torque(state, dynamics, loop.limits, gains, work)
    _singular_torque(state.dq, dynamics.M, far, work.tau_singular)
    motion_torque(state, dynamics.M, memory)
    for k in range(tau.shape[0]):
        law = work.tau_posture[k] + work.tau_task[k] + work.tau_singular[k]  # zero in a joint motion and in guiding
        tau[k] = work.tau_own[k] + law + work.tau_motion[k] + work.tau_walls[k]
    return reason if all_finite(tau) else Reason.COMMAND_NOT_FINITE.value
