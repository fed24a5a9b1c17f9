"""Records as bytes: a msgpack header and one raw body with the arrays one after the other.

    [header, body]
    header  {"kind": "step" | "label", the record's scalars, "arrays": [[name, dtype, shape], ...]}
    body    the arrays' bytes in that order, C order, little endian

No code is transmitted, and every size is checked: the arrays that a header announces must fill the body exactly.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_type_hints

import msgpack
import numpy as np

from robot_rl.core.errors import CorruptRecordError, RobotRLError
from robot_rl.core.records import LabelRecord, Record, Source, StepRecord
from robot_rl.core.schema import DTYPES, ArraySpec

PROTOCOL = 1  # raised whenever bytes on the wire change their meaning

HEADER_BYTES_MAX = 1 << 20
BODY_BYTES_MAX = 128 << 20
ARRAYS_MAX = 256

_GROUPS = {"obs": "obs/", "next_obs": "next_obs/", "frames": "frames/", "next_frames": "next_frames/"}
"""Field of a step -> prefix of its arrays' names."""


def _scalar_fields(record: type) -> dict[str, type]:
    """Return name -> type of a record's fields that are no arrays; a source crosses as its number."""
    kinds = {str: str, int: int, float: float, bool: bool, Source: int}
    return {name: kinds[hint] for name, hint in get_type_hints(record).items() if hint in kinds}


_STEP_SCALARS, _LABEL_SCALARS = _scalar_fields(StepRecord), _scalar_fields(LabelRecord)
_STEP_DEFAULTS = {"observed": True}  # defaults of fields that older journals lack
_STEP_ARRAYS = ("action", "policy_action", "human_action")


def encode(record: Record) -> list[bytes]:
    """Return a record as [header, body].

    Example:
        >>> decode(encode(LabelRecord("a0", "r", 7, 0, 3, "success", 1.0, 2, 0))).label
        'success'
    """
    if isinstance(record, LabelRecord):
        return [pack({"kind": "label", **_scalars(record, _LABEL_SCALARS)}), b""]
    arrays = _arrays(record)
    layout = [[name, array.dtype.name, array.shape] for name, array in arrays.items()]
    header = pack({"kind": "step", **_scalars(record, _STEP_SCALARS), "arrays": layout})
    return [header, b"".join(np.ascontiguousarray(array).data.cast("B") for array in arrays.values() if array.size)]


def decode(parts: Sequence[bytes]) -> Record:
    """Return the record that `encode` wrote; its arrays are read-only views of the body.

    Raises:
        CorruptRecordError: not a whole, valid record.
    """
    if len(parts) != 2 or len(parts[1]) > BODY_BYTES_MAX:
        raise CorruptRecordError(f"record: got parts of {[len(part) for part in parts]} bytes, expected header, body.")
    header = unpack(parts[0])
    try:
        if header.get("kind") == "label":
            return LabelRecord(**_checked(header, _LABEL_SCALARS))
        if header.get("kind") == "step":
            return _decode_step(header, parts[1])
    except (RobotRLError, TypeError, ValueError, KeyError) as error:
        raise CorruptRecordError(f"record: got a header that contradicts itself or its body: {error}") from error
    raise CorruptRecordError(f"record: got kind {header.get('kind')!r}, expected 'step' or 'label'.")


def pack(header: Mapping[str, Any]) -> bytes:
    """Return a header as msgpack bytes."""
    return bytes(msgpack.packb(dict(header), use_bin_type=True))


def unpack(data: bytes) -> dict[str, Any]:
    """Return a header from untrusted bytes.

    Raises:
        CorruptRecordError: too long, not msgpack, or not a map with text keys.
    """
    if len(data) > HEADER_BYTES_MAX:
        raise CorruptRecordError(f"header: got {len(data)} bytes, expected {HEADER_BYTES_MAX} or fewer.")
    try:
        header = msgpack.unpackb(data, raw=False, strict_map_key=True)  # bounded by the number of bytes
    except (ValueError, msgpack.UnpackException) as error:
        raise CorruptRecordError(f"header: got bytes that are not msgpack, expected a map: {error}") from error
    if not isinstance(header, dict) or not all(isinstance(key, str) for key in header):
        raise CorruptRecordError(f"header: got a {type(header).__name__}, expected a map with text keys.")
    return header


def _scalars(record: Record, fields: Mapping[str, type]) -> dict[str, Any]:
    return {name: kind(getattr(record, name)) for name, kind in fields.items()}


def _checked(header: Mapping[str, Any], fields: Mapping[str, type]) -> dict[str, Any]:
    """Return the named fields after an exact check of their types: True is not an integer here."""
    values = {name: header[name] for name in fields}
    for name, value in values.items():
        if type(value) is not fields[name]:
            raise TypeError(f"{name}: got {value!r}, expected {fields[name].__name__}")
    return values


def _arrays(record: StepRecord) -> dict[str, np.ndarray]:
    groups = {prefix: getattr(record, name) or {} for name, prefix in _GROUPS.items()}
    arrays = {prefix + name: array for prefix, group in groups.items() for name, array in group.items()}
    return arrays | {name: getattr(record, name) for name in _STEP_ARRAYS}


def _decode_step(header: Mapping[str, Any], body: bytes) -> StepRecord:
    scalars = _checked({**_STEP_DEFAULTS, **header}, _STEP_SCALARS)
    arrays = dict(_views(header["arrays"], body))
    groups: dict[str, Any] = {
        group: {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        for group, prefix in _GROUPS.items()
    }
    if not groups["next_obs"] and not ((scalars["terminated"] or scalars["truncated"]) and not groups["obs"]):
        groups["next_obs"] = None
    actions = {name: arrays[name] for name in _STEP_ARRAYS}
    return StepRecord(**{**scalars, **actions, **groups, "source": Source(scalars["source"])})


def _views(layout: Any, body: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, array) after checking that the announced arrays fill the body exactly."""
    if not isinstance(layout, list) or len(layout) > ARRAYS_MAX:
        raise ValueError(f"arrays: expected a list of at most {ARRAYS_MAX}")
    specs = [(str(name), _spec(dtype, shape)) for name, dtype, shape in layout]
    announced = sum(spec.nbytes for _, spec in specs)
    if announced != len(body):
        raise ValueError(f"arrays: {announced} bytes announced, {len(body)} received")
    offset = 0
    for name, spec in specs:
        count = math.prod(spec.shape)
        yield name, np.frombuffer(body, spec.dtype, count, offset).reshape(spec.shape)
        offset += spec.nbytes


def _spec(dtype: Any, shape: Any) -> ArraySpec:
    plain = isinstance(shape, list) and len(shape) <= 8 and all(type(extent) is int for extent in shape)
    if dtype not in DTYPES or not plain:
        raise ValueError(f"array: got {dtype!r} {shape!r}, expected a plain dtype and shape")
    return ArraySpec(tuple(shape), dtype)
