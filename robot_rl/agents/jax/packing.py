"""Many named arrays as one vector.

The learner keeps each group of parameters as one vector: Adam and the targets' step are then a handful of kernels
instead of several for each of fifty arrays, which halves the time to compile.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

Array = TypeVar("Array", np.ndarray, jax.Array)


@dataclass(frozen=True)
class Packing:
    """Place of each named array in the vector."""

    shapes: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays' names, in order."""
        return tuple(name for name, _ in self.shapes)

    def pack(self, arrays: Mapping[str, Array]) -> jax.Array:
        """Return one vector of the named arrays; others are left out."""
        return jnp.concatenate([jnp.ravel(arrays[name]) for name in self.names])

    def unpack(self, vector: Array) -> dict[str, Array]:
        """Return the arrays of a vector, by name."""
        arrays, start = {}, 0
        for name, shape in self.shapes:
            end = start + math.prod(shape)
            arrays[name] = vector[start:end].reshape(shape)
            start = end
        return arrays
