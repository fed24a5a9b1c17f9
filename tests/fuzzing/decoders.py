"""Decoders of untrusted bytes, each with valid inputs: a call returns, or raises an error of this package."""

import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robot_rl.config import TrainConfig, load_config
from robot_rl.core.errors import CheckpointError
from robot_rl.core.records import LabelRecord, Source, StepRecord, check_step
from robot_rl.core.schema import StepSchema
from robot_rl.core.settings import to_json
from robot_rl.data.episodes import read_episode, write_episode
from robot_rl.data.replay import Replay
from robot_rl.runtime.learning.checkpoints import ARRAYS_FILE, META_FILE, Checkpoints
from robot_rl.transport.handshake import Hello, Introduction, decode_hello, encode_hello
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode, encode, pack, unpack
from robot_rl.transport.weights import pack_weights, unpack_weights
from robot_rl.vision.architecture import (
    ConvLayer,
    EncoderArchitecture,
    EncoderFile,
    encoder_parameter_shapes,
    load_encoder,
    save_encoder,
)
from tests.data.builders import SCHEMA, frame, step_record
from tests.fuzzing.mutation import mutated, other_bytes, other_value

Parts = list[bytes]


class Decoder(NamedTuple):
    """A decoder under test."""

    seeds: list[Parts]
    """Valid inputs."""
    call: Callable[[Parts], object]
    change: Callable[[random.Random, Parts], Parts] = mutated


def _records() -> list[Parts]:
    image = {"wrist": np.frombuffer(b"jpeg", np.uint8)}
    steps = [
        step_record(3),
        step_record(4, closing_uid=5, truncated=True, source=Source.HUMAN),
        step_record(5, frames=image, terminated=True, next_obs=frame(6), next_frames=image, success=True),
    ]
    labels = [LabelRecord("a0", "r", 7, 0, 3, name, 1.0, 4, 0) for name in ("success", "failure", "undo")]
    return [encode(record) for record in [*steps, *labels]]


def _learn(parts: Parts) -> None:
    """Decode a record and put it into a replay, as a learner does."""
    record, replay = decode(parts), REPLAY
    if isinstance(record, StepRecord):
        check_step(record, SCHEMA)
        replay.append(record)
    else:
        replay.relabel(record)


def _hello(parts: Parts) -> StepSchema:
    hello = decode_hello(b"".join(parts))
    hello.introduction.schema.difference(SCHEMA)
    return hello.introduction.schema


def _weights_change(rng: random.Random, parts: Parts) -> Parts:
    """Change a field of the JSON header, or bytes."""
    data = parts[0]
    length = int.from_bytes(data[:8], "little")
    if rng.random() < 0.5:
        return [other_bytes(rng, data)]
    header = json.dumps(other_value(rng, json.loads(data[8 : 8 + length])), default=repr).encode()
    return [len(header).to_bytes(8, "little") + header + data[8 + length :]]


def _read_journal(parts: Parts) -> None:
    """Open a journal whose only segment holds these bytes, read it, append, and read it again."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        (Path(name) / f"{7:020d}.log").write_bytes(parts[0])
        with Journal(Path(name)) as journal:
            before = list(journal.read())
            index = journal.append([b"after"])
            assert list(journal.read()) == [*before, (index, [b"after"])]


def _journal_seed() -> Parts:
    with tempfile.TemporaryDirectory() as name, Journal(Path(name)) as journal:
        for number in range(5):
            journal.append([b"header", bytes([number]) * 40])
        return [next(Path(name).glob("*.log")).read_bytes()]


def _journal_change(rng: random.Random, parts: Parts) -> Parts:
    data = parts[0]
    for _ in range(rng.randrange(1, 4)):
        data = other_bytes(rng, data)
    return [data[:4000]]


def _checkpoint_seed() -> Parts:
    with tempfile.TemporaryDirectory() as name:
        meta = {"replay_rng": Replay(SCHEMA, 2, 0).rng_state(), "counts": {"online": 3}}
        path = Checkpoints(Path(name), {"agent": "a"}).save(8, {"w": np.zeros(3, np.float32)}, meta)
        return [(path / ARRAYS_FILE).read_bytes(), (path / META_FILE).read_bytes()]


def _checkpoint_change(rng: random.Random, parts: Parts) -> Parts:
    if rng.random() < 0.3:
        return [other_bytes(rng, parts[0]), parts[1]]
    if rng.random() < 0.3:
        return [parts[0], other_bytes(rng, parts[1])]
    return [parts[0], json.dumps(other_value(rng, json.loads(parts[1])), default=repr).encode()]


def _load_checkpoint(parts: Parts) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        for file, data in zip((ARRAYS_FILE, META_FILE), parts, strict=True):
            (Path(name) / file).write_bytes(data)
        checkpoint = Checkpoints(Path(name), {"agent": "a"}).load(Path(name))
        try:
            REPLAY.set_rng_state(checkpoint.meta["replay_rng"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(str(error)) from error


def _from_file(read: Callable[[Path], object], suffix: str) -> Callable[[Parts], object]:
    """Return a decoder of a file's bytes."""

    def call(parts: Parts) -> object:
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
            path = Path(name) / f"file{suffix}"
            path.write_bytes(parts[0])
            return read(path) or True

    return call


