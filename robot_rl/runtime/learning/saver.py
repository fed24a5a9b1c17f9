"""Checkpoints in the background: updates go on while one is written, and none holds NaN or infinity."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from robot_rl.core.errors import DivergedError, StorageError
from robot_rl.runtime.learning.checkpoints import Checkpoints


class Saver:
    """Writes checkpoints in a thread, one at a time.

    Args:
        checkpoints: where they go.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints, self._written = checkpoints, Future[None]()
        self._written.set_result(None)
        self._thread = ThreadPoolExecutor(1, "checkpoint")

    def begin(self, updates: int, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        """Begin to write a checkpoint, once the one before is on the disk.

        Args:
            arrays: copies, which later updates do not change.

        Raises:
            DivergedError: NaN or infinity in an array; nothing is written.
        """
        check_finite("learner", arrays, updates)
        self.finish()
        self._written = self._thread.submit(self._write, updates, arrays, meta)

    def finish(self) -> None:
        """Wait until what was begun is on the disk."""
        self._written.result()

    def _write(self, updates: int, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        """Write a checkpoint; where the disk is full, the ones before stay."""
        try:
            self._checkpoints.save(updates, arrays, meta)
        except StorageError as error:
            print(f"learner: {error}", flush=True)


def check_finite(owner: str, arrays: Mapping[str, np.ndarray], updates: int) -> None:
    """Check the arrays of a policy or of the learner's state.

    Raises:
        DivergedError: one has NaN or infinity.
    """
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise DivergedError(
                f"{owner}: got {name!r} with NaN or infinity after {updates} updates, expected finite numbers; "
                "lower the learning rate and resume from the last checkpoint."
            )
