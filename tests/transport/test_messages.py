"""Records survive the trip as bytes; anything else is refused with one error."""

import dataclasses
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robot_rl.core.errors import CorruptRecordError, NonFiniteRecordError
from robot_rl.core.labels import LABELS
from robot_rl.core.records import REWARD_MAX, LabelRecord, Record, Source, StepRecord, check_step
from robot_rl.core.schema import DTYPES
from robot_rl.transport.messages import INTEGER_MAX, decode, encode, unpack
from robot_rl.transport.weights import pack_weights, unpack_weights
from tests.data.builders import SCHEMA, frame, step_record

counts = st.integers(0, INTEGER_MAX)
numbers = st.floats(-REWARD_MAX, REWARD_MAX)
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
frames = st.dictionaries(st.text(max_size=8), arrays, min_size=1, max_size=3)


@st.composite
def step_records(draw: st.DrawFn) -> StepRecord:
    terminated, truncated = draw(st.booleans()), draw(st.booleans())
    fields: dict[str, Any] = {name: draw(counts) for name in ("sequence", "episode", "step", "policy_version")}
    return step_record(
        0,
        actor=draw(st.text(max_size=10)),
        obs=draw(frames),
        next_obs=draw(frames) if terminated or truncated else None,
        frames=draw(frames) if draw(st.booleans()) else {},
        observed=draw(st.booleans()),
        source=draw(st.sampled_from(list(Source))),
        reward=draw(numbers),
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


@given(st.sampled_from(LABELS), numbers, st.integers(1, 1000), counts)
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
        ("kind", []),
        ("filler", "x" * 4000),
        ("reward", float("nan")),
        ("reward", float("inf")),
        ("step", 2**63),
        ("step", -1),
        ("episode", 2**64 - 1),
        ("actor", "x" * 1000),
        ("arrays", [["action", "float32", [2]]] * 2),
        ("arrays", [["other", "float32", [2]]]),
        ("run", msgpack.Timestamp(1)),
        ("run", b"bytes"),
    ],
)
def test_a_lying_header_is_refused(field: str, value: Any) -> None:
    header, body = encode(step_record(3))
    with pytest.raises(CorruptRecordError) as refused:
        decode([msgpack.packb(msgpack.unpackb(header) | {field: value}), body])
    assert len(str(refused.value)) < 1200


@pytest.mark.parametrize(
    ("field", "value"),
    [("value", float("inf")), ("window_steps", 2**41), ("window_steps", 0), ("step", 2**63), ("filler", 1)],
)
def test_a_lying_label_is_refused(field: str, value: Any) -> None:
    header, body = encode(LabelRecord("a", "r", 0, 0, 3, "success", 1.0, 2, 0))
    with pytest.raises(CorruptRecordError):
        decode([msgpack.packb(msgpack.unpackb(header) | {field: value}), body])


@pytest.mark.parametrize("data", [b"\x91" * 60_000, b"\x81\xa1a" * 20_000, msgpack.packb({"a": [[]] * 20_000})])
def test_a_deep_or_wide_header_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptRecordError):
        unpack(data)


NAN, INF = np.float32("nan"), np.float32("inf")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"obs": frame(0) | {"state": np.array([0, NAN], np.float32)}}, "state"),
        ({"next_obs": frame(0) | {"wrist": np.full((4, 3), INF)}, "truncated": True}, "next wrist"),
        ({"action": np.array([INF, 0], np.float32)}, "action"),
        ({"human_action": np.array([NAN, 0], np.float32)}, "human_action"),
        ({"policy_action": np.array([INF, 0], np.float32)}, "policy_action"),
        ({"reward": float("nan")}, "reward nan"),
        ({"reward": 1e300}, r"reward 1e\+300"),
    ],
)
def test_numbers_that_would_spoil_the_networks_are_refused(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(NonFiniteRecordError, match=f"in {named} at step 0 of episode 0"):
        check_step(step_record(0, **fields), SCHEMA)


def named_weights(**metadata: str) -> bytes:
    import safetensors.numpy

    return bytes(safetensors.numpy.save({"w": np.zeros(2, np.float32)}, {"version": "1", "agent_hash": "x"} | metadata))


@pytest.mark.parametrize(
    "data",
    [
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        (50_000).to_bytes(8, "little") + b'{"a":' * 10_000,
        pack_weights(1, "x", {"w": np.array([NAN])}),
        pack_weights(1, "x", {"w": np.zeros(2, np.complex64)}),
        named_weights(version="9" * 5000),
        named_weights(version="-7"),
        named_weights(agent_hash=""),
        b"",
        b"garbage" * 10,
    ],
)
def test_weights_that_no_policy_can_use_are_refused(data: bytes) -> None:
    assert unpack_weights(named_weights()).version == 1
    with pytest.raises(CorruptRecordError) as refused:
        unpack_weights(data)
    assert len(str(refused.value)) < 1200


def test_a_frame_costs_its_bytes_and_little_more() -> None:
    image = {"wrist": np.zeros((128, 128, 3), np.uint8)}
    assert sum(map(len, encode(step_record(0, obs=image)))) < 128 * 128 * 3 + 600
