"""Checkpoints: one folder each, written atomically.

    folder/update-000000001200/arrays.safetensors    the learner's state, exact
                               meta.json             counters, generator states, identity

A checkpoint is written under another name, put on the disk, and renamed; a crash leaves the previous one untouched.
"""

import json
import os
import shutil
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from robot_rl.core.errors import CheckpointError
from robot_rl.transport.journal import sync_folder

LATER_NAMES = ("encoder",)
"""Names of an identity that older checkpoints lack."""
CHANGES = {
    "schema": "the observation or action of the task, or the way this version describes them,",
    "agent": "the networks or settings that give their parameters a meaning",
    "encoder": "the weights or preprocessing of the frozen encoder",
}
"""Name of an identity -> what makes it another one."""
ARRAYS_FILE, META_FILE = "arrays.safetensors", "meta.json"

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
        return sorted(self.folder.glob(f"{_PREFIX}*"))

    def save(self, updates: int, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Path:
        """Write a checkpoint and return its folder; one of the same update count is replaced."""
        final = self.folder / f"{_PREFIX}{updates:012d}"
        unfinished = self.folder / f"{_UNFINISHED}{final.name}"
        self._sweep()
        unfinished.mkdir()
        plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        _write(unfinished / ARRAYS_FILE, safetensors.numpy.save(plain))
        text = json.dumps({"updates": updates, "identity": self._identity, **meta}, indent=1)
        _write(unfinished / META_FILE, text.encode())
        sync_folder(unfinished)
        if final.exists():
            os.rename(final, self.folder / f"{_UNFINISHED}old-{final.name}")
        os.rename(unfinished, final)
        sync_folder(self.folder)
        self._sweep()
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
            meta = json.loads((path / META_FILE).read_text())
            updates, identity = int(meta.pop("updates")), dict(meta.pop("identity"))
            arrays = safetensors.numpy.load_file(path / ARRAYS_FILE)
        except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
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


def _write(path: Path, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
