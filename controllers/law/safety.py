"""Output guards, which can only reduce a command.

Order: finite, joint velocity, power, torque, torque rate. The rate comes last because a robot answers a jump with a
reflex: the reductions of earlier guards must respect it as well.
"""

import math

from controllers.arm import ArmLimits, ArmState
from controllers.compilation import inner
from controllers.geometry import FloatArray

VELOCITY_ONSET = 0.9  # the velocity guard fades in over the last tenth below dq_max
VELOCITY_BRAKE_PER_S = 50.0  # braking beyond dq_max, per unit of inertia: other joints may drag this one along
FAULT_DAMPING_PER_S = 10.0  # joint damping in a fault, per unit of inertia


@inner
def velocity_limit(q: float, direction: float, limits: ArmLimits, joint: int) -> float:
    """Return the greatest speed of a joint in this direction: near a stop, what the arm can still brake.

    min(dq_max, -velocity_offset + sqrt(2 deceleration (distance to the stop))), and 0 at least.
    Source: libfranka, include/franka/rate_limiting.h and joint_velocity_limits.h.
    """
    if limits.braking.shape[0] == 0:
        return limits.dq_max[joint]
    left = limits.braking[3, joint] - q if direction > 0.0 else q - limits.braking[2, joint]
    slowing = math.sqrt(max(2.0 * limits.braking[1, joint] * left, 0.0)) - limits.braking[0, joint]
    return min(limits.dq_max[joint], max(slowing, 0.0))


@inner
def limit_velocity(state: ArmState, M: FloatArray, limits: ArmLimits, tau_own: FloatArray, tau: FloatArray) -> bool:
    """Fade out accelerating torque near a joint's limit, and brake beyond; return whether it changed anything."""
    reduced, dq = False, state.dq
    for k in range(tau.shape[0]):
        drive = tau[k] - tau_own[k]
        dq_max = velocity_limit(state.q[k], dq[k] if dq[k] != 0.0 else drive, limits, k)
        margin = dq_max - abs(dq[k])
        onset = (1.0 - VELOCITY_ONSET) * dq_max
        near = margin < onset or dq_max <= 0.0
        if near and drive * dq[k] >= 0.0 and drive != 0.0:
            tau[k] = tau_own[k] + drive * (max(margin / onset, 0.0) if onset > 0.0 else 0.0)
            reduced = True
        if margin < 0.0:
            tau[k] += math.copysign(VELOCITY_BRAKE_PER_S * M[k, k] * margin, -dq[k])
            reduced = True
    return reduced


@inner
def limit_power(dq: FloatArray, power_max: float, tau_own: FloatArray, tau: FloatArray) -> bool:
    """Shorten the driving torque to at most power_max of mechanical power; return whether it reduced anything."""
    power_w = 0.0
    for k in range(tau.shape[0]):
        power_w += (tau[k] - tau_own[k]) * dq[k]
    if not power_w > power_max:
        return False
    for k in range(tau.shape[0]):
        tau[k] = tau_own[k] + (tau[k] - tau_own[k]) * power_max / power_w
    return True


@inner
def limit_torque(
    anchor: FloatArray, tau_max: FloatArray, tau_rate_max: FloatArray, dt_s: float, tau: FloatArray
) -> None:
    """|tau| <= tau_max, and |tau - anchor| <= tau_rate_max dt with the anchor itself held to tau_max."""
    for k in range(tau.shape[0]):
        bound = tau_max[k]
        start = min(max(anchor[k], -bound), bound)
        step = tau_rate_max[k] * dt_s
        tau[k] = min(max(min(max(tau[k], -bound), bound), start - step), start + step)


@inner
def fault_torque(dq: FloatArray, M: FloatArray, tau_own: FloatArray, stale: bool, tau: FloatArray) -> None:
    """Joint damping -10 M dq beside what the arm needs to float; a term that is not finite counts as zero.

    So does the damping of a stale state: it would be a held torque.
    """
    for k in range(tau.shape[0]):
        drag = 0.0
        for j in range(tau.shape[0]):
            drag += FAULT_DAMPING_PER_S * M[k, j] * dq[j]
        usable = math.isfinite(drag) and not stale
        tau[k] = (tau_own[k] if math.isfinite(tau_own[k]) else 0.0) - (drag if usable else 0.0)
