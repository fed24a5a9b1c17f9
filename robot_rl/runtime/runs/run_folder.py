"""A run is a folder: config, metrics, checkpoints, episodes, video, report. It is never overwritten.

runs/NAME/
  config.json                               the resolved config
  learner/   metrics.jsonl journal/ checkpoints/ log.txt
  actor-0/   metrics.jsonl spool/ log.txt   one folder an actor
  demonstrations/                           episodes of the expert or the operator
  evaluation/  episodes.jsonl summary.json video.mp4
  report.md  *.png
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from robot_rl.core.errors import RunFolderError

CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class RunFolder:
    """Names of what lies in a run folder; nothing is created by looking."""

    root: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.root.name

    @property
    def config_file(self) -> Path:
        """The resolved config."""
        return self.root / CONFIG_FILE

    @property
    def learner(self) -> Path:
        """Folder of the learner."""
        return self.root / "learner"

    def actor(self, index: int) -> Path:
        """Folder of one actor."""
        return self.root / f"actor-{index}"

    def actors(self) -> list[Path]:
        """Folders of the actors that wrote something, in order."""
        return sorted(self.root.glob("actor-*"), key=lambda path: int(path.name.removeprefix("actor-")))

    @property
    def demonstrations(self) -> Path:
        """Episodes recorded before the training."""
        return self.root / "demonstrations"

    @property
    def evaluation(self) -> Path:
        """Folder of the evaluation."""
        return self.root / "evaluation"

    def set_evaluation_aside(self) -> None:
        """Keep the evaluation of an earlier part of the run under another name: it says nothing about what follows."""
        if self.evaluation.exists():
            count = len(list(self.root.glob("evaluation-before-*")))
            self.evaluation.rename(self.root / f"evaluation-before-{count}")

    @property
    def report(self) -> Path:
        """The report."""
        return self.root / "report.md"


def default_run_name(task: str) -> str:
    """Return a name from the task and the local time, for a run that was given none."""
    return f"{task}-{time.strftime('%Y%m%d-%H%M%S')}"


def new_run(root: Path) -> RunFolder:
    """Create the folder of a new run.

    Raises:
        RunFolderError: the folder exists and is not empty.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise RunFolderError(
            f"run folder: got {root}, expected a name that is not taken; "
            "add --resume to go on with that run, or choose another --run-name."
        )
    root.mkdir(parents=True, exist_ok=True)
    return RunFolder(root)


def existing_run(root: Path) -> RunFolder:
    """Return the folder of a run that was started before.

    Raises:
        RunFolderError: there is no such run, or it has no config.
    """
    folder = RunFolder(root)
    if not folder.config_file.is_file():
        there = sorted(path.parent.name for path in root.parent.glob(f"*/{CONFIG_FILE}"))
        known = f"one of {', '.join(there)}" if there else "a run, and there is none yet"
        raise RunFolderError(f"run folder: got {root}, expected {known}; start one with `robot-rl train`.")
    return folder


def lock_run(folder: RunFolder) -> TextIO:
    """Return an open file that holds the run for this process; the system frees it when the process ends.

    Raises:
        RunFolderError: another process holds the run.
    """
    path = folder.root / ".lock"
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise RunFolderError(
            f"run folder: got {folder.root}, held by process {holder}, expected one that nobody trains; stop it first."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
