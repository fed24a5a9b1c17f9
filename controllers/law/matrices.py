"""Small dense matrices for compiled code: factor, solve, multiply, diagonalise, all into the caller's memory.

NumPy's own routines would allocate and take seconds to compile. B is written row by row, so that every inner loop runs
along contiguous memory.
"""

import math

from controllers.compilation import inner
from controllers.geometry import FloatArray

JACOBI_SWEEPS_MAX = 12
JACOBI_TOLERANCE = 1e-20  # of the squared off-diagonal part against the squared diagonal; three sweeps from 1e-3


@inner
def cholesky(A: FloatArray, L_out: FloatArray, pivot_floor: float) -> float:
    """A = L L^T, lower; pivots below pivot_floor are raised to it. Returns the smallest pivot before raising."""
    smallest = math.inf
    for j in range(A.shape[0]):
        pivot = A[j, j]
        for k in range(j):
            pivot -= L_out[j, k] * L_out[j, k]
        smallest = min(smallest, pivot)
        root = math.sqrt(max(pivot, pivot_floor))
        L_out[j, j] = root
        for i in range(j + 1, A.shape[0]):
            total = A[i, j]
            for k in range(j):
                total -= L_out[i, k] * L_out[j, k]
            L_out[i, j] = total / root
            L_out[j, i] = 0.0
    return smallest


@inner
def solve_lower_rows(L: FloatArray, B: FloatArray) -> None:
    """Replace each row b of B by L^-1 b."""
    for row in range(B.shape[0]):
        for i in range(L.shape[0]):
            total = B[row, i]
            for k in range(i):
                total -= L[i, k] * B[row, k]
            B[row, i] = total / L[i, i]


@inner
def solve_lower_transposed_rows(L: FloatArray, B: FloatArray) -> None:
    """Replace each row b of B by L^-T b."""
    n = L.shape[0]
    for row in range(B.shape[0]):
        for i in range(n - 1, -1, -1):
            total = B[row, i]
            for k in range(i + 1, n):
                total -= L[k, i] * B[row, k]
            B[row, i] = total / L[i, i]


@inner
def gram(B: FloatArray, A_out: FloatArray) -> None:
    """A = B B^T."""
    for i in range(B.shape[0]):
        for j in range(i + 1):
            total = 0.0
            for k in range(B.shape[1]):
                total += B[i, k] * B[j, k]
            A_out[i, j] = total
            A_out[j, i] = total


@inner
def multiply(A: FloatArray, x: FloatArray, out: FloatArray) -> None:
    """out = A x."""
    for i in range(A.shape[0]):
        total = 0.0
        for k in range(A.shape[1]):
            total += A[i, k] * x[k]
        out[i] = total


@inner
def add_transposed_product(A: FloatArray, x: FloatArray, scale: float, out: FloatArray) -> None:
    """out += scale A^T x."""
    for i in range(A.shape[0]):
        factor = scale * x[i]
        for k in range(A.shape[1]):
            out[k] += factor * A[i, k]


@inner
def _rotate(A: FloatArray, V_rows: FloatArray, p: int, q: int) -> None:
    """One Jacobi rotation: zero A[p, q] with the smaller of the two angles."""
    half_gap = 0.5 * (A[q, q] - A[p, p])
    t = A[p, q] / (half_gap + math.copysign(math.hypot(half_gap, A[p, q]), half_gap))
    c = 1.0 / math.sqrt(1.0 + t * t)
    s = t * c
    for k in range(A.shape[0]):
        A[k, p], A[k, q] = c * A[k, p] - s * A[k, q], s * A[k, p] + c * A[k, q]
    for k in range(A.shape[0]):
        A[p, k], A[q, k] = c * A[p, k] - s * A[q, k], s * A[p, k] + c * A[q, k]
        V_rows[p, k], V_rows[q, k] = c * V_rows[p, k] - s * V_rows[q, k], s * V_rows[p, k] + c * V_rows[q, k]


@inner
def symmetric_eigen(A: FloatArray, V_rows: FloatArray) -> None:
    """Diagonalise A in place by cyclic Jacobi: eigenvalues on its diagonal, unit eigenvectors in the rows of V_rows."""
    n = A.shape[0]
    for i in range(n):
        for j in range(n):
            V_rows[i, j] = 1.0 if i == j else 0.0
    for _ in range(JACOBI_SWEEPS_MAX):
        diagonal, rest = 0.0, 0.0
        for i in range(n):
            diagonal += A[i, i] * A[i, i]
            for j in range(i):
                rest += A[i, j] * A[i, j]
        if rest <= JACOBI_TOLERANCE * diagonal:
            return
        for i in range(n):
            for j in range(i + 1, n):
                if A[i, j] != 0.0:
                    _rotate(A, V_rows, i, j)
