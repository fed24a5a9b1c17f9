"""An account of the energy that targets, gains and feed-forward put into the arm: a tank that refills slowly.

A spring whose rest point or stiffness changes is no longer passive. What such a change adds to the spring at the arm's
present pose is taken from the tank; when the tank is empty the reference waits, and if that is not enough the
stiffness gives way. So within t seconds never more than energy_max + refill t is added, whatever the client sends.
"""

from __future__ import annotations

from controllers.compilation import inner
from controllers.geometry import FloatArray
from controllers.live import Live


@inner
def spring_energy(error: FloatArray, live: Live, scale: float) -> float:
    """U(e) = s sum_i K_i (c_i^2 / 2 + c_i (e_i - c_i)) [J], c the clipped error: the integral of the clipped force."""
    total = 0.0
    for i in range(6):
        c = min(max(error[i], live.clip_lower[i]), live.clip_upper[i])
        total += live.stiffness[i] * (0.5 * c * c + c * (error[i] - c))
    return scale * total


@inner
def affordable(before_j: float, after_j: float, tank_j: float) -> float:
    """The fraction 0..1 of a step that the tank can pay: U is convex in the position, a part costs no more."""
    cost = after_j - before_j
    return 1.0 if cost <= tank_j else tank_j / cost


@inner
def affordable_scale(before_j: float, after_j: float, tank_j: float) -> float:
    """By how much the stiffness must give way for the rest: U is linear in it."""
    return 1.0 if after_j - before_j <= tank_j else (before_j + tank_j) / after_j


@inner
def meter_feed_forward(spring: FloatArray, twist: FloatArray, dt_s: float, tank_j: float, wrench: FloatArray) -> float:
    """Shorten what `wrench` holds beside the spring to what the tank can pay; return what it cost [J]."""
    power_w = 0.0
    for i in range(6):
        power_w += (wrench[i] - spring[i]) * twist[i]
    cost = power_w * dt_s
    if cost <= 0.0:
        return 0.0
    if cost > tank_j:
        for i in range(6):
            wrench[i] = spring[i] + (wrench[i] - spring[i]) * tank_j / cost
        cost = tank_j
    return cost


@inner
def underpaid(forward: FloatArray, twist_last: FloatArray, twist: FloatArray, dt_s: float) -> float:
    """What last tick's feed-forward did beyond what was paid for it [J]: the arm gained speed while it acted."""
    work_j = 0.0
    for i in range(6):
        work_j += forward[i] * (twist[i] - twist_last[i])
    return max(0.5 * work_j * dt_s, 0.0)
