"""Active gains: they follow the requested ones so that a change causes no torque step."""

import math

from numba import literal_unroll

from controllers.compilation import inner
from controllers.geometry import FloatArray
from controllers.law.controller_state import ControllerState
from controllers.law.gains import RAMPED, Gains


@inner
def take_gains(requested: Gains, dt_s: float, memory: ControllerState) -> None:
    """Move the ramped gains by 1 - exp(-dt / T) of the difference, T = gain_time_s; the others change at once."""
    T = requested.gain_time_s
    if T <= 0.0:
        memory.gains = requested
        return
    fraction = 1.0 - math.exp(-dt_s / T)
    memory.work.previous = memory.gains
    memory.gains = requested
    previous, active = memory.work.previous, memory.gains
    for name in literal_unroll(RAMPED):
        for i in range(6):
            active[name][i] = previous[name][i] + fraction * (active[name][i] - previous[name][i])


@inner
def slew_wrench(wrench_goal: FloatArray, dt_s: float, memory: ControllerState) -> None:
    """Move the active feed-forward wrench towards the goal at its rate limit, and write it over the goal.

    Within its bound only: beyond it the wrench has no effect, and the way back would take time.
    """
    gains, wrench = memory.gains, memory.wrench
    for i in range(6):
        step, bound = gains.wrench_rate_max[i] * dt_s, gains.wrench_max[i]
        goal = min(max(wrench_goal[i], -bound), bound)
        wrench[i] = min(max(goal, wrench[i] - step), wrench[i] + step)
        wrench_goal[i] = wrench[i]


@inner
def integrate_error(error: FloatArray, dt_s: float, memory: ControllerState) -> None:
    """Add the clipped error to the integral's wrench, which stays within its bound."""
    gains, integral = memory.gains, memory.integral
    for i in range(6):
        clipped = min(max(error[i], gains.clip_lower[i]), gains.clip_upper[i])
        bound = gains.integral_max[i]
        integral[i] = min(max(integral[i] + gains.integral_rate[i] * clipped * dt_s, -bound), bound)
