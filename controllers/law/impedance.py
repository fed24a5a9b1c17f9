"""Impedance law: Cartesian impedance with critical damping, and a posture that does not move the tool.

    F   = clip(K clip(e) + D V_d + F_ff + F_int) - D V        V = J dq
    tau = J^T F + N M (k (q_0 - q) - d dq) + C dq (+ g)

(`controllers.law.tracking` forms that sum and adds the virtual walls.)

K, e and F live in the task frame; J is rotated into it once, so that the rest of the law is independent of the frame.
Lambda = (J M^-1 J^T)^-1 is never formed: with J M^-1 J^T = C C^T, products with Lambda are two triangular solves.
In operational space K clip(e) stands behind Lambda, and D = 2 zeta K^(1/4) Lambda K^(1/4).
"""

import math
from typing import Annotated

from controllers.arm import ArmDynamics
from controllers.compilation import compiled, inner
from controllers.geometry import FloatArray
from controllers.law.gains import Gains
from controllers.law.matrices import (
    add_transposed_product,
    cholesky,
    gram,
    multiply,
    solve_lower_rows,
    solve_lower_transposed_rows,
    symmetric_eigen,
)
from controllers.records import Axes3, Axes4, Axes6, Jacobian, Joints, JointsMatrix, Matrix6, Record

# Near a singularity Lambda grows without bound along the lost direction. A floor under the pivots of Lambda^-1 means
# that no direction is heavier than 1 / floor; away from singularities it changes nothing.
MOBILITY_FLOOR = 1e-3  # [1/kg, 1/(kg m^2)]
FRICTION_ONSET = 0.05  # [rad/s]


class Scratch(Record):
    """Scratch memory of the law, valid within one tick."""

    J_task: Jacobian
    half: Jacobian  # J_task L^-T, so that half half^T = J M^-1 J^T
    mass_factor: JointsMatrix  # L of M = L L^T
    mobility: Matrix6  # J M^-1 J^T
    mobility_factor: Matrix6  # C of J M^-1 J^T = C C^T
    sandwich: Matrix6  # C^T K C
    modes: Matrix6  # its eigenvectors, one a row
    error: Axes6
    twist: Axes6  # J dq
    twist_goal: Axes6
    wrench_goal: Axes6
    wrench: Axes6  # F
    spring: Axes6  # the part of F that a spring stores
    drag: Axes6  # D V
    external_wrench: Axes6  # estimate of the external wrench on the tool
    fence: Annotated[FloatArray, 12]  # scratch of the virtual walls
    previous: Gains  # the active gains of the last tick
    p_before: Axes3  # the reference before its step
    quat_before: Axes4
    before_j: float  # energy of the spring before this tick [J]
    tau_row: Annotated[FloatArray, 1, "N"]
    pivot: float  # the least pivot of J M^-1 J^T, before raising
    reaction: Annotated[FloatArray, 1, 6]  # Lambda J a
    acceleration: Joints  # a
    tau_task: Joints  # J^T F
    tau_posture: Joints  # of the nullspace
    tau_walls: Joints  # of joint limits and workspace
    tau_singular: Joints  # damping near a singularity
    tau_motion: Joints  # of a joint motion or of guiding
    tau_own: Joints  # C dq (+ g)


@inner
def to_task(R: FloatArray, offset: int, x: float, y: float, z: float, out: FloatArray) -> None:
    """out[offset : offset + 3] = R^T (x, y, z)."""
    for i in range(3):
        out[offset + i] = R[0, i] * x + R[1, i] * y + R[2, i] * z


@inner
def jacobian_to_task(R: FloatArray, J: FloatArray, J_task: FloatArray, copy: FloatArray) -> None:
    """J_task = blkdiag(R^T, R^T) J, written twice: one of them is factored in place."""
    for row in range(6):
        base = 0 if row < 3 else 3
        x, y, z = R[0, row - base], R[1, row - base], R[2, row - base]
        for k in range(J.shape[1]):
            J_task[row, k] = x * J[base, k] + y * J[base + 1, k] + z * J[base + 2, k]
            copy[row, k] = J_task[row, k]


