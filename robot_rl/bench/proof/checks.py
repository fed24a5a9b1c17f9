"""Checks of the law's bounds after each tick.

The reference may start outside its workspace, where the arm is; then it must move no further beyond a face or the cone
than it was.
"""

import math

import numpy as np

from controllers.arm import ArmState, Mode
from controllers.compilation import inner
from controllers.geometry import FloatArray, norm3, quat_from_matrix, quat_multiply, rotation_error
from controllers.law.controller_state import ControllerState, Counter
from controllers.law.joint_motion import in_motion, quintic
from robot_rl.bench.proof.counts import Counts, Previous
from robot_rl.bench.proof.settings import Bounds

EPS = 1e-9  # of a workspace's face [m], of the cone and of a turn [rad]; of a force, relative
EPS_TURN = 1e-4  # of the reference's turn along the cone's edge, relative: the edge is curved
EPS_SUM = 1e-6  # where the bound is on a difference of large numbers [N, N m, W, J]
NEAR = 1e-3  # distance to a face or the cone that counts as at its edge [m, rad]


@inner
def _spring_j(state: ArmState, own: ControllerState) -> float:
    """Return the energy of the spring to the reference at the arm's pose [J]: the integral of the clipped force."""
    R, gains, ref = own.gains.task_R, own.gains, own.reference_p
    turn = rotation_error(quat_from_matrix(state.R), own.reference_quat_xyzw)
    way = (ref[0] - state.p[0], ref[1] - state.p[1], ref[2] - state.p[2])
    total = 0.0
    for i in range(6):
        e, k = (way, i) if i < 3 else (turn, i - 3)
        x = R[0, k] * e[0] + R[1, k] * e[1] + R[2, k] * e[2]
        c = min(max(x, gains.clip_lower[i]), gains.clip_upper[i])
        total += gains.stiffness[i] * c * (x - 0.5 * c)
    return own.stiffness_scale * own.yield_scale * total


@inner
def _tilt(quat: FloatArray, axis: FloatArray, tool: FloatArray) -> float:
    """Return the angle between the tool's axis and the cone's [rad]."""
    u = quat_multiply(quat_multiply(quat, (tool[0], tool[1], tool[2], 0.0)), (-quat[0], -quat[1], -quat[2], quat[3]))
    x, y, z = u[1] * axis[2] - u[2] * axis[1], u[2] * axis[0] - u[0] * axis[2], u[0] * axis[1] - u[1] * axis[0]
    return math.atan2(math.sqrt(x * x + y * y + z * z), u[0] * axis[0] + u[1] * axis[1] + u[2] * axis[2])


@inner
def _beyond(bound: Bounds, p: FloatArray, face: int) -> float:
    """Return the distance of a position beyond a face [m]: six of the box, then the planes."""
    if face < 3:
        return bound.workspace_lower[face] - p[face]
    if face < 6:
        return p[face - 3] - bound.workspace_upper[face - 3]
    plane = bound.planes[face - 6]
    return plane[3] - (plane[0] * p[0] + plane[1] * p[1] + plane[2] * p[2])


@inner
def note(state: ArmState, own: ControllerState, previous: Previous) -> None:
    """Record the state before the tick."""
    previous.mode = own.mode
    previous.starts = own.mode == Mode.RECOVERING.value and own.path.left_m < 0.0
    previous.taken = own.counters[Counter.TARGETS_TAKEN.value]
    previous.p[:], previous.quat_xyzw[:] = own.reference_p, own.reference_quat_xyzw
    previous.spring_j = _spring_j(state, own)


@inner
def _check_command(
    state: ArmState, bound: Bounds, own: ControllerState, step_s: float, tau: FloatArray, counts: Counts
) -> None:
    bad_torque, bad_rate, bad_speed, free, power = False, False, False, True, 0.0
    for i in range(tau.shape[0]):
        largest, step = bound.tau_max[i], bound.tau_rate_max[i] * step_s
        change = abs(tau[i] - min(max(state.tau[i], -largest), largest))
        bad_torque = bad_torque or not abs(tau[i]) <= largest + EPS
        bad_rate = bad_rate or not change <= step + EPS
        free = free and abs(tau[i]) < largest - EPS and change < step - EPS
        drive = (tau[i] - own.work.tau_own[i]) * math.copysign(1.0, state.dq[i])
        power += drive * abs(state.dq[i])
        bad_speed = bad_speed or (abs(state.dq[i]) >= bound.dq_max[i] and not drive <= EPS_SUM)
    counts.torque += bad_torque
    counts.torque_rate += bad_rate
    if (
        free and own.mode != Mode.FAULT.value
    ):  # torque and rate guards come last: commands that they changed are not checked
        counts.guards_seen += 1
        counts.power += not power <= bound.power_max + EPS_SUM
        counts.velocity += bad_speed


