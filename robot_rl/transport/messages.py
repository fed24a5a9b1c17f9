"""Records as bytes: a msgpack header and one raw body with the arrays one after the other.

    [header, body]
    header  {"kind": "step" | "label", the record's scalars, "arrays": [[name, dtype, shape], ...]}
    body    the arrays' bytes in that order, C order, little endian

No code is transmitted, and every size is checked: the arrays that a header announces must fill the body exactly. A
header holds the known keys alone, and numbers and texts within bounds, so that nothing it says can allocate or loop.
"""

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_type_hints

import msgpack
import numpy as np

from robot_rl.core.errors import CorruptRecordError, RobotRLError
from robot_rl.core.records import UNNUMBERED, LabelRecord, Record, Source, StepRecord
from robot_rl.core.schema import DTYPES, ArraySpec, StepSchema

PROTOCOL = 2  # raised whenever bytes on the wire change their meaning

HEADER_BYTES_MAX = 64 << 10
BODY_BYTES_MAX = 128 << 20
IMAGES_BYTES_MAX = 16 << 20  # compressed images of one record, which a schema does not count
ARRAYS_MAX = 256
INTEGER_MAX = 1 << 62
DEPTH_MAX = 8
_PLAIN = (str, int, float, bool)
_LIMITS = {"max_str_len": 4096, "max_bin_len": 0, "max_ext_len": 0, "max_array_len": 1024, "max_map_len": 512}

_GROUPS = {"obs": "obs/", "next_obs": "next_obs/", "frames": "frames/", "next_frames": "next_frames/"}
"""Field of a step -> prefix of its arrays' names."""


def _scalar_fields(record: type) -> dict[str, type]:
    """Return name -> type of a record's fields that are no arrays; a source crosses as its number."""
    kinds = {str: str, int: int, float: float, bool: bool, Source: int}
    return {name: kinds[hint] for name, hint in get_type_hints(record).items() if hint in kinds}


_STEP_SCALARS, _LABEL_SCALARS = _scalar_fields(StepRecord), _scalar_fields(LabelRecord)
_STEP_DEFAULTS = {"observed": True}  # defaults of fields that older journals lack
_STEP_ARRAYS = ("action", "policy_action", "human_action")
_LEAST = {"sequence": UNNUMBERED, "episode": 0, "step": 0, "policy_version": -1}
_TEXT_MAX, _REASON_MAX = 255, 1000


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
        kind = header.pop("kind", None)
        if kind == "label" and not parts[1]:
            return LabelRecord(**_checked(header, _LABEL_SCALARS))
        if kind == "step":
            return _decode_step(header, parts[1])
    except (RobotRLError, TypeError, ValueError, KeyError) as error:
        text = f"record: got a header that contradicts itself or its body: {error}"
        raise CorruptRecordError(text[:_REASON_MAX]) from error
    raise CorruptRecordError(f"record: got kind {str(kind)[:20]!r}, expected 'step', or 'label' without a body.")


def decode_stored(parts: Sequence[bytes]) -> tuple[Record, str]:
    """Return a record of a learner's journal and the name of its stream, empty for one of an earlier version.

    Raises:
        CorruptRecordError: not a whole, valid record.
    """
    return decode(parts[:2]), parts[2].decode("ascii", "replace") if len(parts) > 2 else ""


def checksum_of(parts: Sequence[bytes]) -> int:
    """Return the checksum of a record's header and body."""
    return zlib.crc32(parts[1], zlib.crc32(parts[0]))


def record_bytes_max(schema: StepSchema) -> int:
    """Return the most bytes that a part of a record of a schema can have: twice its frame, its actions, its images."""
    frame = sum(spec.nbytes for spec in schema.observation.values())
    return HEADER_BYTES_MAX + 2 * frame + 3 * schema.action_spec.nbytes + IMAGES_BYTES_MAX


def pack(header: Mapping[str, Any]) -> bytes:
    """Return a header as msgpack bytes."""
    return bytes(msgpack.packb(dict(header), use_bin_type=True))


