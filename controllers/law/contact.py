"""Contact: sensorless estimate of the external wrench, and stiffness reduction under it.

The residual M ddq + C dq + g - tau is the external torque; low-passed it is the generalised-momentum observer.
Source: De Luca and Mattone, "Sensorless robot collision detection and hybrid force/motion control", ICRA 2005.
"""

import math

from controllers.arm import ArmState
from controllers.compilation import inner
from controllers.geometry import FloatArray, norm3
from controllers.law.impedance import Scratch
from controllers.law.matrices import multiply, solve_lower_rows, solve_lower_transposed_rows
from controllers.law.reference import all_finite

YIELD_RETURN = 10.0  # the stiffness returns ten times slower than it is reduced


@inner
def external_at_rest(state: ArmState, tau_own: FloatArray, joint: int) -> float:
    """Return the external torque in one joint of a resting arm: the robot's estimate, else the residual [N m]."""
    if state.tau_external.shape[0] == tau_own.shape[0] and math.isfinite(state.tau_external[joint]):
        return state.tau_external[joint]
    return tau_own[joint] - state.tau[joint]


@inner
def estimate_external(
    state: ArmState, M: FloatArray, tau_own: FloatArray, dq_last: FloatArray, filter_s: float, dt_s: float,
    external: FloatArray,
) -> None:  # fmt: skip
    """Advance the estimate (N,) [N m] by one step; use the robot's own where it reports one."""
    fraction = 1.0 - math.exp(-dt_s / filter_s) if filter_s > 0.0 else 1.0
    reported = state.tau_external.shape[0] == external.shape[0] and all_finite(state.tau_external)
    for k in range(external.shape[0]):
        raw = state.tau_external[k] if reported else tau_own[k] - state.tau[k]
        if not reported:
            for j in range(external.shape[0]):
                raw += M[k, j] * (state.dq[j] - dq_last[j]) / dt_s
        external[k] += fraction * (raw - external[k])


@inner
def external_wrench(external: FloatArray, work: Scratch, wrench: FloatArray) -> None:
    """Write F = Lambda J M^-1 tau, in the task frame, with the factors of `work`."""
    for k in range(external.shape[0]):
        work.tau_row[0, k] = external[k]
    solve_lower_rows(work.mass_factor, work.tau_row)
    solve_lower_transposed_rows(work.mass_factor, work.tau_row)
    multiply(work.J_task, work.tau_row[0], work.reaction[0])
    solve_lower_rows(work.mobility_factor, work.reaction)
    solve_lower_transposed_rows(work.mobility_factor, work.reaction)
    for i in range(6):
        wrench[i] = work.reaction[0, i]


@inner
def contact_ratio(wrench: FloatArray, force_max: FloatArray) -> float:
    """Return the larger of |F| / F_max and |M| / M_max; a bound of zero is a bound."""
    worst = 0.0
    for block in range(2):
        size = norm3(wrench[3 * block], wrench[3 * block + 1], wrench[3 * block + 2])
        if size > 0.0 and force_max[block] != math.inf:
            worst = max(worst, size / force_max[block] if force_max[block] > 0.0 else math.inf)
    return worst


@inner
def yielded(scale: float, ratio: float, yield_s: float, dt_s: float) -> float:
    """Return the next scale of the driving wrench: down while ratio > 1, slowly up below."""
    rate = (1.0 - ratio) / yield_s if yield_s > 0.0 else math.copysign(math.inf, 1.0 - ratio)
    rate = rate / YIELD_RETURN if rate > 0.0 else rate
    return min(max(scale + rate * dt_s, 0.0), 1.0)