@inner
def factor_dynamics(dynamics: ArmDynamics, task_R: FloatArray, work: Scratch) -> bool:
    """Factor M and J M^-1 J^T into `work`; False when M is not positive definite."""
    if not cholesky(dynamics.M, work.mass_factor, 1e-9) > 0.0:
        return False
    jacobian_to_task(task_R, dynamics.J, work.J_task, work.half)
    solve_lower_rows(work.mass_factor, work.half)
    gram(work.half, work.mobility)
    work.pivot = cholesky(work.mobility, work.mobility_factor, MOBILITY_FLOOR)
    return True


@inner
def _stiffness_sandwich(C: FloatArray, stiffness: FloatArray, out: FloatArray) -> None:
    """out = C^T K C for lower triangular C."""
    for i in range(6):
        for j in range(i + 1):
            total = 0.0
            for k in range(i, 6):
                total += C[k, i] * stiffness[k] * C[k, j]
            out[i, j] = total
            out[j, i] = total


@compiled
def critical_damping(
    C: FloatArray, stiffness: FloatArray, ratio: FloatArray, sandwich: FloatArray, modes: FloatArray, D_out: FloatArray
) -> None:
    """D = 2 zeta S (S^-1 K S^-1)^(1/2) S, S = Lambda^(1/2), by double diagonalisation.

    With L = C^-T (Lambda = L L^T) and L^-1 K L^-T = U diag(w) U^T this is sum_k 2 zeta sqrt(w_k) x_k x_k^T, where
    x_k = L u_k: L is S times a rotation, and the rotation cancels. Ratios that differ between axes enter as
    sqrt(zeta_i zeta_j), which keeps D symmetric and never negative.
    """
    _stiffness_sandwich(C, stiffness, sandwich)
    symmetric_eigen(sandwich, modes)
    solve_lower_transposed_rows(C, modes)
    for i in range(6):
        for j in range(i + 1):
            total = 0.0
            for k in range(6):
                total += math.sqrt(max(sandwich[k, k], 0.0)) * modes[k, i] * modes[k, j]
            D_out[i, j] = 2.0 * math.sqrt(ratio[i] * ratio[j]) * total
            D_out[j, i] = D_out[i, j]


@inner
def constant_damping(diagonal: FloatArray, D_out: FloatArray) -> bool:
    """D = diag(diagonal), to match SERL; False where a nan in it asks for critical damping."""
    for i in range(6):
        if math.isnan(diagonal[i]):
            return False
    for i in range(6):
        for j in range(6):
            D_out[i, j] = diagonal[i] if i == j else 0.0
    return True


@inner
def operational_damping(
    C: FloatArray, stiffness: FloatArray, ratio: FloatArray, rows: FloatArray, D_out: FloatArray
) -> None:
    """D_ij = 2 Lambda_ij sqrt(d_i d_j) with d_i = zeta_i sqrt(K_i): Lambda D' where D' is the same for all axes.

    Behind Lambda a diagonal D' with different entries would not be symmetric, and could feed energy. `rows` (6, 6) is
    scratch.
    """
    for i in range(6):
        for j in range(6):
            rows[i, j] = math.sqrt(2.0 * ratio[i] * math.sqrt(stiffness[i])) if i == j else 0.0
    solve_lower_rows(C, rows)
    gram(rows, D_out)


@inner
def add_diagonal(diagonal: FloatArray, D: FloatArray) -> None:
    """D += diag(diagonal)."""
    for i in range(6):
        D[i, i] += diagonal[i]


@inner
def _springs(gains: Gains, scale: float, work: Scratch) -> None:
    """work.spring = s K clip(e), in operational space Lambda times that."""
    for i in range(6):
        error = min(max(work.error[i], gains.clip_lower[i]), gains.clip_upper[i])
        work.spring[i] = scale * gains.stiffness[i] * error
    if gains.operational_space != 0.0:
        for i in range(6):
            work.reaction[0, i] = work.spring[i]
        solve_lower_rows(work.mobility_factor, work.reaction)
        solve_lower_transposed_rows(work.mobility_factor, work.reaction)
        for i in range(6):
            work.spring[i] = work.reaction[0, i]