def unpack(data: bytes) -> dict[str, Any]:
    """Return a header from untrusted bytes.

    Raises:
        CorruptRecordError: too long, too deep, not msgpack, not a map with text keys, or numbers out of bounds.
    """
    if len(data) > HEADER_BYTES_MAX:
        raise CorruptRecordError(f"header: got {len(data)} bytes, expected {HEADER_BYTES_MAX} or fewer.")
    try:
        header = msgpack.unpackb(data, raw=False, strict_map_key=True, **_LIMITS)
        _check_plain([header], DEPTH_MAX)
    except (ValueError, msgpack.UnpackException) as error:
        text = f"header: got bytes that are not plain msgpack, expected a map: {error}"
        raise CorruptRecordError(text[:_REASON_MAX]) from error
    if not isinstance(header, dict) or not all(isinstance(key, str) for key in header):
        raise CorruptRecordError(f"header: got a {type(header).__name__}, expected a map with text keys.")
    return header


def _check_plain(values: Iterable[Any], depth: int) -> None:
    """Check that values are texts, booleans, None, finite numbers within bounds, and shallow lists and maps of such."""
    if depth == 0:
        raise ValueError(f"expected a depth of {DEPTH_MAX} or less")
    for value in values:
        kind = type(value)
        if kind is list:
            _check_plain(value, depth - 1)
        elif kind is dict:
            _check_plain(value.values(), depth - 1)
        elif kind is int and not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise ValueError(f"got {value}, expected integers up to 2^62")
        elif kind is float and not math.isfinite(value):
            raise ValueError(f"got {value}, expected finite numbers")
        elif kind not in _PLAIN and value is not None:
            raise ValueError(f"got a {kind.__name__}, expected text, numbers, lists and maps")


def _scalars(record: Record, fields: Mapping[str, type]) -> dict[str, Any]:
    return {name: kind(getattr(record, name)) for name, kind in fields.items()}


def _checked(header: Mapping[str, Any], fields: Mapping[str, type]) -> dict[str, Any]:
    """Return the fields after an exact check of names, types and bounds: True is not an integer here."""
    if header.keys() != fields.keys():
        raise ValueError(f"got the keys {sorted(header)}, expected {sorted(fields)}")
    for name, value in header.items():
        if type(value) is not fields[name] or (isinstance(value, str) and len(value) > _TEXT_MAX):
            raise TypeError(f"{name}: got {value!r}, expected {fields[name].__name__}")
        if isinstance(value, int) and value < _LEAST.get(name, value):
            raise ValueError(f"{name}: got {value}, expected {_LEAST[name]} or more")
    return dict(header)


def _arrays(record: StepRecord) -> dict[str, np.ndarray]:
    groups = {prefix: getattr(record, name) or {} for name, prefix in _GROUPS.items()}
    arrays = {prefix + name: array for prefix, group in groups.items() for name, array in group.items()}
    return arrays | {name: getattr(record, name) for name in _STEP_ARRAYS}


def _decode_step(header: dict[str, Any], body: bytes) -> StepRecord:
    arrays = dict(_views(header.pop("arrays"), body))
    scalars = _checked({**_STEP_DEFAULTS, **header}, _STEP_SCALARS)
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
    specs = [(_array_name(name), _spec(dtype, shape)) for name, dtype, shape in layout]
    if len(dict(specs)) < len(specs):
        raise ValueError("arrays: got one name twice")
    announced = sum(spec.nbytes for _, spec in specs)
    if announced != len(body):
        raise ValueError(f"arrays: {announced} bytes announced, {len(body)} received")
    offset = 0
    for name, spec in specs:
        count = math.prod(spec.shape)
        yield name, np.frombuffer(body, spec.dtype, count, offset).reshape(spec.shape)
        offset += spec.nbytes


def _array_name(name: Any) -> str:
    if type(name) is not str or not (name in _STEP_ARRAYS or name.startswith(tuple(_GROUPS.values()))):
        raise ValueError(f"array: got the name {name!r}, expected an action's or one of {', '.join(_GROUPS)}")
    return name


def _spec(dtype: Any, shape: Any) -> ArraySpec:
    plain = isinstance(shape, list) and len(shape) <= 8 and all(type(extent) is int for extent in shape)
    if dtype not in DTYPES or not plain:
        raise ValueError(f"array: got {dtype!r} {shape!r}, expected a plain dtype and shape")
    return ArraySpec(tuple(shape), dtype)
