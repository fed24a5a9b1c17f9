"""Record of a process of a run, `process.json` in its folder: who it is, since when, and how it ended.

A process is known by boot, pid namespace, pid and start time, since the system gives a pid again.
"""

import json
import os
import platform
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from controllers.ros.liveness import process_identity
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import RunFolderError, StopRequestedError
from robot_rl.data.whole_file import write_file
from robot_rl.runtime.runs.stop import PARENT_VARIABLE

RECORD_FILE = "process.json"
ORPHAN_LIMIT_S = 30.0
"""Time for a process whose supervisor is gone to end in good order [s]."""
POLL_NS = NS_PER_S // 20
State = Literal["running", "frozen", "ended", "failed", "killed", "elsewhere"]
"""`frozen`: by SIGSTOP; `killed`: gone without a word; `elsewhere`: on a computer or in a container not seen here."""
ALIVE: tuple[State, ...] = ("running", "frozen", "elsewhere")


@dataclass(frozen=True)
class ProcessRecord:
    """Identity of a process and how it ended."""

    name: str
    """Of the part: train, learner, actor-0, page."""
    run: str
    pid: int
    start: int
    """Start time, in the kernel's ticks since boot; with the pid it names one process."""
    place: str
    """Computer, boot and pid namespace."""
    begun_s: float
    """Unix time."""
    supervised: bool = False
    """Whether another process of this package started it, and starts it again."""
    doing: str = ""
    """Present work."""
    ended_s: float | None = None
    error: str = ""
    """Why it failed; empty where it ended in good order."""

    @property
    def computer(self) -> str:
        """Name of its computer."""
        return self.place.partition("/")[0]

    @property
    def state(self) -> State:
        """State of the process now."""
        if self.ended_s is not None:
            return "failed" if self.error else "ended"
        if self.place != _place() and _node(self.place) != _node(_place()):
            return "elsewhere"
        letter, start = stat(self.pid)
        if self.place != _place() or start != self.start or letter in ("Z", "X", ""):
            return "killed"
        return "frozen" if letter in ("T", "t") else "running"


class OwnRecord:
    """Record that a process keeps of itself.

    Args:
        died: why the process before it in this folder died; empty where none did.
    """

    def __init__(self, path: Path, record: ProcessRecord, died: str) -> None:
        self.died, self.record, self._path = died, record, path

    def write(self, **changes: Any) -> None:
        """Change fields of the record and write it; a full disk keeps the one before."""
        self.record = replace(self.record, **changes)
        with suppress(OSError):
            _write(self._path, self.record)


@contextmanager
def recorded(folder: Path, name: str, run: str) -> Iterator[OwnRecord]:
    """Record this process in its folder for the time of the block.

    Raises:
        RunFolderError: another process runs there.
        OSError: the folder cannot be written.
    """
    before = read_record(folder)
    if before is not None and before.pid != os.getpid() and before.state in ("running", "frozen"):
        text = f"got {folder}, in which process {before.pid} is {before.state}, expected one without"
        raise RunFolderError(f"{before.name}: {text}; stop it, or name another folder.")
    died = "" if before is None or before.state == "ended" else before.error or "killed"
    parent = int(os.environ.get(PARENT_VARIABLE, 0))
    start, supervised = stat(os.getpid())[1], parent > 0 and parent == os.getppid()
    record = ProcessRecord(name, run, os.getpid(), start, _place(), time.time(), supervised)
    own = OwnRecord(folder / RECORD_FILE, record, died)
    _write(folder / RECORD_FILE, record)
    try:
        yield own
    except BaseException as error:
        own.write(ended_s=time.time(), error=_words(error))
        raise
    own.write(ended_s=time.time())


def read_record(folder: Path) -> ProcessRecord | None:
    """Return the record of the last process in a folder; None without a readable one."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        values = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
        known = {entry.name for entry in fields(ProcessRecord)}
        record = ProcessRecord(**{name: value for name, value in values.items() if name in known})
        return record if type(record.pid) is type(record.start) is int and isinstance(record.place, str) else None
    return None


def end_orphans(folders: list[Path], clock: Clock, limit_s: float = ORPHAN_LIMIT_S) -> list[str]:
    """End what a supervisor that is gone has left in its run's folders, and return a line for each.

    Only for the supervisor that holds the run: what another one started is watched by no process any more.
    """
    records = [record for folder in folders if (record := read_record(folder)) is not None]
    orphans = [record for record in records if record.supervised and record.state in ("running", "frozen")]
    for orphan in orphans:
        _signal(orphan, signal.SIGTERM, signal.SIGCONT)
    deadline_ns = clock.now_ns() + round(limit_s * NS_PER_S)
    while any(map(_lives, orphans)) and clock.now_ns() < deadline_ns:
        clock.sleep_until(clock.now_ns() + POLL_NS)
    late = [orphan for orphan in orphans if _lives(orphan)]
    for orphan in late:
        _signal(orphan, signal.SIGKILL)
    return [f"{orphan.name}: ended process {orphan.pid} of a supervisor that is gone" for orphan in orphans]


def stat(pid: int) -> tuple[str, int]:
    """Return the state's letter and the start time of a process; empty and 0 where there is none.

    Source: proc_pid_stat(5), fields 3 and 22; the name in field 2 may hold anything.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", 0
    rest = text.rpartition(")")[2].split()
    return rest[0], int(rest[19])


def _words(error: BaseException) -> str:
    """Return the first line of an error; empty for a stop that was requested."""
    if isinstance(error, StopRequestedError | KeyboardInterrupt):
        return ""
    return (str(error) or repr(error)).splitlines()[0]


def _lives(record: ProcessRecord) -> bool:
    letter, start = stat(record.pid)
    return start == record.start and letter not in ("Z", "X", "")


def _signal(record: ProcessRecord, *numbers: signal.Signals) -> None:
    """Send signals to a process, and to no other that has got its pid."""
    try:
        descriptor = os.pidfd_open(record.pid)
    except OSError:
        return
    try:
        for number in numbers if _lives(record) else ():
            with suppress(OSError):
                signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)


def _place() -> str:
    return f"{platform.node()}/{process_identity().rpartition('/')[0]}"


def _node(place: str) -> str:
    """Return computer and pid namespace of a place, without the boot: after another boot no process of before lives."""
    return f"{place.partition('/')[0]}:{place.rpartition(':')[2]}"


def _write(path: Path, record: ProcessRecord) -> None:
    write_file(path, (json.dumps(asdict(record), indent=1) + "\n").encode())
