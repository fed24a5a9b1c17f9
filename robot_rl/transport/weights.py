"""The policy's parameters as one safetensors message with their version."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import safetensors.numpy

from robot_rl.core.errors import CorruptRecordError
from robot_rl.core.schema import DTYPES

WEIGHTS_BYTES_MAX = 256 << 20

_HEADER_BYTES_MAX, _REASON_MAX = 4 << 20, 1000


@dataclass(frozen=True)
class Publication:
    """One published set of parameters."""

    version: int
    agent_hash: str
    parameters: dict[str, np.ndarray]


def pack_weights(version: int, agent_hash: str, parameters: Mapping[str, np.ndarray]) -> bytes:
    """Return parameters as safetensors bytes; version and agent are in its metadata."""
    plain = {name: np.asarray(array, order="C") for name, array in parameters.items()}
    return safetensors.numpy.save(plain, {"version": str(version), "agent_hash": agent_hash})


def unpack_weights(data: bytes) -> Publication:
    """Return the weights that `pack_weights` packed.

    Raises:
        CorruptRecordError: other bytes, or parameters that are not finite.
    """
    try:
        version, agent_hash = _identity(data)
        parameters = safetensors.numpy.load(data)
        _check_finite(parameters)
        return Publication(version, agent_hash, parameters)
    except (ValueError, KeyError, TypeError, RecursionError, safetensors.SafetensorError) as error:
        text = f"weights: got bytes that are not a publication, expected weights: {error}"
        raise CorruptRecordError(text[:_REASON_MAX]) from error


def _identity(data: bytes) -> tuple[int, str]:
    """Return version and agent of a message."""
    length = int.from_bytes(data[:8], "little")
    if length > min(_HEADER_BYTES_MAX, len(data)):
        raise ValueError(f"header of {length} bytes announced")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    version, agent_hash = metadata["version"], metadata["agent_hash"]
    if not (re.fullmatch(r"[0-9]{1,15}", version) and re.fullmatch(r".{1,200}", agent_hash)):
        raise ValueError(f"version {version[:20]!r} of agent {agent_hash[:20]!r}")
    return int(version), agent_hash


def _check_finite(parameters: Mapping[str, np.ndarray]) -> None:
    for name, array in parameters.items():
        if array.dtype.name not in DTYPES or not np.isfinite(array).all():
            raise ValueError(f"{name[:100]!r}: {array.dtype.name} with NaN or infinity, or of another kind")
