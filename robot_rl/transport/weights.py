"""The policy's parameters as one safetensors message with their version."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import safetensors.numpy

from robot_rl.core.errors import CorruptRecordError

WEIGHTS_BYTES_MAX = 256 << 20

_HEADER_BYTES_MAX = 4 << 20


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
        CorruptRecordError: other bytes.
    """
    try:
        metadata = _metadata(data)
        parameters = safetensors.numpy.load(data)
        return Publication(int(metadata["version"]), str(metadata["agent_hash"]), parameters)
    except (ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise CorruptRecordError(f"weights: got bytes that are not a publication, expected weights: {error}") from error


def _metadata(data: bytes) -> dict[str, str]:
    length = int.from_bytes(data[:8], "little")
    if length > min(_HEADER_BYTES_MAX, len(data)):
        raise ValueError(f"header of {length} bytes announced")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    if not isinstance(metadata, dict):
        raise ValueError("no metadata")
    return metadata
