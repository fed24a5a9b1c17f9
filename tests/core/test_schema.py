"""Schemas agree across machines, and say where they differ."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.action_layout import StateEntry, arm_layout, continuous_layout
from robot_rl.core.errors import ConfigError, SchemaMismatchError
from robot_rl.core.schema import DTYPES, ArraySpec, StepSchema, check_array

shapes = st.lists(st.integers(0, 9), max_size=3).map(tuple)
specs = st.builds(ArraySpec, shapes, st.sampled_from(DTYPES))
layouts = st.integers(1, 9).map(continuous_layout) | st.just(arm_layout(StateEntry("state", 24)))
schemas = st.builds(StepSchema, st.dictionaries(st.text(max_size=6), specs, max_size=4), layouts, st.text(max_size=6))


@given(schemas)
def test_a_schema_survives_json(schema: StepSchema) -> None:
    again = StepSchema.from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema and again.hash() == schema.hash() and hash(again) == hash(schema)
    assert schema.difference(again) == []


@given(schemas, schemas)
def test_schemas_differ_exactly_when_their_hashes_do(one: StepSchema, other: StepSchema) -> None:
    assert (one.hash() != other.hash()) == bool(one.difference(other)) == (one != other)


def test_the_hash_does_not_depend_on_the_order_of_names() -> None:
    spec, action = ArraySpec((2,), "float32"), continuous_layout(2)
    one, other = StepSchema({"a": spec, "b": spec}, action, "t"), StepSchema({"b": spec, "a": spec}, action, "t")
    assert one.hash() == other.hash()


def test_the_hash_is_the_same_on_every_machine() -> None:
    schema = StepSchema({"state": ArraySpec((25,), "float32")}, arm_layout(StateEntry("state", 24)), "pick-lift")
    assert schema.hash() == "a36ea6c338e9521d29379d9c04b8da68503b4ee6a1f1ba4a8c13527fdfb54104"


def test_a_difference_names_the_entry_and_both_sides() -> None:
    action = arm_layout(StateEntry("state", 24))
    one = StepSchema({"wrist": ArraySpec((4, 96), "float16", variants=4)}, action, "pick")
    other = StepSchema({"side": ArraySpec((25,), "float32")}, action, "peg")
    assert one.difference(other) == [
        "task: 'pick' against 'peg'",
        "observation 'side': absent against float32[25]",
        "observation 'wrist': float16[4, 96] (4 variants) against absent",
    ]


def test_variants_come_first() -> None:
    assert ArraySpec((4, 96), "float16", variants=4).sample_shape == (96,)
    with pytest.raises(ConfigError, match=r"variants: got 3 with shape \(4, 96\)"):
        ArraySpec((4, 96), "float16", variants=3)


def test_an_array_of_another_kind_is_named() -> None:
    with pytest.raises(SchemaMismatchError, match=r"action: got float64\[2\], expected float32\[2\]"):
        check_array("action", np.zeros(2), ArraySpec((2,), "float32"))
    with pytest.raises(ConfigError, match="dtype: got 'object'"):
        ArraySpec((1,), "object")
    with pytest.raises(SchemaMismatchError, match="expected observation, action and task"):
        StepSchema.from_json({"observation": {}})
