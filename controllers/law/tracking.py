"""Reference and law of one tick, in the modes that follow a goal, and what may hold them back on the way."""

from __future__ import annotations

import math

from controllers.arm import ArmDynamics, ArmLimits, ArmState, Mode, Reason
from controllers.compilation import inner, pasted
from controllers.geometry import FloatArray, quat_from_matrix, quat_towards, rotation_error
from controllers.law.active_gains import integrate_error, slew_wrench
from controllers.law.contact import contact_ratio, estimate_external, external_wrench, yielded
from controllers.law.controller_state import ControllerState
from controllers.law.energy import affordable, affordable_scale, meter_feed_forward, spring_energy
from controllers.law.impedance import (
    add_diagonal,
    constant_damping,
    critical_damping,
    drive_wrench,
    factor_dynamics,
    impedance_torque,
    operational_damping,
    to_task,
)
from controllers.law.matrices import multiply
from controllers.law.options import LawOptions
from controllers.law.reference import advance_reference, all_finite, confine_goal
from controllers.law.virtual_walls import add_fence, add_joint_walls, clip_cone, keep_to_cone, outside_cone

SLOWEST = 0.2  # of the speed, at a singularity: it must be possible to leave it


@inner
def ramp_stiffness(ramp_s: float, memory: ControllerState, dt_s: float) -> None:
    """Up to 1 within ramp_s; away in DAMPING."""
    step = dt_s / ramp_s if ramp_s > 0.0 else 1.0
    step = -step if memory.mode == Mode.DAMPING.value else step
    memory.stiffness_scale = min(max(memory.stiffness_scale + step, 0.0), 1.0)


@inner
def refresh_damping(extras: LawOptions, memory: ControllerState) -> None:
    """The damping matrix changes slowly with q; its eigenvalue problem is half of a tick's cost."""
    memory.refresh_in -= 1
    if memory.refresh_in > 0:
        return
    memory.refresh_in = int(memory.live.damping_refresh_ticks)
    work, live = memory.work, memory.live
    C, stiffness, ratio = work.mobility_factor, live.stiffness, live.damping_ratio
    if not constant_damping(live.constant_damping, memory.damping):
        if extras.operational_space != 0.0:
            operational_damping(C, stiffness, ratio, work.modes, memory.damping)
        else:
            critical_damping(C, stiffness, ratio, work.sandwich, work.modes, memory.damping)
    add_diagonal(extras.extra_damping, memory.damping)


@inner
def express_error(state: ArmState, memory: ControllerState) -> None:
    """work.error: from the arm to the reference, in the task frame."""
    R, p, ref, error = memory.live.task_R, state.p, memory.reference_p, memory.work.error
    e_R = rotation_error(quat_from_matrix(state.R), memory.reference_quat_xyzw)
    to_task(R, 0, ref[0] - p[0], ref[1] - p[1], ref[2] - p[2], error)
    to_task(R, 3, e_R[0], e_R[1], e_R[2], error)


@inner
def _express_feed_forward(memory: ControllerState) -> None:
    R, work, goal = memory.live.task_R, memory.work, memory.goal
    for offset in range(0, 6, 3):
        to_task(R, offset, goal.twist[offset], goal.twist[offset + 1], goal.twist[offset + 2], work.twist_goal)
        to_task(R, offset, goal.wrench[offset], goal.wrench[offset + 1], goal.wrench[offset + 2], work.wrench_goal)


@inner
def _yield_to_contact(state: ArmState, M: FloatArray, extras: LawOptions, memory: ControllerState, dt_s: float) -> int:
    """Estimate the external wrench and give way to it."""
    work, external = memory.work, memory.tau_external
    estimate_external(state, M, work.tau_own, memory.dq_last, extras.contact_estimate_s, dt_s, external)
    for k in range(external.shape[0]):
        memory.dq_last[k] = state.dq[k]
    external_wrench(external, work, work.external)
    ratio = contact_ratio(work.external, extras.contact_force_max)
    memory.yield_scale = yielded(memory.yield_scale, ratio, extras.contact_yield_s, dt_s)
    return Reason.FORCE_LIMITED.value if ratio > 1.0 else Reason.OK.value


@inner
def record_energy(state: ArmState, extras: LawOptions, memory: ControllerState) -> None:
    """Before gains and reference move: what the spring holds at the arm's present pose, and where the reference was."""
    work = memory.work
    if extras.energy_max_j == math.inf:
        return
    express_error(state, memory)
    work.before_j = spring_energy(work.error, memory.live, memory.stiffness_scale * memory.yield_scale)
    for i in range(3):
        work.p_before[i] = memory.reference_p[i]
    for i in range(4):
        work.quat_before[i] = memory.reference_quat_xyzw[i]


@inner
def _retract(fraction: float, extras: LawOptions, memory: ControllerState) -> None:
    """Go back with the reference to a fraction of its step."""
    work, p = memory.work, memory.reference_p
    for i in range(3):
        p[i] = work.p_before[i] + fraction * (p[i] - work.p_before[i])
    quat = memory.reference_quat_xyzw
    outside_rad = max(outside_cone(work.quat_before, extras), outside_cone(quat, extras))
    turned = quat_towards(work.quat_before, quat, fraction, math.inf)
    for i in range(4):
        quat[i] = turned[i]
    clip_cone(quat, extras, outside_rad)


