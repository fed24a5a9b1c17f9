"""Checks of the robot's state before it is used."""

import math

from controllers.arm import ArmDynamics, ArmLimits, ArmState, Reason
from controllers.compilation import inner
from controllers.geometry import FloatArray
from controllers.law.contact import external_at_rest
from controllers.law.controller_state import ControllerState
from controllers.law.gains import Gains
from controllers.law.reference import all_finite

FUTURE_TOLERANCE_S = 0.01  # two readings of one clock, taken in two threads
START_SPEED_MAX = 0.05  # of each joint [rad/s]
START_TORQUE_MAX = 5.0  # external torque at rest in each joint [N m]: half a kilogramme at full reach
MOVING_RAD_PER_S = 1e-3  # an arm that reports more than this cannot stand at the same joint positions


@inner
def rows_finite(A: FloatArray) -> bool:
    """Return whether a matrix is free of nan and inf."""
    total = 0.0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            total += A[i, j] - A[i, j]
    return total == 0.0


@inner
def check_inputs(state: ArmState, dynamics: ArmDynamics, dt_s: float, now_s: float) -> int:
    """Return the reason why these numbers must not be used, or OK."""
    if not (dt_s > 0.0 and math.isfinite(dt_s) and math.isfinite(now_s)):
        return Reason.TIME_NOT_VALID.value
    if not (all_finite(state.q) and all_finite(state.dq) and all_finite(state.tau) and all_finite(state.p)):
        return Reason.STATE_NOT_FINITE.value
    if not rows_finite(state.R):
        return Reason.STATE_NOT_FINITE.value
    if not (rows_finite(dynamics.J) and rows_finite(dynamics.M)):
        return Reason.DYNAMICS_NOT_FINITE.value
    if not (all_finite(dynamics.coriolis) and all_finite(dynamics.gravity)):
        return Reason.DYNAMICS_NOT_FINITE.value
    return Reason.OK.value


@inner
def check_freshness(state: ArmState, gains: Gains, memory: ControllerState, dt_s: float, now_s: float) -> int:
    """Check that the state is fresh: by its stamp, where it has one, and by whether a moving arm's joints change."""
    if state.stamp_s.shape[0] > 0 and gains.state_age_max_s < math.inf:
        age_s = now_s - state.stamp_s[0]
        if age_s > gains.state_age_max_s:
            return Reason.STATE_OLD.value
        if age_s < -FUTURE_TOLERANCE_S:
            return Reason.TIME_NOT_VALID.value
    if gains.state_frozen_s == math.inf:
        return Reason.OK.value
    same, moving = True, False
    for k in range(state.q.shape[0]):
        same = same and state.q[k] == memory.q_last[k]
        moving = moving or abs(state.dq[k]) > MOVING_RAD_PER_S
        memory.q_last[k] = state.q[k]
    memory.unchanged_s = memory.unchanged_s + dt_s if same and moving else 0.0
    return Reason.STATE_FROZEN.value if memory.unchanged_s > gains.state_frozen_s else Reason.OK.value


@inner
def check_rest(state: ArmState, limits: ArmLimits, gains: Gains) -> int:
    """Return the reason why the arm may not start to move by itself, or OK."""
    if gains.start_checks == 0.0:
        return Reason.OK.value
    for k in range(state.q.shape[0]):
        if not limits.q_lower[k] <= state.q[k] <= limits.q_upper[k]:
            return Reason.START_OUTSIDE_LIMITS.value
        if abs(state.dq[k]) > START_SPEED_MAX:
            return Reason.START_MOVING.value
    return Reason.OK.value


@inner
def check_start(state: ArmState, limits: ArmLimits, gains: Gains, tau_own: FloatArray) -> int:
    """Return the reason to refuse activation, or OK: the arm also carries nothing that its model does not know."""
    reason = check_rest(state, limits, gains)
    if gains.start_checks == 0.0 or reason != Reason.OK.value:
        return reason
    for k in range(state.q.shape[0]):
        if abs(external_at_rest(state, tau_own, k)) > START_TORQUE_MAX:
            return Reason.START_PAYLOAD_WRONG.value
    return Reason.OK.value
