"""Schema of a step, agreed by actor and learner: names, shapes and dtypes."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.errors import ConfigError, SchemaMismatchError

DTYPES = ("bool", "uint8", "int32", "int64", "float16", "float32", "float64")


@dataclass(frozen=True)
class ArraySpec:
    """Shape and dtype of one array of a step.

    `variants` is 0 for a plain array. With `variants = V > 0` the leading axis holds V encodings of the same frame
    (clean first, then augmented ones), and the replay draws one of them per sample.

    Raises:
        ConfigError: unknown dtype, negative extent, or a leading axis that is not `variants`.
    """

    shape: tuple[int, ...]
    dtype: str
    variants: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(extent) for extent in self.shape))
        if self.dtype not in DTYPES:
            raise ConfigError(f"dtype: got {self.dtype!r}, expected one of {', '.join(DTYPES)}; convert the array.")
        if any(extent < 0 for extent in self.shape):
            raise ConfigError(f"shape: got {self.shape}, expected extents of 0 or more; fix the array's spec.")
        if self.variants and (not self.shape or self.shape[0] != self.variants):
            raise ConfigError(
                f"variants: got {self.variants} with shape {self.shape}, expected shape[0] == variants; put them first."
            )

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sampled array: without the axis of variants."""
        return self.shape[1:] if self.variants else self.shape

    @property
    def nbytes(self) -> int:
        """Bytes of one array."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def to_json(self) -> dict[str, Any]:
        """Return the spec as JSON-ready values."""
        return {"shape": list(self.shape), "dtype": self.dtype, "variants": self.variants}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the spec that `to_json` described."""
        return cls(tuple(value["shape"]), str(value["dtype"]), int(value.get("variants", 0)))

    def __str__(self) -> str:
        variants = f" ({self.variants} variants)" if self.variants else ""
        return f"{self.dtype}{list(self.shape)}{variants}"


@dataclass(frozen=True)
class StepSchema:
    """Schema of one step: observation, action and task.

    `encoder` is the identity of the encoder whose features the observation holds, empty without features.
    """

    observation: Mapping[str, ArraySpec]
    action: ActionLayout
    task: str
    encoder: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "observation", dict(sorted(self.observation.items())))

    @property
    def action_spec(self) -> ArraySpec:
        """Shape and dtype of an action (A,)."""
        return ArraySpec((self.action.size,), "float32")

    def to_json(self) -> dict[str, Any]:
        """Return the schema as JSON-ready values."""
        observation = {name: spec.to_json() for name, spec in self.observation.items()}
        encoder = {"encoder": self.encoder} if self.encoder else {}
        return {"observation": observation, "action": self.action.to_json(), "task": self.task, **encoder}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the schema that `to_json` described.

        Raises:
            SchemaMismatchError: a field is missing or malformed.
        """
        try:
            observation = {str(name): ArraySpec.from_json(spec) for name, spec in value["observation"].items()}
            action, encoder = ActionLayout.from_json(value["action"]), str(value.get("encoder", ""))
            return cls(observation, action, str(value["task"]), encoder)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SchemaMismatchError(
                f"schema: got {value!r}, expected observation, action and task; update the side that sent it."
            ) from error

    def hash(self) -> str:
        """Return a stable hexadecimal digest: equal schemas, equal digests, on every machine."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def __hash__(self) -> int:
        return int(self.hash()[:15], 16)

    def difference(self, other: Self) -> list[str]:
        """Return the differences, one readable line each; empty when the schemas are equal."""
        lines = [] if self.task == other.task else [f"task: {self.task!r} against {other.task!r}"]
        if self.encoder != other.encoder:
            lines.append(f"encoder: {self.encoder[:12] or 'none'} against {other.encoder[:12] or 'none'}")
        if self.action != other.action:
            lines.append(f"action: {self.action} against {other.action}")
        for name in sorted(set(self.observation) | set(other.observation)):
            mine, theirs = self.observation.get(name), other.observation.get(name)
            if mine != theirs:
                lines.append(f"observation {name!r}: {mine or 'absent'} against {theirs or 'absent'}")
        return lines

    def check_observation(self, obs: Mapping[str, np.ndarray]) -> None:
        """Check that an observation has exactly the schema's arrays.

        Raises:
            SchemaMismatchError: a missing or unknown name, or another shape or dtype.
        """
        if obs.keys() != self.observation.keys():
            got, expected = sorted(obs), sorted(self.observation)
            raise SchemaMismatchError(f"observation: got {got}, expected {expected}; match the encoder to the schema.")
        for name, spec in self.observation.items():
            check_array(f"observation {name!r}", obs[name], spec)


def check_array(what: str, array: np.ndarray, spec: ArraySpec) -> None:
    """Check one array against its spec.

    Raises:
        SchemaMismatchError: another shape or dtype.
    """
    if array.shape != spec.shape or array.dtype.name != spec.dtype:
        got = f"{array.dtype.name}{list(array.shape)}"
        raise SchemaMismatchError(f"{what}: got {got}, expected {spec}; convert it before it is recorded.")
