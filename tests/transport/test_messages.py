"""Records survive the trip as bytes; anything else is refused with one error."""

import dataclasses
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robot_rl.core.errors import CorruptRecordError
from robot_rl.core.records import LABELS, LabelRecord, Record, Source, StepRecord
from robot_rl.core.schema import DTYPES
from robot_rl.transport.messages import decode, encode
from tests.data.builders import step_record

int64 = st.integers(-(2**63), 2**63 - 1)
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
frames = st.dictionaries(st.text(max_size=8), arrays, min_size=1, max_size=3)


@st.composite
def step_records(draw: st.DrawFn) -> StepRecord:
    terminated, truncated = draw(st.booleans()), draw(st.booleans())
    fields: dict[str, Any] = {name: draw(int64) for name in ("sequence", "episode", "step", "policy_version")}
    return step_record(
        0,
        actor=draw(st.text(max_size=10)),
        obs=draw(frames),
        next_obs=draw(frames) if terminated or truncated else None,
        frames=draw(frames) if draw(st.booleans()) else {},
        observed=draw(st.booleans()),
        source=draw(st.sampled_from(list(Source))),
        reward=draw(st.floats()),
        terminated=terminated,
        truncated=truncated,
        **fields,
    )


def plain(value: Any) -> Any:
    """A value that compares by content, NaN equal to itself."""
    if isinstance(value, np.ndarray):
        return value.dtype.name, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {name: plain(entry) for name, entry in value.items()}
    return repr(value) if isinstance(value, float) else value


def fields_of(record: Record) -> dict[str, Any]:
    return {field.name: plain(getattr(record, field.name)) for field in dataclasses.fields(record)}


@settings(deadline=None, max_examples=60)
@given(step_records())
def test_steps_survive_the_trip(record: StepRecord) -> None:
    assert fields_of(decode(encode(record))) == fields_of(record)


@given(st.sampled_from(LABELS), st.floats(), st.integers(1, 1000), int64)
def test_labels_survive_the_trip(label: str, value: float, window_steps: int, step: int) -> None:
    record = LabelRecord("a", "r", 0, 0, step, label, value, window_steps, 0)
    assert fields_of(decode(encode(record))) == fields_of(record)


@settings(deadline=None, max_examples=100)
@given(parts=st.lists(st.binary(max_size=80), max_size=3))
def test_arbitrary_bytes_are_refused(parts: list[bytes]) -> None:
    with pytest.raises(CorruptRecordError):
        decode(parts)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_changed_byte_gives_a_record_or_the_error(data: st.DataObject) -> None:
    header, body = encode(step_record(3, closing_uid=4, truncated=True))
    changed = bytearray(header)
    changed[data.draw(st.integers(0, len(header) - 1))] = data.draw(st.integers(0, 255))
    try:
        record = decode([bytes(changed), body])
    except CorruptRecordError as error:
        assert ": " in str(error), "the error names what is wrong"
    else:
        assert encode(decode(encode(record))) == encode(record), "what is read is a whole record"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("arrays", [["action", "float32", [1 << 40]]]),
        ("arrays", [["action", "object", [1]]]),
        ("arrays", [["action", "float32", [-1]]]),
        ("arrays", []),
        ("sequence", True),
        ("source", 9),
        ("truncated", True),
        ("kind", "pickle"),
    ],
)
def test_a_lying_header_is_refused(field: str, value: Any) -> None:
    header, body = encode(step_record(3))
    with pytest.raises(CorruptRecordError):
        decode([msgpack.packb(msgpack.unpackb(header) | {field: value}), body])


def test_a_frame_costs_its_bytes_and_little_more() -> None:
    image = {"wrist": np.zeros((128, 128, 3), np.uint8)}
    assert sum(map(len, encode(step_record(0, obs=image)))) < 128 * 128 * 3 + 600
