"""Hand guiding: an attended person leads the arm, which only carries itself; virtual walls and guards stay.

tau = -d M dq. Faster than `SPEED_MAX` the arm holds, as where it falls because its payload is not the one that is set.
"""

from __future__ import annotations

from controllers.arm import ArmDynamics
from controllers.compilation import inner
from controllers.geometry import FloatArray, norm3
from controllers.law.impedance import Scratch
from controllers.law.matrices import multiply

DAMPING = 2.0  # per unit of inertia [1/s]
SPEED_MAX = (0.5, 2.0)  # of the tool [m/s, rad/s]


@inner
def guiding_torque(dq: FloatArray, M: FloatArray, tau: FloatArray) -> None:
    """Write tau = -d M dq."""
    multiply(M, dq, tau)
    for k in range(tau.shape[0]):
        tau[k] *= -DAMPING


@inner
def too_fast(dq: FloatArray, dynamics: ArmDynamics, work: Scratch) -> bool:
    """Return whether the tool exceeds `SPEED_MAX`."""
    multiply(dynamics.J, dq, work.twist)
    x = work.twist
    return norm3(x[0], x[1], x[2]) > SPEED_MAX[0] or norm3(x[3], x[4], x[5]) > SPEED_MAX[1]
