"""Checks of settings, made once where they are built: each names the field, its value and the rule."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]  # as in geometry.py, without its compiler: settings are checked on each start


def no_nan(name: str, value: ArrayLike, size: int) -> FloatArray:
    """Return the value as (size,), a scalar repeated.

    Raises:
        ValueError: nan, or another size.
    """
    array = np.asarray(value, dtype=np.float64)
    if array.ndim > 1 or array.size not in (1, size):
        raise ValueError(f"{name}: got shape {array.shape}, expected ({size},); give one number for each axis.")
    if np.isnan(array).any():
        raise ValueError(
            f"{name}: got {array.tolist()}, expected numbers without nan; leave the argument out for its default."
        )
    return np.full(size, array.reshape(-1))


def finite(name: str, value: ArrayLike, size: int) -> FloatArray:
    """Check as `no_nan` does, and refuse inf."""
    array = no_nan(name, value, size)
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got {array.tolist()}, expected finite numbers; choose a bound.")
    return array


def not_negative(name: str, array: FloatArray) -> FloatArray:
    """Return the array itself.

    Raises:
        ValueError: a negative entry.
    """
    if (array < 0.0).any():
        raise ValueError(f"{name}: got {array.tolist()}, expected values >= 0; zero switches it off.")
    return array


def non_negative(name: str, value: ArrayLike, size: int) -> FloatArray:
    """Check as `finite` does, and refuse negative numbers."""
    return not_negative(name, finite(name, value, size))


def rotation(name: str, value: ArrayLike) -> FloatArray:
    """Return the value as a rotation matrix (3, 3)."""
    R = np.ascontiguousarray(value, dtype=np.float64)
    bounded = R.shape == (3, 3) and np.abs(R).max() < 2.0  # no product overflows
    if not bounded or not np.allclose(R @ R.T, np.eye(3), atol=1e-6) or np.linalg.det(R) < 0.0:
        raise ValueError(f"{name}: got {np.asarray(value).tolist()}, expected a (3, 3) rotation matrix; normalise it.")
    return R


def rotation_axis(name: str, value: ArrayLike) -> FloatArray:
    """Return the value as a unit vector (3,)."""
    axis = finite(name, value, 3)
    length = float(np.linalg.norm(axis))
    if length < 1e-9:
        raise ValueError(f"{name}: got {axis.tolist()}, expected a direction; give a vector that is not zero.")
    return axis / length