@inner
def _pay(state: ArmState, extras: LawOptions, memory: ControllerState, dt_s: float) -> int:
    """Take what this tick adds to the spring from the tank; hold the reference, then the stiffness back."""
    live, error, before_j = memory.live, memory.work.error, memory.work.before_j
    tank = min(memory.tank_j + extras.energy_refill_w * dt_s, extras.energy_max_j)
    reason = Reason.OK.value
    after_j = spring_energy(error, live, memory.stiffness_scale * memory.yield_scale)
    fraction = affordable(before_j, after_j, tank)
    if fraction < 1.0:
        reason = Reason.ENERGY_LIMITED.value
        _retract(fraction, extras, memory)
        express_error(state, memory)
        after_j = spring_energy(error, live, memory.stiffness_scale * memory.yield_scale)
        memory.stiffness_scale *= affordable_scale(before_j, after_j, tank)
        after_j = min(after_j, before_j + tank)
    memory.tank_j = min(tank + before_j - after_j, extras.energy_max_j)
    return reason


@inner
def _move_reference(state: ArmState, extras: LawOptions, memory: ControllerState, dt_s: float, slow: float) -> int:
    """Reference, ramps and gains of this tick; work.error at the end of it."""
    live = memory.live
    if extras.clip_targets != 0.0:
        confine_goal(memory.goal, live, extras, memory.reference_p)
    speed, turn_speed = slow * live.speed_max[0], slow * live.speed_max[1]
    if memory.mode == Mode.RECOVERING.value:
        speed, turn_speed = min(speed, extras.recover_speed[0]), min(turn_speed, extras.recover_speed[1])
    quat = memory.reference_quat_xyzw
    before = (quat[0], quat[1], quat[2], quat[3])
    advance_reference(memory.goal, live.filter_time_s, dt_s, speed, turn_speed, memory.reference_p, quat)
    if extras.cone_rad < math.pi:  # between two orientations in the cone the short arc may leave it
        keep_to_cone(before, turn_speed * dt_s, extras, quat)
    ramp_stiffness(live.ramp_s, memory, dt_s)
    express_error(state, memory)
    return _pay(state, extras, memory, dt_s) if extras.energy_max_j < math.inf else Reason.OK.value


@inner
def _nearness(pivot: float, threshold: float) -> float:
    """1 far from a singularity, 0 at it."""
    return min(max(pivot / threshold, 0.0), 1.0) if threshold > 0.0 else 1.0


@inner
def _add_joint_drag(dq: FloatArray, M: FloatArray, rate: float, tau: FloatArray) -> None:
    for k in range(tau.shape[0]):
        for j in range(tau.shape[0]):
            tau[k] -= rate * M[k, j] * dq[j]


@pasted
def _add_walls(
    state: ArmState, dynamics: ArmDynamics, extras: LawOptions, limits: ArmLimits, memory: ControllerState, far: float,
    tau_out: FloatArray,
) -> None:  # fmt: skip
    if extras.joint_margin_rad > 0.0:
        add_joint_walls(state.q, state.dq, dynamics.M, limits, extras, tau_out)
    if extras.fence_margin_m > 0.0 or extras.fence_margin_rad > 0.0:
        add_fence(state.p, state.R, state.dq, dynamics.J, memory.live, extras, memory.work.fence, tau_out)
    if far < 1.0:
        near = 1.0 - far
        _add_joint_drag(state.dq, dynamics.M, extras.singular_damping * near * near, tau_out)


@inner
def _drive(dq: FloatArray, extras: LawOptions, memory: ControllerState, dt_s: float) -> None:
    """work.wrench: what drives the arm, metered; work.drag beside it."""
    work = memory.work
    multiply(work.J_task, dq, work.twist)
    _express_feed_forward(memory)
    if extras.slews != 0.0:
        slew_wrench(work.wrench_goal, extras, dt_s, memory.live)
    if extras.integrates != 0.0:
        integrate_error(work.error, extras, dt_s, memory.live)
    drive_wrench(extras, memory.live, memory.stiffness_scale, memory.damping, work)
    if memory.yield_scale < 1.0:
        for i in range(6):
            work.spring[i] *= memory.yield_scale
            work.wrench[i] *= memory.yield_scale
    if extras.energy_max_j < math.inf:
        cost_j = meter_feed_forward(work.spring, work.twist, work.mobility, dt_s, memory.tank_j, work.wrench)
        memory.tank_j -= cost_j


@pasted
def follow(
    state: ArmState,
    dynamics: ArmDynamics,
    extras: LawOptions,
    limits: ArmLimits,
    memory: ControllerState,
    dt_s: float,
    tau_out: FloatArray,
) -> int:
    """The unguarded torque towards the goal, and the reason of a fault, of being held back, or OK."""
    live, work, reason = memory.live, memory.work, Reason.OK.value
    if not factor_dynamics(dynamics, live.task_R, work):
        return Reason.MASS_MATRIX_NOT_POSITIVE.value
    far = _nearness(work.pivot, extras.singular_mobility)
    if far < 1.0:
        reason = Reason.SINGULAR.value
    if extras.contact_force_max[0] < math.inf or extras.contact_force_max[1] < math.inf:
        reason = max(reason, _yield_to_contact(state, dynamics.M, extras, memory, dt_s))
    slow = SLOWEST + (1.0 - SLOWEST) * far if far < 1.0 else 1.0
    reason = max(reason, _move_reference(state, extras, memory, dt_s, slow))
    refresh_damping(extras, memory)
    _drive(state.dq, extras, memory, dt_s)
    impedance_torque(state.q, state.dq, dynamics.M, live, work, tau_out)
    _add_walls(state, dynamics, extras, limits, memory, far, tau_out)
    return reason if all_finite(tau_out) else Reason.COMMAND_NOT_FINITE.value