def _bytes_of(write: Callable[[Path], Path | None]) -> Parts:
    with tempfile.TemporaryDirectory() as name:
        return [(write(Path(name)) or next(Path(name).iterdir())).read_bytes()]


def _write_encoder(folder: Path) -> None:
    architecture = EncoderArchitecture(height=8, width=8, layers=(ConvLayer(3, 2, 2),))
    shapes = encoder_parameter_shapes(architecture)
    weights = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    save_encoder(folder / "encoder", EncoderFile(architecture, weights, ("wrist",), {"episodes": 3}))


def _config_change(rng: random.Random, parts: Parts) -> Parts:
    if rng.random() < 0.3:
        return [other_bytes(rng, parts[0])]
    return [json.dumps(other_value(rng, json.loads(parts[0])), default=repr).encode()]


def _safetensors_change(rng: random.Random, parts: Parts) -> Parts:
    """Change the JSON that the metadata hold, or what any file of this format has."""
    data = parts[0]
    length = int.from_bytes(data[:8], "little")
    if rng.random() < 0.4:
        return _weights_change(rng, parts)
    header = json.loads(data[8 : 8 + length])
    (name, text), *_ = header["__metadata__"].items()
    header["__metadata__"][name] = json.dumps(other_value(rng, json.loads(text)), default=repr)
    changed = json.dumps(header).encode()
    return [len(changed).to_bytes(8, "little") + changed + data[8 + length :]]


CONFIG = json.dumps(to_json(TrainConfig()))
REPLAY = Replay(SCHEMA, 64, seed=0)
HELLO = Hello(Introduction(SCHEMA, "a" * 64, "a0", "r"), "0" * 32, "1" * 32, 3, 9)
WEIGHTS = {"w": np.zeros((2, 3), np.float32), "b": np.zeros(1, np.int64)}
DECODERS: dict[str, Decoder] = {
    "hello": Decoder([[encode_hello(HELLO)]], _hello),
    "record": Decoder(_records(), _learn),
    "answer": Decoder([[pack({"next_sequence": 5, "checksum": None, "reason": "x"})]], lambda p: unpack(b"".join(p))),
    "weights": Decoder([[pack_weights(7, "a" * 64, WEIGHTS)]], lambda p: unpack_weights(p[0]), _weights_change),
    "journal": Decoder([_journal_seed()], _read_journal, _journal_change),
    "checkpoint": Decoder([_checkpoint_seed()], _load_checkpoint, _checkpoint_change),
    "episode": Decoder(
        [_bytes_of(lambda folder: write_episode(folder, [step_record(n) for n in range(3)], {"success": True}))],
        _from_file(read_episode, ".safetensors"),
        _safetensors_change,
    ),
    "encoder": Decoder([_bytes_of(_write_encoder)], _from_file(load_encoder, ".safetensors"), _safetensors_change),
    "config": Decoder(
        [[json.dumps(to_json(TrainConfig())).encode()]], _from_file(load_config, ".json"), _config_change
    ),
}


def check_seeds(decoder: Decoder) -> Any:
    """Decode the valid inputs, which must be accepted."""
    return [decoder.call(seed) for seed in decoder.seeds]
