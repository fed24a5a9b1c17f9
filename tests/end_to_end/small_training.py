"""A training of a small task by `robot-rl train`, whose processes and disks tests disturb; the count of its records."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from robot_rl.core.records import StepRecord
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.process_record import ProcessRecord, read_record, stat
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_totals import LOSSES, RunTotals
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode_stored
from robot_rl.transport.stream import read_stream
from tests.waiting import eventually
from tests.wall_clock import COMPILER, WallClock

MARK = "ROBOT_RL_FAULTS_MARK"
LIMIT_S = 240.0
NAME = "faults"
TASK = """
import time

import gymnasium
import numpy as np


class Walk(gymnasium.Env):
    metadata = {"render_modes": [], "render_fps": 100}

    def __init__(self):
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x, self.steps = float(self.np_random.uniform(-1.0, 1.0)), 0
        return np.array([self.x], np.float32), {}

    def step(self, action):
        time.sleep(0.01)
        self.x, self.steps = float(np.clip(self.x + 0.1 * float(action[0]), -1.0, 1.0)), self.steps + 1
        done = self.x > 0.9
        return np.array([self.x], np.float32), float(done), done, self.steps >= 20 and not done, {"is_success": done}
"""
SMALL = (
    "--vision.mode", "state", "--agent.hidden", "16", "16", "--agent.backend", "torch", "--learner.batch", "32",
    "--learner.checkpoint-every-s", "2", "--updates-per-step", "None", "--minutes", "600", "--evaluation.episodes", "0",
)  # fmt: skip


class Training:
    """`robot-rl train` of a small task, begun and gone on with.

    Args:
        runs: where its folder is made.
        words: flags, also when it is resumed.
        parts: that run.
    """

    def __init__(self, root: Path, runs: Path, words: Sequence[str], parts: Sequence[str]) -> None:
        self.folder, self.log, self._root = RunFolder(runs / NAME), root / "log.txt", root
        self.parts, self._words = parts, (*words, "--runs", str(runs), "--run-name", NAME)
        (root / "walk.py").write_text(TASK)
        self.wall = WallClock(root) if COMPILER else None
        self._start("walk.py:Walk", *SMALL)

    def resume(self) -> None:
        """Go on after a kill."""
        self._start("--resume", "--minutes", "600")

    def _start(self, *words: str) -> None:
        command = [sys.executable, "-m", "robot_rl", "train", *words, *self._words]
        with self.log.open("ab") as log:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            environment = os.environ | {MARK: str(self._root)} | (self.wall.environment if self.wall else {})
            self.process = subprocess.Popen(command, cwd=self._root, env=environment, **pipes)

    def text(self) -> str:
        """Return what it and its parts have printed, for a failure."""
        logs = [self.log, *(path / "log.txt" for path in (self.folder.learner, *self.folder.actors()))]
        return "\n".join(f"== {path}\n{path.read_text(errors='replace')[-3000:]}" for path in logs if path.exists())

    def record(self, part: str) -> ProcessRecord | None:
        """Return the record of a part that runs now."""
        assert self.process.poll() is None, self.text()
        record = read_record(self.folder.root / part)
        return record if record is not None and record.state == "running" else None

    def await_all_at_work(self) -> None:
        """Wait until all parts run and all actors have sent episodes since now, to a learner that stores them."""
        eventually(lambda: all(self.record(part) for part in self.parts), LIMIT_S)
        before = self._progress()
        eventually(
            lambda: (
                all(self.record(part) for part in self.parts)
                and all(new > old for new, old in zip(self._progress(), before, strict=True))
            ),
            LIMIT_S,
        )

    def stored_bytes(self) -> int:
        """Return the size of the learner's journal."""
        return sum(path.stat().st_size for path in (self.folder.learner / "journal").glob("*.log"))

    def _progress(self) -> list[int]:
        actors = sum(part.startswith("actor-") for part in self.parts)
        return [*(len(self.episodes(number)) for number in range(actors)), self.stored_bytes()]

    def episodes(self, actor: int) -> list[dict]:
        """Return the lines of an actor's episodes."""
        return read_metrics(self.folder.actor(actor), kind="episode")

    def left(self) -> list[int]:
        """Return the processes of the training that live, whichever started them."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return f"{MARK}={self._root}".encode() in words and stat(pid)[0] not in ("Z", "X", "")


@contextmanager
def small_training(
    root: Path, words: Sequence[str], parts: Sequence[str], runs: Path | None = None
) -> Iterator[Training]:
    """Run a training; at the end nothing of it is left."""
    training = Training(root, runs or root / "runs", words, parts)
    try:
        yield training
    finally:
        training.process.kill()
        training.process.wait()
        for pid in training.left():
            os.kill(pid, signal.SIGKILL)


def check_counts(training: Training) -> None:
    """Each record that a spool took is stored once, in order; what is not is declared lost; episodes are whole."""
    folder, totals = training.folder, RunTotals(training.folder)
    totals.read()
    with Journal(folder.learner / "journal") as journal:
        stored = [decode_stored(parts) for _, parts in journal.read()]
    for number, actor in enumerate(path.name for path in folder.actors()):
        with Journal(folder.actor(number) / "spool") as spool:
            sent, stream = spool.next_index, read_stream(spool.folder)
        own = [record for record, _ in stored if record.actor == actor]
        assert {name for record, name in stored if record.actor == actor} == {stream}
        assert [record.sequence for record in own] == list(range(sent)), f"{actor}: sent {sent}, stored {len(own)}"
        assert sent == len(own) + sum(totals.total(loss) for loss in LOSSES), "lost and not declared"
        steps = Counter(record.episode for record in own if isinstance(record, StepRecord))
        lines = training.episodes(number)
        assert len({line["episode"] for line in lines}) == len(lines), "an episode's number was given twice"
        assert [line["steps"] for line in lines] == [steps[line["episode"]] for line in lines]
        print(f"{actor}: sent {sent}, stored {len(own)}, {len(lines)} episodes with a line of {len(steps)} begun")
