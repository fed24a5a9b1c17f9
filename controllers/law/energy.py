"""An account of the energy that targets, gains and feed-forward put into the arm: a tank that refills slowly.

A spring whose rest point or stiffness changes is no longer passive. What such a change adds to the spring at the arm's
present pose is taken from the tank; when the tank is empty the reference waits, and if that is not enough the
stiffness gives way. So within t seconds never more than energy_max + refill t is added, whatever the client sends.
"""

from __future__ import annotations

from controllers.compilation import inner
from controllers.geometry import FloatArray
from controllers.law.active_gains import ActiveGains


@inner
def spring_energy(error: FloatArray, live: ActiveGains, scale: float) -> float:
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
def meter_feed_forward(
    spring: FloatArray, twist: FloatArray, mobility: FloatArray, dt_s: float, tank_j: float, wrench: FloatArray
) -> float:
    """Shorten what `wrench` holds beside the spring to what the tank can pay; return what it costs [J].

    Its power at this twist, and at the speed that the whole wrench adds within the tick: from rest that is all of it.
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
