"""Action layouts: axes by name, one decode per robot, the same on both sides of the wire."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.action_layout import (
    ActionLayout,
    Continuous,
    Discrete,
    StateEntry,
    continuous_layout,
    joined_layout,
)
from robot_rl.core.errors import ConfigError, NonFiniteActionError, SchemaMismatchError, UnknownNameError

GRIPPER = Discrete("gripper", ("close", "hold", "open"), (-1.0, 0.0, 1.0), StateEntry("state", 3))
ARM = ActionLayout((Continuous("translation", 3), Continuous("rotation", 3), GRIPPER))

names = st.text("abcxyz_", min_size=1, max_size=6)
continuous = st.builds(Continuous, names, st.integers(1, 4))


@st.composite
def discrete(draw: st.DrawFn) -> Discrete:
    levels = sorted(draw(st.sets(st.integers(-8, 8), min_size=2, max_size=4)))
    values = tuple(f"v{number}" for number in range(len(levels)))
    position = draw(st.none() | st.builds(StateEntry, names, st.integers(0, 30)))
    return Discrete(draw(names), values, tuple(level / 8 for level in levels), position)


layouts = st.lists(continuous | discrete(), min_size=1, max_size=5, unique_by=lambda part: part.name).map(
    lambda parts: ActionLayout(tuple(parts))
)


def actions(layout: ActionLayout, draw: st.DataObject) -> np.ndarray:
    axis = st.floats(-1.0, 1.0, width=32)
    return np.array(draw.draw(st.lists(axis, min_size=layout.size, max_size=layout.size)), np.float32)


@given(layouts)
def test_a_layout_survives_json(layout: ActionLayout) -> None:
    again = ActionLayout.from_json(json.loads(json.dumps(layout.to_json())))
    assert again == layout and hash(again) == hash(layout)


@given(layouts, layouts)
def test_layouts_are_equal_exactly_when_their_json_is(one: ActionLayout, other: ActionLayout) -> None:
    assert (one == other) == (one.to_json() == other.to_json())


@given(layouts)
def test_the_parts_cover_each_axis_once(layout: ActionLayout) -> None:
    axes = np.concatenate([np.arange(layout.size)[part] for part in layout.slices.values()])
    np.testing.assert_array_equal(axes, np.arange(layout.size))
    split = np.concatenate([layout.continuous_indices, layout.discrete_indices])
    np.testing.assert_array_equal(np.sort(split), np.arange(layout.size))
    assert len(layout.discrete_indices) == len(layout.discrete)


@given(layouts, st.data())
def test_what_is_decoded_encodes_to_an_action_that_decodes_the_same(layout: ActionLayout, data: st.DataObject) -> None:
    action = actions(layout, data)
    again = layout.encode(layout.decode(action))
    np.testing.assert_array_equal(again[layout.continuous_indices], action[layout.continuous_indices])
    assert same(layout.decode(again), layout.decode(action))


@given(discrete(), st.floats(-1.0, 1.0))
def test_a_level_selects_the_nearest_value(head: Discrete, level: float) -> None:
    distance = [abs(level - other) for other in head.levels]
    assert distance[head.index(level)] == pytest.approx(min(distance))
    assert all(head.value(head.level(value)) == value for value in head.values)


@given(st.dictionaries(names, layouts, min_size=1, max_size=3), st.data())
def test_each_robot_of_several_gets_the_action_meant_for_it(
    robots: dict[str, ActionLayout], data: st.DataObject
) -> None:
    joined = joined_layout(robots)
    parts = {robot: actions(layout, data) for robot, layout in robots.items()}
    action = np.concatenate(list(parts.values()))
    assert joined.robots == tuple(robots)
    for robot, layout in robots.items():
        axes, mine = joined.of_robot(robot)
        assert [part.name for part in mine.parts] == [part.name for part in layout.parts]
        assert same(mine.decode(action[axes]), layout.decode(parts[robot]))


@pytest.mark.parametrize(
    ("level", "value"), [(-1.0, "close"), (-0.51, "close"), (-0.5, "hold"), (0.5, "hold"), (0.51, "open")]
)
def test_a_gripper_holds_between_its_thresholds(level: float, value: str) -> None:
    assert GRIPPER.value(level) == value


def test_zeros_move_nothing_and_hold() -> None:
    np.testing.assert_array_equal(ARM.encode({}), np.zeros(7, np.float32))
    assert ARM.decode(np.zeros(7))["gripper"] == "hold"


def test_two_arms_carry_their_names_and_their_own_state() -> None:
    both = joined_layout({"left": ARM, "right": ARM})
    assert both.size == 14 and both.discrete_indices.tolist() == [6, 13]
    assert [head.position for head in both.discrete] == [StateEntry("left/state", 3), StateEntry("right/state", 3)]
    assert str(both).startswith("left/translation[3], left/rotation[3], left/gripper(close|hold|open), right/")
    assert joined_layout({"": ARM}) == ARM


@pytest.mark.parametrize("action", [np.full(7, np.nan), np.zeros(6), np.array([np.inf, 0, 0, 0, 0, 0, 0])])
def test_an_action_of_another_shape_or_not_finite_is_refused(action: np.ndarray) -> None:
    with pytest.raises(NonFiniteActionError, match="expected 7 finite numbers; the arm was not moved"):
        ARM.checked(action)


def test_what_cannot_be_a_layout_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected one or more of different names"):
        ActionLayout((Continuous("a", 1), Continuous("a", 2)))
    with pytest.raises(ConfigError, match="got 0 axes"):
        continuous_layout(0)
    with pytest.raises(ConfigError, match="ascending"):
        Discrete("gripper", ("close", "open"), (1.0, -1.0))
    with pytest.raises(UnknownNameError, match="did you mean 'rotation'"):
        ARM.encode({"rotatoin": 0.0})
    with pytest.raises(UnknownNameError, match="did you mean 'open'"):
        ARM.encode({"gripper": "opne"})
    with pytest.raises(SchemaMismatchError, match="expected a list of parts"):
        ActionLayout.from_json([{"name": "gripper"}])


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
