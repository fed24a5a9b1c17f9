"""Hellos: what an actor says of itself is refused unless each field is what it must be."""

from typing import Any

import msgpack
import pytest

from robot_rl.core.errors import CorruptRecordError
from robot_rl.transport.handshake import Hello, Introduction, decode_hello, encode_hello
from robot_rl.transport.messages import HEADER_BYTES_MAX
from tests.data.builders import SCHEMA

STREAM = "0" * 32
HELLO = Hello(Introduction(SCHEMA, "agent", "a0", "r"), STREAM, STREAM, 3, 7)


def changed(**fields: Any) -> bytes:
    return bytes(msgpack.packb(msgpack.unpackb(encode_hello(HELLO)) | fields))


def test_hello_survives_the_trip() -> None:
    assert decode_hello(encode_hello(HELLO)) == HELLO


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1.0, True, -1, 2**63, 2**64 - 1, None, "7", [7]])
@pytest.mark.parametrize("field", ["first_sequence", "next_sequence", "protocol"])
def test_number_that_is_no_count_is_refused(field: str, value: Any) -> None:
    with pytest.raises(CorruptRecordError):
        decode_hello(changed(**{field: value}))


@pytest.mark.parametrize(
    "fields",
    [
        {"first_sequence": 8},
        {"actor": ""},
        {"actor": "x" * 256},
        {"actor": "two\nlines"},
        {"run": 7},
        {"agent_hash": None},
        {"stream": "0" * 31},
        {"stream": "0" * 33},
        {"process": "../../../../etc/passwd".ljust(32)},
        {"filler": 1},
        {"filler": "x" * 900_000},
        {"schema": None},
        {"schema": SCHEMA.to_json() | {"action": None}},
    ],
)
def test_field_out_of_bounds_is_refused_in_few_words(fields: dict[str, Any]) -> None:
    with pytest.raises(CorruptRecordError) as refused:
        decode_hello(changed(**fields))
    assert len(str(refused.value)) < 1200


@pytest.mark.parametrize("shape", [[float("inf")], [-1], [2**63], ["x"], [[1]], None])
def test_shape_that_is_none_is_refused(shape: Any) -> None:
    schema = SCHEMA.to_json()
    schema["observation"]["state"] = {"shape": shape, "dtype": "float32", "variants": 0}
    with pytest.raises(CorruptRecordError):
        decode_hello(changed(schema=schema))


def test_hello_without_a_field_and_one_that_is_too_long_are_refused() -> None:
    fields = msgpack.unpackb(encode_hello(HELLO))
    for name in fields:
        with pytest.raises(CorruptRecordError):
            decode_hello(bytes(msgpack.packb({key: value for key, value in fields.items() if key != name})))
    with pytest.raises(CorruptRecordError):
        decode_hello(bytes(HEADER_BYTES_MAX + 1))
