"""Trainings as processes of a benchmark: begun, watched from outside, stopped in good order."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.core.errors import RobotRLError
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.stop import PARENT_VARIABLE

TASK = "pick-lift-state-only"
FLAGS = (
    "--minutes", "600", "--env-steps", "None", "--demonstrations", "20", "--evaluation.episodes", "0",
    "--no-page",
)  # fmt: skip
LIMIT_S, END_S, POLL_S = 1800.0, 120.0, 0.25


class Training:
    """A `robot-rl train` whose actors keep a pace."""

    def __init__(self, root: Path, words: tuple[str, ...], task: str = TASK) -> None:
        self.folder, self._log = RunFolder(root / "runs" / "bench"), root / "log.txt"
        command = [sys.executable, "-m", "robot_rl", "train", task, "--runs", "runs", "--run-name", "bench"]
        self.begun_s = time.time()
        """When it was started, Unix time."""
        owned = {**os.environ, PARENT_VARIABLE: f"{os.getpid()}"}  # it ends with this process, killed or not
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *FLAGS, *words], cwd=root, env=owned, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def until(self, condition: Callable[[], Any], limit_s: float = LIMIT_S) -> Any:
        """Return the condition's first true value; None where none came in time.

        Raises:
            RobotRLError: the training ended.
        """
        end_s = time.monotonic() + limit_s
        while not (value := condition()):
            if self._process.poll() is not None:
                raise RobotRLError(f"bench: got the end of its training, expected it to go on:\n{self._tail()}")
            if (left_s := end_s - time.monotonic()) <= 0.0:
                return None
            time.sleep(min(POLL_S, left_s))
        return value

    def await_updates(self, actors: int) -> None:
        """Wait until all actors act, and the learner learns from what they send.

        Raises:
            RobotRLError: they do not, or the training ended.
        """
        if not self.until(lambda: all(self.episodes(i) for i in range(actors)) and self._transitions() > 0):
            raise RobotRLError(f"bench: got no episode of each actor in {LIMIT_S:g} s, expected some:\n{self._tail()}")

    def episodes(self, actor: int) -> list[dict[str, Any]]:
        """Return the lines of an actor's episodes."""
        return read_metrics(self.folder.actor(actor), kind="episode")

    def updates(self) -> list[dict[str, Any]]:
        """Return the learner's lines."""
        return read_metrics(self.folder.learner, kind="update")

    def periods_ms(self, actor: int, first_episode: int = 0) -> np.ndarray:
        """Return the time between two steps of an actor's episodes [ms], (N,)."""
        lines = read_metrics(self.folder.actor(actor), kind="timing")
        series = [line.get("period_ms", []) for line in lines if line["episode"] >= first_episode]
        return np.array([period for periods in series for period in periods])

    def stop(self) -> None:
        """Stop as Ctrl-C does, and wait for the end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(END_S)
        finally:
            self._process.kill()

    def _transitions(self) -> float:
        updates = self.updates()
        return float(updates[-1].get("replay_online") or 0.0) if updates else 0.0

    def _tail(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]


@contextmanager
def training(root: Path, *words: str, task: str = TASK, cores: Collection[int] = ()) -> Iterator[Training]:
    """Run a training to the end of the block.

    Args:
        root: empty folder for it.
        words: flags.
        task: task or preset.
        cores: that it may use; empty: all of this process.
    """
    own = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, cores or own)
        running = Training(root, words, task)
    finally:
        os.sched_setaffinity(0, own)
    try:
        yield running
    finally:
        running.stop()


def period_metrics(prefix: str, periods_ms: np.ndarray) -> dict[str, float]:
    """Return median, 99th percentile and largest of periods under `PREFIX_period_ms_...`; empty without any."""
    if not periods_ms.size:
        return {}
    p50, p99 = np.percentile(periods_ms, (50, 99))
    values = {"p50": p50, "p99": p99, "max": periods_ms.max()}
    return {f"{prefix}_period_ms_{name}": round(float(value), 2) for name, value in values.items()}


def machine() -> dict[str, Any]:
    """Return cores and load of this computer."""
    return {"cpus": len(os.sched_getaffinity(0)), "load_1min": round(os.getloadavg()[0], 2)}


def show(metrics: dict[str, Any]) -> None:
    """Print what was measured so far on the standard error, as the next part takes minutes."""
    print(json.dumps(metrics), file=sys.stderr, flush=True)
