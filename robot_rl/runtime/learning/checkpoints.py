"""Checkpoints: one folder each, written atomically.

    folder/update-000000001200/arrays.safetensors    the learner's state, exact
                               meta.json             counters, generator states, identity
                               SHA256SUMS            of both, as `sha256sum -c` reads them

A checkpoint is written under another name, put on the disk, and renamed; a crash leaves the previous one untouched.
One of the same number of updates gets the next free name, `update-000000001200-1`, before the other one is removed.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from robot_rl.core.errors import CheckpointError, StorageError
from robot_rl.transport.journal import sync_folder

LATER_NAMES = ("encoder",)
"""Names of an identity that older checkpoints lack."""
CHANGES = {
    "schema": "the observation or action of the task, or the way this version describes them,",
    "agent": "the networks or settings that give their parameters a meaning",
    "encoder": "the weights or preprocessing of the frozen encoder",
}
"""Name of an identity -> what makes it another one."""
ARRAYS_FILE, META_FILE, SUMS_FILE = "arrays.safetensors", "meta.json", "SHA256SUMS"

_PREFIX, _UNFINISHED = "update-", ".unfinished-"


@dataclass(frozen=True)
class Checkpoint:
    """Content of a checkpoint."""

    updates: int
    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        identity: digests of their origin, such as agent and schema; a checkpoint with another identity is refused. One
            that lacks a part of `LATER_NAMES` is read with a warning.
        keep: how many to keep, newest first.
        unlike: names of an identity that may differ.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str], keep: int = 3, unlike: Collection[str] = ()) -> None:
        self.folder, self._identity, self._keep, self._unlike = folder, dict(identity), max(1, keep), unlike
        folder.mkdir(parents=True, exist_ok=True)

    def paths(self) -> list[Path]:
        """Return the checkpoints, oldest first."""
        return sorted(self.folder.glob(f"{_PREFIX}*"), key=_age)

    def save(self, updates: int, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Path:
        """Write a checkpoint and return its folder; one of the same update count is replaced.

        Raises:
            StorageError: the disk is full or gone; the checkpoints before are as they were.
        """
        plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        text = json.dumps({"updates": updates, "identity": self._identity, **meta}, indent=1)
        files = {ARRAYS_FILE: safetensors.numpy.save(plain), META_FILE: text.encode()}
        try:
            return self._write(f"{_PREFIX}{updates:012d}", files)
        except OSError as error:
            with suppress(OSError):  # out of descriptors
                self._sweep()  # it takes the room that is missing
            raise StorageError(
                f"checkpoint: got {error} at {updates} updates, expected a disk with room; free some: the checkpoints "
                "before are kept."
            ) from error

    def _write(self, name: str, files: Mapping[str, bytes]) -> Path:
        earlier = [path for path in self.paths() if path.name.startswith(name)]
        final = self.folder / (f"{name}-{_age(earlier[-1])[1] + 1}" if earlier else name)
        unfinished = self.folder / f"{_UNFINISHED}{name}"
        self._sweep()
        unfinished.mkdir()
        sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {file}\n" for file, data in files.items())
        for file, data in {**files, SUMS_FILE: sums.encode()}.items():
            _write(unfinished / file, data)
        sync_folder(unfinished)
        os.rename(unfinished, final)
        sync_folder(self.folder)
        for path in earlier:
            shutil.rmtree(path)
        for path in self.paths()[: -self._keep]:
            shutil.rmtree(path)
        return final

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint, None when there is none.

        Raises:
            CheckpointError: it is damaged, or of another origin.
        """
        paths = self.paths()
        return self.load(paths[-1]) if paths else None

    def load(self, path: Path) -> Checkpoint:
        """Return the checkpoint in a folder.

        Raises:
            CheckpointError: it is damaged, or of another origin.
        """
        try:
            files = {name: (path / name).read_bytes() for name in (ARRAYS_FILE, META_FILE)}
            _check_sums(path, files)
            meta = dict(json.loads(files[META_FILE]))
            updates, identity = _count(meta.pop("updates")), dict(meta.pop("identity"))
            arrays = safetensors.numpy.load(files[ARRAYS_FILE])
            _check_numbers(arrays)
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError, SafetensorError) as error:
            advice = "remove this folder to continue from the one before it"
            raise CheckpointError(f"checkpoint: got {path}, expected a whole one ({error}); {advice}.") from error
        self._check(path, identity)
        return Checkpoint(updates, arrays, meta)

    def _check(self, path: Path, identity: Mapping[str, str]) -> None:
        for name in sorted((identity.keys() | self._identity.keys()).difference(self._unlike)):
            theirs, mine = identity.get(name), self._identity.get(name)
            if theirs is None and name in LATER_NAMES:
                print(
                    f"warning: {path} does not name its {name}; {mine!r} is taken for it.", file=sys.stderr, flush=True
                )
            elif theirs != mine:
                raise CheckpointError(
                    f"checkpoint: got {path} made for {name} {theirs!r}, expected {mine!r}: {CHANGES.get(name, name)} "
                    "changed. Resume with the run's own config.json and version of this package, or start a new run; "
                    "its demonstrations stay readable (--demonstrations-from)."
                )

    def _sweep(self) -> None:
        """Remove the remains of an interrupted save."""
        for path in self.folder.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(path)


def _age(path: Path) -> tuple[str, int]:
    """Return the number of updates of a checkpoint, and how many of that number came before it."""
    updates, _, earlier = path.name.removeprefix(_PREFIX).partition("-")
    return updates, int(earlier) if earlier.isdigit() else 0


def _check_sums(path: Path, files: Mapping[str, bytes]) -> None:
    """Check the files of a checkpoint against its sums; one of an earlier version has none.

    Raises:
        ValueError: a file differs.
    """
    if not (path / SUMS_FILE).exists():
        return
    sums = (path / SUMS_FILE).read_text("ascii").split()
    for name, data in files.items():
        if hashlib.sha256(data).hexdigest() != dict(zip(sums[1::2], sums[::2], strict=True)).get(name):
            raise ValueError(f"{name} differs from its sum in {SUMS_FILE}")


def _count(updates: Any) -> int:
    """Return a number of updates.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(updates, int) or updates < 0:
        raise ValueError(f"updates: {updates!r}")
    return updates


def _check_numbers(arrays: Mapping[str, np.ndarray]) -> None:
    """Check that all numbers are finite, as those of every checkpoint that was written.

    Raises:
        ValueError: an array holds others.
    """
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity")


def _write(path: Path, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
