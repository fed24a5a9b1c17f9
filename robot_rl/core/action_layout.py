"""Layout of an action: named continuous parts and discrete heads, of one robot or of several.

An action is one vector (A,) float32 in [-1, 1]. A continuous part takes as many axes as it has components; a discrete
head takes one axis, on which each of its values has a level. Names of several robots' parts carry the robot's name:
`left/translation`, `right/gripper`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from robot_rl.core.action_parts import Continuous as Continuous
from robot_rl.core.action_parts import Discrete as Discrete
from robot_rl.core.action_parts import Part
from robot_rl.core.action_parts import StateEntry as StateEntry
from robot_rl.core.errors import ConfigError, NonFiniteActionError, SchemaMismatchError, unknown_name

SEPARATOR = "/"
"""Separator between a robot's name and its part."""
TRANSLATION, ROTATION, GRIPPER = "translation", "rotation", "gripper"
"""Parts of one arm's action: displacement and turn of the tool, and the gripper."""
CLOSE, HOLD, OPEN = "close", "hold", "open"
"""Values of a gripper's head, at the levels -1, 0 and 1."""


@dataclass(frozen=True)
class ActionLayout:
    """Parts of an action, in the order of their axes.

    Raises:
        ConfigError: no parts, or two of the same name.
    """

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        names = [part.name for part in self.parts]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"action layout: got parts {names}, expected one or more of different names; rename one.")

    @cached_property
    def size(self) -> int:
        """A, the number of axes."""
        return sum(part.size for part in self.parts)

    @property
    def discrete(self) -> tuple[Discrete, ...]:
        """Heads that select a value."""
        return tuple(part for part in self.parts if isinstance(part, Discrete))

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Axes of each part, by name."""
        ends = np.cumsum([part.size for part in self.parts])
        return {part.name: slice(int(end) - part.size, int(end)) for part, end in zip(self.parts, ends, strict=True)}

    @cached_property
    def is_continuous(self) -> np.ndarray:
        """(A,) bool: axes that may be blended; the others are discrete."""
        return np.concatenate([np.full(part.size, isinstance(part, Continuous)) for part in self.parts])

    @cached_property
    def continuous_indices(self) -> np.ndarray:
        """(C,) axes of the continuous parts, in order."""
        return np.flatnonzero(self.is_continuous)

    @cached_property
    def discrete_indices(self) -> np.ndarray:
        """(D,) axes of the discrete heads, in order."""
        return np.flatnonzero(~self.is_continuous)

    @cached_property
    def robots(self) -> tuple[str, ...]:
        """Names of the robots, in order; the empty name for a single one without a name."""
        return tuple(dict.fromkeys(_robot_of(part.name) for part in self.parts))

    def of_robot(self, robot: str) -> "tuple[slice, ActionLayout]":
        """Return a robot's axes and the layout of its action, names without the robot's.

        Raises:
            UnknownNameError: no such robot.
        """
        if robot not in self.robots:
            raise unknown_name("robot", robot, self.robots)
        mine = [part for part in self.parts if _robot_of(part.name) == robot]
        start, end = self.slices[mine[0].name].start, self.slices[mine[-1].name].stop
        names = [part.name.removeprefix(robot + SEPARATOR) for part in mine]
        return slice(start, end), ActionLayout(tuple(map(_renamed, mine, names)))

    def decode(self, action: np.ndarray) -> dict[str, Any]:
        """Return the components of each continuous part (n,) and the value of each discrete head, by name."""
        return {name: _decoded(part, action[axes]) for part, (name, axes) in self._paired()}

    def encode(self, values: Mapping[str, Any]) -> np.ndarray:
        """Return the action (A,) float32 of the given parts; a part that is absent gets zeros or its neutral value.

        Raises:
            UnknownNameError: an unknown part or value.
        """
        for name in values:
            if name not in self.slices:
                raise unknown_name("action part", name, self.slices)
        action = np.zeros(self.size, np.float32)
        for part, (name, axes) in self._paired():
            if isinstance(part, Continuous):
                action[axes] = values.get(name, 0.0)
            else:
                action[axes] = part.level(values.get(name, part.values[part.neutral]))
        return action

    def checked(self, action: np.ndarray) -> np.ndarray:
        """Return an action as (A,) float64 clipped to [-1, 1].

        Raises:
            NonFiniteActionError: another shape, NaN or infinity.
        """
        action = np.asarray(action, dtype=np.float64)
        if action.shape != (self.size,) or not np.isfinite(action).all():
            raise NonFiniteActionError(
                f"action: got {action.tolist()}, expected {self.size} finite numbers; the arm was not moved."
            )
        return np.minimum(np.maximum(action, -1.0), 1.0)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the layout as JSON-ready values."""
        return [_part_to_json(part) for part in self.parts]

    @classmethod
    def from_json(cls, value: Sequence[Mapping[str, Any]]) -> "ActionLayout":
        """Return the layout that `to_json` described.

        Raises:
            SchemaMismatchError: a field is missing or malformed.
        """
        try:
            return cls(tuple(_part_from_json(part) for part in value))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SchemaMismatchError(
                f"action layout: got {value!r}, expected a list of parts; update the side that sent it."
            ) from error

    def __str__(self) -> str:
        return ", ".join(_described(part) for part in self.parts)

    def _paired(self) -> Iterator[tuple[Part, tuple[str, slice]]]:
        return zip(self.parts, self.slices.items(), strict=True)


