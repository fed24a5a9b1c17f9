"""Run folder: config, metrics, checkpoints, episodes, video, report. It is never overwritten.

runs/NAME/
  config.json                               the resolved config
  task-00-NAME.toml                         copy of the task's file, where the task is one
  encoder.safetensors                       the run's frozen encoder
  reference.safetensors                     the policy whose actions compete with the learning one's
  learner/   metrics.jsonl journal/ checkpoints/ log.txt
  actor-0/   metrics.jsonl spool/ log.txt   one folder an actor
  demonstrations/                           episodes of the expert or the operator
  curve/  metrics.jsonl policies/           policies kept during the training, and their success alone
  evaluation/  episodes.jsonl summary.json video.mp4
  report.md  report.html  *.png
"""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from robot_rl.core.errors import ConfigError, RunFolderError
from robot_rl.tasks import is_file_reference

CONFIG_FILE = "config.json"
ENCODER_FILE = "encoder.safetensors"
NAME_BYTES_MAX = 200  # file systems take 255; archives of the run add to it


@dataclass(frozen=True)
class RunFolder:
    """Paths in a run folder; reading them creates nothing."""

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
    def encoder(self) -> Path:
        """The run's frozen encoder."""
        return self.root / ENCODER_FILE

    @property
    def reference(self) -> Path:
        """The run's copy of its reference policy."""
        return self.root / "reference.safetensors"

    @property
    def learner(self) -> Path:
        """Folder of the learner."""
        return self.root / "learner"

    def actor(self, index: int) -> Path:
        """Folder of one actor."""
        return self.root / f"actor-{index}"

    def actors(self) -> list[Path]:
        """Folders of the actors with output, in order."""
        return sorted(self.root.glob("actor-*"), key=lambda path: _order(path.name.removeprefix("actor-")))

    @property
    def learner_address(self) -> Path:
        """Where the learner listens, for actors that join."""
        return self.learner / "address"

    @property
    def page(self) -> Path:
        """Folder of the operator's page."""
        return self.root / "page"

    def parts(self) -> list[Path]:
        """Folders of the processes beside the supervisor's, in order."""
        return [self.learner, *self.actors(), self.curve, self.page]

    @property
    def demonstrations(self) -> Path:
        """Episodes recorded before the training."""
        return self.root / "demonstrations"

    @property
    def classifier(self) -> Path:
        """The reward classifier that the training starts with."""
        return self.root / "classifier.safetensors"

    @property
    def evaluation(self) -> Path:
        """Folder of the evaluation."""
        return self.root / "evaluation"

    @property
    def curve(self) -> Path:
        """Folder of the evaluations of the policies that the training kept."""
        return self.root / "curve"

    @property
    def policies(self) -> Path:
        """The policies that the training kept."""
        return self.curve / "policies"

    def archive_evaluation(self) -> None:
        """Archive the evaluation of an earlier part of the run, which does not describe what follows."""
        if self.evaluation.exists():
            archive(self.evaluation)

    @property
    def report(self) -> Path:
        """The report."""
        return self.root / "report.md"

    @property
    def report_page(self) -> Path:
        """The report as one HTML page."""
        return self.root / "report.html"

    def copy_task(self, task: str) -> None:
        """Copy a task's file here; one that changed since is kept beside the earlier one."""
        source = Path(task.partition(":")[0])
        if not is_file_reference(task):
            return
        copies = sorted(self.root.glob(f"task-*{source.suffix}"))
        if not copies or copies[-1].read_bytes() != source.read_bytes():
            shutil.copyfile(source, self.root / f"task-{len(copies):02d}-{source.name}")


def archive(folder: Path) -> Path:
    """Rename a folder to the next free `NAME-before-N` beside it and return the new path."""
    number = 0
    while (kept := folder.with_name(f"{folder.name}-before-{number}")).exists():
        number += 1
    return folder.rename(kept)


@contextmanager
def new_result(folder: Path, again: bool) -> Iterator[Path]:
    """Yield an empty folder, `NAME.part`, for a result that `finish_result` then puts into `folder`; an error in the
    block removes it. What an interrupted one left there is archived, and printed.

    Args:
        again: whether a result that `folder` holds may be archived when the new one is complete.

    Raises:
        RunFolderError: `folder` holds something, and `again` is false; or another process works on it.
    """
    if folder.exists() and any(folder.iterdir()) and not again:
        raise RunFolderError(
            f"evaluation: got {folder}, which holds a result already, expected a new folder; "
            "add --again to archive that result, or --out FOLDER to keep both."
        )
    part = folder.with_name(f"{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    if any(part.iterdir()):
        with _held(part):
            print(f"what an interrupted start left is kept in {archive(part)}", flush=True)
        part.mkdir(parents=True)
    with _held(part):
        try:
            yield part
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the system frees it when the process ends.

    Raises:
        RunFolderError: another one holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFolderError(
                f"evaluation: got {folder}, on which another process works, expected one at a time; let it end, or "
                "give --out FOLDER."
            ) from None
        except OSError:  # a network's file system that locks no folders
            pass
        yield
    finally:
        os.close(descriptor)


def finish_result(part: Path, folder: Path) -> None:
    """Move a complete result into its place; archive an earlier one."""
    if folder.exists() and any(folder.iterdir()):
        archive(folder)
    part.rename(folder)


def default_run_name(task: str) -> str:
    """Return a name from the last part of the task and the local time, for a run without one."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", re.split("[/:]", task)[-1]).strip(".-")
    return f"{name or 'run'}-{time.strftime('%Y%m%d-%H%M%S')}"


def run_root(runs: Path, name: str) -> Path:
    """Return the folder of the run of that name.

    Raises:
        ConfigError: a name that is not a single folder in `runs`.
    """
    if not name.strip() or name in (".", "..") or "/" in name or "\0" in name or len(name.encode()) > NAME_BYTES_MAX:
        raise ConfigError(
            f"run_name: got {name!r}, expected the name of one folder, at most {NAME_BYTES_MAX} bytes, without '/'; "
            "--runs says where run folders lie."
        )
    return runs / name


def new_run(root: Path) -> RunFolder:
    """Create the folder of a new run.

    Raises:
        RunFolderError: the folder exists and is not empty.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise RunFolderError(
            f"run folder: got {root}, expected a name that is not taken; "
            "add --resume to continue that run, or choose another --run-name."
        )
    root.mkdir(parents=True, exist_ok=True)
    return RunFolder(root)


def existing_run(root: Path) -> RunFolder:
    """Return the folder of an existing run.

    Raises:
        RunFolderError: there is no such run, or it has no config.
    """
    folder = RunFolder(root)
    if not folder.config_file.is_file():
        there = sorted(path.parent.name for path in root.parent.glob(f"*/{CONFIG_FILE}"))
        known = f"one of {', '.join(there)}" if there else "a run, but there is none yet"
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
            f"run folder: got {folder.root}, held by process {holder}, expected one that is not in training; stop it."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _order(name: str) -> tuple[bool, int, str]:
    """Return the key that sorts numbers before names."""
    return not name.isdecimal(), int(name) if name.isdecimal() else 0, name
