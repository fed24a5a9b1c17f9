"""Many named arrays as one vector.

A learner keeps each group of parameters as one vector: Adam and the targets' step are then a handful of kernels instead
of several for each of fifty arrays, which also halves JAX's time to compile.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_rl.agents.definition import GROUPS, AgentDefinition


@dataclass(frozen=True)
class Packing:
    """Place of each named array in the vector."""

    shapes: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays' names, in order."""
        return tuple(name for name, _ in self.shapes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Each array's share of the vector, in order."""
        return tuple(math.prod(shape) for _, shape in self.shapes)

    def pack(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return one vector of the named arrays; others are left out."""
        return np.concatenate([np.ravel(arrays[name]) for name in self.names])

    def unpack(self, vector: Any) -> dict[str, Any]:
        """Return the arrays of a vector of numpy or JAX, by name."""
        arrays, start = {}, 0
        for (name, shape), size in zip(self.shapes, self.sizes, strict=True):
            arrays[name] = vector[start : start + size].reshape(shape)
            start += size
        return arrays


def group_packings(definition: AgentDefinition) -> dict[str, Packing]:
    """Return where each parameter lies in its group's vector."""
    groups = {group: definition.group_names(group) for group in GROUPS}
    return {group: make_packing(definition, names) for group, names in groups.items() if names}


def make_packing(definition: AgentDefinition, names: tuple[str, ...]) -> Packing:
    """Return a vector's layout for the named parameters."""
    specs = definition.parameter_specs()
    return Packing(tuple((name, specs[name].shape) for name in names))