@inner
def _check_forces(bound: Bounds, own: ControllerState, counts: Counts) -> None:
    bad, work = False, own.work
    for i in range(6):
        bad = bad or not abs(work.wrench[i] + work.drag[i]) <= bound.cap[i] * (1.0 + EPS) + EPS
    counts.force += bad
    bad = False
    for block in range(2):
        x, y, z = work.fence[3 * block], work.fence[3 * block + 1], work.fence[3 * block + 2]
        bad = bad or not math.sqrt(x * x + y * y + z * z) <= bound.fence_force_max[block] * (1.0 + EPS)
    counts.fence += bad
    counts.posture += not np.abs(work.tau_posture).max() <= bound.posture_torque_max * (1.0 + EPS)


@inner
def _check_wrench(
    bound: Bounds, own: ControllerState, previous: Previous, step_s: float, started: bool, counts: Counts
) -> None:
    """Check the active feed-forward: within its bound, and as near to the requested one as its rate allows."""
    work, gains, goal, bad = own.work, own.gains, own.goal, False
    twisting = np.abs(goal.twist).max() > 0.0
    if own.yield_scale < 1.0 or bound.energy_max_j < math.inf or bound.operational_space != 0.0:
        return  # these may reduce it arbitrarily
    for i in range(6):
        drive, asked = work.wrench[i] + work.drag[i], 0.0
        acted = drive - work.spring[i] - own.integral[i]
        for j in range(6):
            acted -= own.damping[i, j] * work.twist_goal[j]
        for j in range(3):
            asked += gains.task_R[j, i % 3] * goal.wrench[i - i % 3 + j]
        asked = min(max(asked, -bound.wrench_max[i]), bound.wrench_max[i])
        step, before = bound.wrench_rate_max[i] * step_s, 0.0 if started else previous.wrench[i]
        if not twisting:  # else the sum of both is clipped at the force cap, and its parts are unknown
            bad = bad or not abs(acted) <= bound.wrench_max[i] + EPS_SUM
        if not twisting and (started or previous.known[i] > 0.0):
            bad = bad or not abs(acted - before) <= step + EPS_SUM
            bad = bad or not abs(acted - asked) <= max(abs(before - asked) - step, 0.0) + EPS_SUM
            counts.wrench_seen += 1
        previous.wrench[i], previous.known[i] = acted, 0.0 if twisting else 1.0
    counts.wrench += bad


@inner
def _way(own: ControllerState, previous: Previous) -> tuple[float, float]:
    """Return the reference's step [m, rad]."""
    way, turn = own.reference_p - previous.p, rotation_error(previous.quat_xyzw, own.reference_quat_xyzw)
    return norm3(way[0], way[1], way[2]), norm3(turn[0], turn[1], turn[2])


@inner
def _check_recovery(
    bound: Bounds, own: ControllerState, previous: Previous, step_s: float, counts: Counts
) -> None:  # fmt: skip
    """Check the reference's speeds while the arm backs off, and its way and turn since that began."""
    far, turned = _way(own, previous)
    previous.backed_m, previous.backed_rad = previous.backed_m + far, previous.backed_rad + turned
    counts.recovery_speed += not far <= bound.recover_speed[0] * step_s + EPS
    counts.recovery_turn += not turned <= bound.recover_speed[1] * step_s + EPS
    share_rad = bound.recover_distance_m / bound.recover_speed[0] * bound.recover_speed[1]
    counts.recovery_distance += not (
        previous.backed_m <= bound.recover_distance_m + EPS_SUM and previous.backed_rad <= share_rad + EPS_SUM
    )
    counts.backing_off += 1


