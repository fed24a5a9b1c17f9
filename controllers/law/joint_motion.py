"""Joint motion: all joints arrive together, on a quintic from rest to rest, with a bounded spring about it.

    q_ref(t) = q_0 + s(t / T) (q_1 - q_0)          s(u) = 10 u^3 - 15 u^4 + 6 u^5
    tau = M ddq_ref + shorten(M (k (q_ref - q) + d (dq_ref - dq)))

It ends at its goal, on contact, off its path, when its client is silent, and by any stop; then the arm holds the
measured pose, to which the reference is set. `controllers.law.motion_check` checks it beforehand.
"""

import math

from controllers.arm import ArmDynamics, ArmState, Mode, Reason
from controllers.compilation import compiled, inner
from controllers.geometry import FloatArray
from controllers.law.control_loop import ControlLoop
from controllers.law.controller_state import ControllerState, hold_here
from controllers.law.guiding import guided, guiding_torque
from controllers.law.impedance import shorten
from controllers.law.matrices import multiply
from controllers.law.modes import Event, next_mode

STIFFNESS, DAMPING = 400.0, 40.0  # per unit of inertia [1/s^2, 1/s]
TORQUE_MAX = 15.0  # bound of the spring's torque [N m]: 30 N at half a metre
OFF_PATH_RAD = 0.2  # a joint further from its path is blocked
ARRIVED_RAD, SETTLE_S = 0.01, 0.5


@inner
def quintic(u: float) -> tuple[float, float, float]:
    """Return s, ds/du, d2s/du2; u is clipped to [0, 1]."""
    u = min(max(u, 0.0), 1.0)
    return (
        u * u * u * (10.0 - 15.0 * u + 6.0 * u * u),
        30.0 * u * u * (1.0 - 2.0 * u + u * u),
        60.0 * u * (1.0 - 3.0 * u + 2.0 * u * u),
    )


@compiled
def start_motion(loop: ControlLoop, number: int, q_goal: FloatArray, duration_s: float, stamp_s: float) -> None:
    """Start a joint motion of this duration, already checked, from the measured joints."""
    own = loop.memory[0]
    _begin(loop.state, own, Event.MOVE_JOINTS.value, number, stamp_s)
    for k in range(q_goal.shape[0]):
        own.motion.q_start[k], own.motion.q_goal[k] = loop.state.q[k], q_goal[k]
    own.motion.duration_s, own.motion.elapsed_s = duration_s, 0.0


@compiled
def start_guiding(loop: ControlLoop, number: int, stamp_s: float) -> None:
    """Let a person guide the arm by hand: no stiffness, light damping, walls and guards as ever."""
    _begin(loop.state, loop.memory[0], Event.GUIDE.value, number, stamp_s)


@compiled
def end_motion(loop: ControlLoop, number: int, result: int) -> None:
    """End a motion, if any, with this result: the arm holds from the next tick on."""
    own = loop.memory[0]
    own.motion_number, own.motion_result, own.motion.stamp_s = number, result, -math.inf


@compiled
def keep_motion(loop: ControlLoop, stamp_s: float) -> None:
    """Note that the motion's client was alive at this time; one that has ended stays so."""
    motion = loop.memory[0].motion
    if motion.stamp_s > -math.inf:
        motion.stamp_s = max(motion.stamp_s, stamp_s)


@inner
def _begin(state: ArmState, own: ControllerState, event: int, number: int, stamp_s: float) -> None:
    own.motion_number = number
    before, own.mode = own.mode, next_mode(own.mode, event)
    if own.mode == before:  # this mode has no such transition
        own.motion_result = Reason.MOTION_REFUSED.value
        return
    own.motion_result = Reason.MOVING_JOINTS.value if event == Event.MOVE_JOINTS.value else Reason.GUIDED.value
    own.motion.stamp_s = stamp_s
    own.yield_scale = 1.0
    for i in range(6):
        own.wrench[i], own.integral[i] = 0.0, 0.0
    hold_here(state, own)


@inner
def in_motion(mode: int) -> bool:
    """Return whether the joints lead."""
    return mode == Mode.JOINT_MOTION.value or mode == Mode.GUIDING.value


@inner
def _off_path(state: ArmState, own: ControllerState) -> float:
    """Return the largest distance of a joint from its place on the path [rad]."""
    motion, worst = own.motion, 0.0
    s = quintic(motion.elapsed_s / motion.duration_s)[0]
    for k in range(state.q.shape[0]):
        worst = max(worst, abs(motion.q_start[k] + s * (motion.q_goal[k] - motion.q_start[k]) - state.q[k]))
    return worst


@inner
def _progress(state: ArmState, dynamics: ArmDynamics, own: ControllerState, now_s: float) -> int:
    """Return the result of an ended motion, or MOVING_JOINTS or GUIDED."""
    motion = own.motion
    if motion.stamp_s == -math.inf:
        return own.motion_result
    if now_s - motion.stamp_s > own.gains.hold_after_s:
        return Reason.MOTION_LOST.value
    if own.mode == Mode.GUIDING.value:
        return guided(state, dynamics, own.gains, own.work)
    off_rad, over_s = _off_path(state, own), motion.elapsed_s - motion.duration_s
    if off_rad > OFF_PATH_RAD or own.yield_scale < 1.0 or (over_s > SETTLE_S and off_rad > 2.0 * ARRIVED_RAD):
        return Reason.MOTION_BLOCKED.value
    arrived = over_s >= 0.0 and (off_rad < ARRIVED_RAD or over_s > SETTLE_S)
    return Reason.OK.value if arrived else Reason.MOVING_JOINTS.value


@inner
def lead_joints(state: ArmState, dynamics: ArmDynamics, own: ControllerState, step_s: float, now_s: float) -> int:
    """Advance a joint motion or guiding, or end it; the reference follows the measured pose."""
    own.motion.elapsed_s += step_s
    own.motion_result = _progress(state, dynamics, own, now_s)
    hold_here(state, own)
    if own.motion_result != Reason.MOVING_JOINTS.value and own.motion_result != Reason.GUIDED.value:
        own.mode = next_mode(own.mode, Event.MOTION_ENDED.value)
        own.goal.stamp_s = now_s
        own.stiffness_scale, own.yield_scale = 0.0, 1.0
    return own.motion_result


@inner
def motion_torque(state: ArmState, M: FloatArray, own: ControllerState) -> None:
    """Write work.tau_motion, zero outside of a motion; in one, the tool's and the posture's torques are zero."""
    work, motion, tau = own.work, own.motion, own.work.tau_motion
    if not in_motion(own.mode):
        for k in range(tau.shape[0]):
            tau[k] = 0.0
        return
    for k in range(tau.shape[0]):
        work.tau_task[k], work.tau_posture[k], work.tau_singular[k] = 0.0, 0.0, 0.0
    if own.mode == Mode.GUIDING.value:
        guiding_torque(state.dq, M, tau)
        return
    T = motion.duration_s
    s, ds, dds = quintic(motion.elapsed_s / T)
    for k in range(tau.shape[0]):
        way = motion.q_goal[k] - motion.q_start[k]
        error = motion.q_start[k] + s * way - state.q[k]
        work.acceleration[k] = STIFFNESS * error + DAMPING * (ds / T * way - state.dq[k])
    multiply(M, work.acceleration, tau)
    shorten(tau, TORQUE_MAX)
    for k in range(tau.shape[0]):
        for j in range(tau.shape[0]):
            tau[k] += M[k, j] * dds / (T * T) * (motion.q_goal[j] - motion.q_start[j])
