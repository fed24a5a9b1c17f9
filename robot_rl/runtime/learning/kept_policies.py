"""Policies that a learner keeps at regular environment steps, from before the first one, for evaluation beside it.

RUN/curve/policies/step-000002000.safetensors    the policy's parameters; `updates` in its metadata
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from robot_rl.core.errors import CheckpointError
from robot_rl.core.records import Record, StepRecord
from robot_rl.runtime.learning.learner import Server

_PREFIX, _SUFFIX = "step-", ".safetensors"


class KeptPolicy(NamedTuple):
    """A policy as it was after some environment steps."""

    env_steps: int
    path: Path

    def updates(self) -> int:
        """Return the number of updates that made it.

        Raises:
            CheckpointError: the file is damaged.
        """
        with self._readable(), safe_open(self.path, "numpy") as file:
            return int(file.metadata()["updates"])

    def load(self) -> dict[str, np.ndarray]:
        """Return its parameters.

        Raises:
            CheckpointError: the file is damaged.
        """
        with self._readable():
            return safetensors.numpy.load_file(self.path)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"policy: got {self.path}, expected a whole one ({error}); remove it to go on without."
            ) from error


def kept_policies(folder: Path) -> list[KeptPolicy]:
    """Return the policies in a folder by their steps."""
    paths = sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"))
    return [KeptPolicy(int(path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)), path) for path in paths]


class KeepingServer:
    """Server of a learner that also keeps what it publishes, each `every` environment steps; unless the disk is full.

    The first publication follows the updates before any step: the policy at step 0. A resumed run goes on after the
    last one kept; one that was stopped before its first step keeps that of step 0 again.
    """

    def __init__(self, server: Server, folder: Path, every: int) -> None:
        self._server, self._folder, self._every = server, folder, every
        self._env_steps = 0
        kept = kept_policies(folder)
        self._next = self._after(kept[-1].env_steps) if kept and kept[-1].env_steps else 0

    def recover(self) -> Iterator[Record]:
        """Yield the records that earlier processes of this run received."""
        for record in self._server.recover():
            self._env_steps += isinstance(record, StepRecord)
            yield record

    def poll(self, timeout_s: float = 0.0) -> list[Record]:
        """Return new records, waiting at most `timeout_s` for the first."""
        records = self._server.poll(timeout_s)
        self._env_steps += sum(isinstance(record, StepRecord) for record in records)
        return records

    def publish_weights(self, version: int, parameters: Mapping[str, np.ndarray]) -> None:
        """Send the policy to the actors, and keep it where that is due."""
        self._server.publish_weights(version, parameters)
        if self._env_steps < self._next:
            return
        try:
            self._keep(version, parameters)
        except OSError as error:
            print(f"learner: policy of step {self._env_steps} is not kept: {error}", flush=True)
        self._next = self._after(self._env_steps)

    def status(self) -> Mapping[str, float]:
        """Return counters of what was received, refused and lost, for metrics."""
        return self._server.status()

    def _after(self, env_steps: int) -> int:
        return (env_steps // self._every + 1) * self._every

    def _keep(self, version: int, parameters: Mapping[str, np.ndarray]) -> None:
        plain = {name: np.asarray(array, order="C") for name, array in parameters.items()}
        self._folder.mkdir(parents=True, exist_ok=True)
        final = self._folder / f"{_PREFIX}{self._env_steps:09d}{_SUFFIX}"
        part = final.with_suffix(".part")
        part.write_bytes(safetensors.numpy.save(plain, {"updates": str(version)}))
        part.replace(final)