@inner
def _check_reference(
    state: ArmState, bound: Bounds, own: ControllerState, previous: Previous, step_s: float, counts: Counts
) -> None:
    """Check that the reference stays within each face and the cone, or moves no further beyond them.

    An arm that backs off retraces its own path, wherever that was.
    """
    if previous.mode == Mode.RECOVERING.value:
        _check_recovery(bound, own, previous, step_s, counts)
        return
    p, quat, bad_box, bad_plane, at_box, at_plane = own.reference_p, own.reference_quat_xyzw, False, False, False, False
    for face in range(6 + bound.planes.shape[0]):
        beyond = _beyond(bound, p, face)
        bad = not beyond <= max(_beyond(bound, previous.p, face), 0.0) + EPS
        if face < 6:
            bad_box, at_box = bad_box or bad, at_box or abs(beyond) < NEAR
        else:
            bad_plane, at_plane = bad_plane or bad, at_plane or abs(beyond) < NEAR
    counts.box += bad_box
    counts.plane += bad_plane
    counts.at_box += at_box
    counts.at_plane += at_plane
    if bound.cone_rad < math.pi:
        beyond = _tilt(quat, bound.cone_axis, bound.cone_tool_axis) - bound.cone_rad
        before = _tilt(previous.quat_xyzw, bound.cone_axis, bound.cone_tool_axis) - bound.cone_rad
        counts.cone += not beyond <= max(before, 0.0) + EPS
        counts.at_cone += abs(beyond) < NEAR
    far, turned = _way(own, previous)
    turn_max = bound.speed_max[1] * step_s * (1.0 + EPS_TURN)
    counts.speed += not (far <= bound.speed_max[0] * step_s + EPS and turned <= turn_max + EPS)


@inner
def _check_energy(
    state: ArmState, bound: Bounds, own: ControllerState, previous: Previous, step_s: float, started: bool,
    counts: Counts,
) -> None:  # fmt: skip
    """Check the energy that targets, gains and feed-forward added at the arm's pose, at once and continuously."""
    if bound.energy_max_j == math.inf:
        return
    work, fed_w, gain_w_per_s = own.work, 0.0, 0.0
    for i in range(6):
        forward = work.wrench[i] + work.drag[i] - work.spring[i]
        fed_w += forward * work.twist[i]
        for j in range(6):
            gain_w_per_s += forward * work.mobility[i, j] * (work.wrench[j] + work.drag[j])
    before_j = 0.0 if started else previous.spring_j
    left_j = (
        bound.energy_max_j if started else min(previous.left_j + bound.energy_refill_w * step_s, bound.energy_max_j)
    )
    added_j = _spring_j(state, own) - before_j
    previous.left_j = min(left_j - added_j, bound.energy_max_j) - max(fed_w, 0.0) * step_s
    previous.left_j -= 0.5 * max(gain_w_per_s, 0.0) * step_s * step_s
    counts.energy += previous.left_j < -EPS_SUM
    counts.energy_spent += previous.left_j < 0.01 * bound.energy_max_j
    previous.left_j = max(previous.left_j, 0.0)


@inner
def _check_motion(state: ArmState, M: FloatArray, bound: Bounds, own: ControllerState, counts: Counts) -> None:
    """Check that the spring of a joint motion is bounded, that guiding only takes energy, and that the tool is free."""
    motion, work, power_w, bad = own.motion, own.work, 0.0, False
    dds = quintic(motion.elapsed_s / motion.duration_s)[2] / (motion.duration_s * motion.duration_s)
    for k in range(state.q.shape[0]):
        tau, power_w = work.tau_motion[k], power_w + work.tau_motion[k] * state.dq[k]
        for j in range(state.q.shape[0]):
            tau -= M[k, j] * dds * (motion.q_goal[j] - motion.q_start[j])
        bad = bad or (own.mode == Mode.JOINT_MOTION.value and not abs(tau) <= bound.motion_torque_max + EPS_SUM)
        bad = bad or work.tau_task[k] != 0.0 or work.tau_posture[k] != 0.0
    counts.motion += bad or (own.mode == Mode.GUIDING.value and not power_w <= EPS_SUM)
    counts.moving_joints += 1


@inner
def check(
    state: ArmState, M: FloatArray, bound: Bounds, own: ControllerState, previous: Previous, step_s: float,
    tau: FloatArray,
    counts: Counts,
) -> None:  # fmt: skip
    """Check the state after the tick."""
    _check_command(state, bound, own, step_s, tau, counts)
    if own.mode == Mode.FAULT.value or own.mode == Mode.IDLE.value:
        return
    counts.following += 1
    started = previous.mode == Mode.ACTIVATING.value or previous.starts > 0 or in_motion(previous.mode)
    woken = previous.mode == Mode.DAMPING.value and own.counters[Counter.TARGETS_TAKEN.value] > previous.taken
    if started or woken:  # from the arm's pose
        quat = quat_from_matrix(state.R)
        for i in range(3):
            previous.p[i] = state.p[i]
        for i in range(4):
            previous.quat_xyzw[i] = quat[i]
    if previous.starts > 0:
        previous.backed_m, previous.backed_rad = 0.0, 0.0
    _check_forces(bound, own, counts)
    if in_motion(own.mode):
        _check_motion(state, M, bound, own, counts)
        return
    _check_wrench(bound, own, previous, step_s, started, counts)
    _check_reference(state, bound, own, previous, step_s, counts)
    _check_energy(state, bound, own, previous, step_s, started, counts)