def arm_layout(gripper: StateEntry | None) -> ActionLayout:
    """Return the layout of one arm's action.

    Args:
        gripper: where an observation tells the gripper's opening; None for an arm without one.
    """
    motion = (Continuous(TRANSLATION, 3), Continuous(ROTATION, 3))
    return ActionLayout((*motion, gripper_head(gripper)) if gripper else motion)


def gripper_head(position: StateEntry | None = None) -> Discrete:
    """Return the head of a parallel gripper: close, hold, open."""
    return Discrete(GRIPPER, (CLOSE, HOLD, OPEN), (-1.0, 0.0, 1.0), position)


def continuous_layout(size: int) -> ActionLayout:
    """Return the layout of `size` axes without a discrete head, such as a foreign environment's."""
    return ActionLayout((Continuous("action", size),))


def joined_layout(robots: Mapping[str, ActionLayout]) -> ActionLayout:
    """Return the layout of several robots' actions, one after the other; an empty name adds no prefix.

    The position entries of discrete heads get the robot's name as well: `left/state`.
    """
    return ActionLayout(
        tuple(
            _renamed(part, robot + SEPARATOR + part.name, robot + SEPARATOR) if robot else part
            for robot, layout in robots.items()
            for part in layout.parts
        )
    )


def _robot_of(name: str) -> str:
    robot, separator, _ = name.rpartition(SEPARATOR)
    return robot if separator else ""


def _renamed(part: Part, name: str, prefix: str = "") -> Part:
    if isinstance(part, Continuous):
        return Continuous(name, part.size)
    position = part.position and StateEntry(prefix + part.position.name, part.position.index)
    return Discrete(name, part.values, part.levels, position)


def _decoded(part: Part, axes: np.ndarray) -> Any:
    return axes if isinstance(part, Continuous) else part.value(float(axes[0]))


def _part_to_json(part: Part) -> dict[str, Any]:
    if isinstance(part, Continuous):
        return {"name": part.name, "size": part.size}
    position = [part.position.name, part.position.index] if part.position else None
    return {"name": part.name, "values": list(part.values), "levels": list(part.levels), "position": position}


def _part_from_json(value: Mapping[str, Any]) -> Part:
    if "size" in value:
        return Continuous(str(value["name"]), int(value["size"]))
    position = value["position"]
    entry = StateEntry(str(position[0]), int(position[1])) if position else None
    return Discrete(str(value["name"]), tuple(map(str, value["values"])), tuple(value["levels"]), entry)


def _described(part: Part) -> str:
    return f"{part.name}[{part.size}]" if isinstance(part, Continuous) else f"{part.name}({'|'.join(part.values)})"
