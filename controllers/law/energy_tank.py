"""Energy tank: bounds the energy that targets, gains and feed-forward supply; it refills slowly.

A spring whose rest point or stiffness changes is no longer passive. What such a change adds to the spring at the arm's
present pose is taken from the tank; when the tank is empty the reference is held, and if that is not enough the
stiffness is reduced. So within t seconds at most energy_max + refill t is added, whatever the client sends.
"""

import math

from controllers.arm import ArmState, Reason
from controllers.compilation import inner
from controllers.geometry import FloatArray, quat_towards
from controllers.law.controller_state import ControllerState
from controllers.law.gains import Gains
from controllers.law.task_frame import express_error
from controllers.law.virtual_walls import clip_cone, outside_cone


@inner
def spring_energy(error: FloatArray, gains: Gains, scale: float) -> float:
    """Return U(e) = s sum_i K_i (c_i^2 / 2 + c_i (e_i - c_i)) [J], c the clipped error: the integral of force."""
    total = 0.0
    for i in range(6):
        c = min(max(error[i], gains.clip_lower[i]), gains.clip_upper[i])
        total += gains.stiffness[i] * (0.5 * c * c + c * (error[i] - c))
    return scale * total


@inner
def affordable(before_j: float, after_j: float, tank_j: float) -> float:
    """Return the fraction 0..1 of a step that the tank allows: U is convex in the position, so a part costs no more."""
    cost = after_j - before_j
    return 1.0 if cost <= tank_j else tank_j / cost


@inner
def affordable_scale(before_j: float, after_j: float, tank_j: float) -> float:
    """Return the scale of the stiffness for the rest: U is linear in it."""
    return 1.0 if after_j - before_j <= tank_j else (before_j + tank_j) / after_j


@inner
def meter_feed_forward(
    spring: FloatArray, twist: FloatArray, mobility: FloatArray, dt_s: float, tank_j: float, wrench: FloatArray
) -> float:
    """Shorten the part of `wrench` beyond the spring to what the tank allows; return its cost [J].

    The cost is its power at this twist plus at the speed that the whole wrench adds within the tick.
    `mobility` (6, 6) is J M^-1 J^T.
    """
    power_w, gain_w_per_s = 0.0, 0.0
    for i in range(6):
        forward = wrench[i] - spring[i]
        power_w += forward * twist[i]
        for j in range(6):
            gain_w_per_s += forward * mobility[i, j] * wrench[j]
    cost = (max(power_w, 0.0) + 0.5 * max(gain_w_per_s, 0.0) * dt_s) * dt_s
    if cost <= tank_j:
        return cost
    for i in range(6):  # the cost falls at least as fast as the share
        wrench[i] = spring[i] + (wrench[i] - spring[i]) * tank_j / cost
    return tank_j


@inner
def record_energy(state: ArmState, energy_max_j: float, memory: ControllerState) -> None:
    """Record, before gains and reference change, the spring's energy at the arm's present pose and the reference."""
    work = memory.work
    if energy_max_j == math.inf:
        return
    express_error(state, memory)
    work.before_j = spring_energy(work.error, memory.gains, memory.stiffness_scale * memory.yield_scale)
    for i in range(3):
        work.p_before[i] = memory.reference_p[i]
    for i in range(4):
        work.quat_before[i] = memory.reference_quat_xyzw[i]


@inner
def _retract(fraction: float, memory: ControllerState) -> None:
    """Retract the reference to a fraction of its step."""
    work, p, quat = memory.work, memory.reference_p, memory.reference_quat_xyzw
    for i in range(3):
        p[i] = work.p_before[i] + fraction * (p[i] - work.p_before[i])
    outside_rad = max(outside_cone(work.quat_before, memory.gains), outside_cone(quat, memory.gains))
    turned = quat_towards(work.quat_before, quat, fraction, math.inf)
    for i in range(4):
        quat[i] = turned[i]
    clip_cone(quat, memory.gains, outside_rad)


@inner
def spend(state: ArmState, memory: ControllerState, dt_s: float) -> int:
    """Take the spring energy that this tick adds from the tank; reduce the reference's step, then the stiffness."""
    gains, error, before_j = memory.gains, memory.work.error, memory.work.before_j
    tank = min(memory.tank_j + gains.energy_refill_w * dt_s, gains.energy_max_j)
    reason = Reason.OK.value
    after_j = spring_energy(error, gains, memory.stiffness_scale * memory.yield_scale)
    fraction = affordable(before_j, after_j, tank)
    if fraction < 1.0:
        reason = Reason.ENERGY_LIMITED.value
        _retract(fraction, memory)
        express_error(state, memory)
        after_j = spring_energy(error, gains, memory.stiffness_scale * memory.yield_scale)
        memory.stiffness_scale *= affordable_scale(before_j, after_j, tank)
        after_j = min(after_j, before_j + tank)
    memory.tank_j = min(tank + before_j - after_j, gains.energy_max_j)
    return reason
