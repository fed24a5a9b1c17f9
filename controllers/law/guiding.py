"""Hand guiding: an attended person leads the arm, which only carries itself; virtual walls and guards stay.

tau = -d M dq. Beyond the workspace, or faster than `SPEED_MAX`, the arm holds, as where it falls because its payload is
not the one that is set.
"""

from controllers.arm import ArmDynamics, ArmState, Reason
from controllers.compilation import inner
from controllers.geometry import FloatArray, norm3
from controllers.law.gains import Gains
from controllers.law.impedance import Scratch
from controllers.law.matrices import multiply
from controllers.law.polytope_projection import beyond_faces

OUTSIDE_M = 0.02  # of the tool beyond the workspace
DAMPING = 2.0  # per unit of inertia [1/s]
SPEED_MAX = (0.5, 2.0)  # of the tool [m/s, rad/s]


@inner
def guiding_torque(dq: FloatArray, M: FloatArray, tau: FloatArray) -> None:
    """Write tau = -d M dq."""
    multiply(M, dq, tau)
    for k in range(tau.shape[0]):
        tau[k] *= -DAMPING


@inner
def guided(state: ArmState, dynamics: ArmDynamics, gains: Gains, work: Scratch) -> int:
    """Return GUIDED, or why the guiding ends."""
    if beyond_faces((state.p[0], state.p[1], state.p[2]), gains) > OUTSIDE_M:
        return Reason.MOTION_OUTSIDE.value
    multiply(dynamics.J, state.dq, work.twist)
    x = work.twist
    fast = norm3(x[0], x[1], x[2]) > SPEED_MAX[0] or norm3(x[3], x[4], x[5]) > SPEED_MAX[1]
    return Reason.MOTION_TOO_FAST.value if fast else Reason.GUIDED.value