@inner
def drive_wrench(gains: Gains, integral: FloatArray, scale: float, D: FloatArray, work: Scratch) -> None:
    """work.wrench = clip(springs + D V_d + F_ff + F_int); work.drag = D V.

    The clip on the sum is K clip_lower - cap .. K clip_upper + cap, where cap = wrench_max + integral_max: whatever the
    target is, the driving wrench stays within the force cap, and the rest only dissipates.
    """
    _springs(gains, scale, work)
    for i in range(6):
        K, cap = gains.stiffness[i], gains.wrench_max[i]
        drive = work.spring[i] + min(max(work.wrench_goal[i], -cap), cap) + integral[i]
        drag = 0.0
        for j in range(6):
            drive += D[i, j] * work.twist_goal[j]
            drag += D[i, j] * work.twist[j]
        cap += gains.integral_max[i]
        lower, upper = K * gains.clip_lower[i] - cap, K * gains.clip_upper[i] + cap
        if gains.operational_space != 0.0:
            lower, upper = -gains.force_limit[i], gains.force_limit[i]
        work.wrench[i] = min(max(drive, lower), upper)
        work.drag[i] = drag


@inner
def posture_torque(q: FloatArray, dq: FloatArray, M: FloatArray, gains: Gains, work: Scratch) -> None:
    """work.tau_posture = N M a, a = k (q_0 - q) - d dq, N = I - J^T Jbar^T; shortened as a whole to the torque bound.

    N M a = M a - J^T Lambda J a accelerates no part of the TCP, and N M is symmetric and never negative, so that the
    damper can only take energy out. Shortening the whole vector, not each joint, keeps both.
    """
    for k in range(M.shape[0]):
        spring = gains.posture_stiffness * (gains.posture[k] - q[k])
        work.acceleration[k] = spring - gains.posture_damping * dq[k]
    multiply(M, work.acceleration, work.tau_posture)
    multiply(work.J_task, work.acceleration, work.reaction[0])
    solve_lower_rows(work.mobility_factor, work.reaction)
    solve_lower_transposed_rows(work.mobility_factor, work.reaction)
    add_transposed_product(work.J_task, work.reaction[0], -1.0, work.tau_posture)
    shorten(work.tau_posture, gains.posture_torque_max)


@inner
def shorten(tau: FloatArray, largest_max: float) -> None:
    """Scale tau so that no entry exceeds largest_max, keeping its direction."""
    largest = 0.0
    for k in range(tau.shape[0]):
        largest = max(largest, abs(tau[k]))
    if largest > largest_max:
        for k in range(tau.shape[0]):
            tau[k] *= largest_max / largest


@inner
def own_torque(dq: FloatArray, dynamics: ArmDynamics, gains: Gains, tau_own: FloatArray) -> None:
    """tau_own = C dq + c tanh(dq / dq_0) + v dq, plus g unless the robot compensates gravity itself.

    The smooth sign prevents chatter from noise around standstill.
    """
    for k in range(tau_own.shape[0]):
        tau_own[k] = dynamics.coriolis[k] + (dynamics.gravity[k] if gains.compensate_gravity != 0.0 else 0.0)
        if gains.friction_coulomb[k] > 0.0 and math.isfinite(dq[k]):
            tau_own[k] += gains.friction_coulomb[k] * math.tanh(dq[k] / FRICTION_ONSET)
        if gains.friction_viscous[k] > 0.0 and math.isfinite(dq[k]):
            tau_own[k] += gains.friction_viscous[k] * dq[k]


@inner
def task_torque(work: Scratch) -> None:
    """work.wrench = F - D V; work.tau_task = J^T work.wrench."""
    for i in range(6):
        work.wrench[i] -= work.drag[i]
    for k in range(work.tau_task.shape[0]):
        work.tau_task[k] = 0.0
    add_transposed_product(work.J_task, work.wrench, 1.0, work.tau_task)
