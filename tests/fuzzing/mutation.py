"""Structure-aware mutation: valid bytes, with their fields changed as an attacker or a bad disk would change them."""

import random
from collections.abc import Sequence
from typing import Any

import msgpack

EDGES = (
    0, -1, 1, 2**31, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 0.0, -0.0, 1e308, float("nan"), float("inf"),
    True, False, None, "", "x" * 300, "step", "float64", "object", [], {}, [[]], {"a": {}}, b"", b"\0" * 40,
)  # fmt: skip
MESSAGE_BYTES_MAX = 20_000


def mutated(rng: random.Random, parts: Sequence[bytes]) -> list[bytes]:
    """Return a message with one to three changes, in its header's fields or in its bytes."""
    changed = list(parts)
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(changed)) if changed else 0
        if not changed or rng.random() < 0.02:
            changed.insert(place, rng.randbytes(rng.randrange(20)))
        elif place == 0 and rng.random() < 0.7:
            changed[0] = _other_header(rng, changed[0])
        else:
            changed[place] = other_bytes(rng, changed[place])
    return [part[:MESSAGE_BYTES_MAX] for part in changed]


def other_bytes(rng: random.Random, data: bytes) -> bytes:
    """Return bytes with one change: a bit, a byte, a run, a cut, a repetition, a length."""
    place, size = rng.randrange(len(data) + 1), rng.randrange(1, 9)
    flipped = bytes(byte ^ 1 << rng.randrange(8) for byte in data[place : place + 1])
    opening = rng.choice((b"[", b'{"a":', b"\x91", b"\x81\xa1a")) * rng.choice((9, 2000))
    length = rng.choice((2**31, 2**32 - 1, 2**63)).to_bytes(8, "little")
    before, after = data[:place], data[place + size :]
    return rng.choice(
        (
            before + bytes([rng.randrange(256)]) + data[place + 1 :],
            before + flipped + data[place + 1 :],
            before + rng.randbytes(size) + data[place:],
            before + after,
            before,
            before + data[place : place + size] * rng.choice((2, 100)) + after,
            before + bytes(size) + after,
            before + b"\xff" * size + after,
            before + length + data[place + 8 :],
            before + opening + data[place:],
        )
    )


def other_value(rng: random.Random, value: Any) -> Any:
    """Return a JSON-like value with one change somewhere in it."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        return _other_map(rng, value)
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        kind = rng.randrange(4)
        if kind == 0:
            return value[:place] + value[place + 1 :]
        if kind == 1:
            return [*value, value[place]]
        return [*value[:place], other_value(rng, value[place]), *value[place + 1 :]]
    return rng.choice(EDGES)


def _other_map(rng: random.Random, value: dict[Any, Any]) -> dict[Any, Any]:
    name, kind = rng.choice(list(value)), rng.randrange(8)
    if kind == 0:
        return {key: entry for key, entry in value.items() if key != name}
    if kind == 1:
        return {**value, rng.choice(("filler", "kind", "", "x" * 500)): rng.choice(EDGES)}
    return {**value, name: other_value(rng, value[name])}


def _other_header(rng: random.Random, header: bytes) -> bytes:
    try:
        value = msgpack.unpackb(header, strict_map_key=False)
        return bytes(msgpack.packb(other_value(rng, value)))
    except (ValueError, OverflowError, TypeError, msgpack.UnpackException):
        return other_bytes(rng, header)
