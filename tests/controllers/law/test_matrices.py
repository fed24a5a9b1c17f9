"""Small linear algebra against NumPy and SciPy. The compiled code's Python twin (`py_func`) is the same text."""

import numpy as np
import pytest
import scipy.linalg

from controllers.law.impedance import critical_damping
from controllers.law.matrices import cholesky, gram, solve_lower_rows, solve_lower_transposed_rows


def spd(rng, n, spread=3.0):
    """A random symmetric positive definite matrix with a condition number of 10^spread."""
    Q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return (Q * 10 ** rng.uniform(-spread / 2, spread / 2, n)) @ Q.T


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("n", [6, 7])
def test_cholesky_agrees_with_numpy(rng, n):
    A, L = spd(rng, n), np.ones((n, n))
    assert cholesky.py_func(A, L, 0.0) > 0.0
    np.testing.assert_allclose(L, np.linalg.cholesky(A), atol=1e-12)


def test_a_floored_cholesky_stays_finite_where_the_matrix_is_singular(rng):
    B = rng.normal(size=(6, 5))
    L = np.zeros((6, 6))
    assert cholesky.py_func(B @ B.T, L, 1e-3) < 1e-12
    assert np.diag(L).min() >= np.sqrt(1e-3) and np.isfinite(L).all()
    assert np.linalg.eigvalsh(L @ L.T - B @ B.T).min() > -1e-12  # raised, never lowered


def test_triangular_solves_work_row_by_row(rng):
    L, B = np.tril(rng.normal(size=(6, 6))) + 3 * np.eye(6), rng.normal(size=(4, 6))
    down, up = B.copy(), B.copy()
    solve_lower_rows.py_func(L, down)
    solve_lower_transposed_rows.py_func(L, up)
    np.testing.assert_allclose(down, np.linalg.solve(L, B.T).T, atol=1e-12)
    np.testing.assert_allclose(up, np.linalg.solve(L.T, B.T).T, atol=1e-12)


def test_gram_is_the_product_with_its_transpose(rng):
    B, A = rng.normal(size=(6, 7)), np.zeros((6, 6))
    gram.py_func(B, A)
    np.testing.assert_allclose(A, B @ B.T, atol=1e-13)


def damping_of(inertia, stiffness, ratio):
    D, scratch, modes = np.zeros((6, 6)), np.zeros((6, 6)), np.zeros((6, 6))
    critical_damping(np.linalg.cholesky(np.linalg.inv(inertia)), stiffness, ratio, scratch, modes, D)
    return D


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("stiffness", [(600.0, 600.0, 600.0, 30.0, 30.0, 30.0), (2000.0, 10.0, 0.0, 150.0, 1.0, 0.0)])
def test_critical_damping_is_the_double_diagonalisation(seed, stiffness):
    """D = 2 zeta S (S^-1 K S^-1)^(1/2) S with S = Lambda^(1/2), by SciPy's matrix square roots."""
    inertia, K = spd(np.random.default_rng(seed), 6), np.diag(stiffness)
    S = scipy.linalg.sqrtm(inertia).real
    inverse = np.linalg.inv(S)
    w, U = np.linalg.eigh(inverse @ K @ inverse)
    expected = 2 * 0.8 * S @ (U * np.sqrt(np.maximum(w, 0.0))) @ U.T @ S
    D = damping_of(inertia, np.array(stiffness), np.full(6, 0.8))
    np.testing.assert_allclose(D, expected, atol=3e-6 * np.abs(expected).max())  # the oracle: sqrt(eps)


@pytest.mark.parametrize("seed", range(20))
def test_damping_never_feeds_energy_whatever_the_ratios(seed):
    rng = np.random.default_rng(seed)
    D = damping_of(spd(rng, 6), rng.uniform(0.0, 3000.0, 6), rng.uniform(0.0, 2.0, 6))
    np.testing.assert_array_equal(D, D.T)
    assert np.linalg.eigvalsh(D).min() > -1e-9 * np.abs(D).max()
