"""Mailbox: shared memory between the control process and its clients, latest target in, latest state out.

Lock-free: readers and writers never block. Each slot has one writer at a time and a sequence number that is odd during
a write; a reader that meets a write, or a writer that died during one, reads nothing new and keeps its last value.
The file lies in memory (/dev/shm) and belongs to the user; it is trusted no more than a network: the tick checks each
target, and gains are checked again before they are used.
"""

import fcntl
import mmap
import os
import weakref
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from controllers.arm import REASON_TEXT, Mode, Reason, Target
from controllers.host.motions import MotionCommand, MotionRecord
from controllers.host.report import LoopReport
from controllers.host.sender_lock import claim_sending
from controllers.host.sequence_lock import fetch, publish
from controllers.law.gains import Gains
from controllers.records import Record, record_dtype

# Everyone may write there: a file is created anew, and opened only where it is this user's own and no link.
FOLDER = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")  # nosec B108 # see above
MAGIC = 0x726F626F74726C31  # "robotrl1"
FRAMES = {"base": 0.0}


class Request(IntEnum):
    """Requests of a client."""

    NOTHING = 0
    ACTIVATE = 1  # clear the stop, if any, and start from the present pose
    DEACTIVATE = 2  # let the arm hold itself
    RECOVER = 3  # back off along the last path
    QUIT = 4  # end the process


class Busy(IntEnum):
    """Work of the driver that blocks the loop: the arm holds itself meanwhile."""

    NOTHING = 0
    CONNECTING = 1
    RECOVERING = 2
    STARTING = 3
    STOPPING = 4


BUSY_TEXT = {
    Busy.NOTHING: "",
    Busy.CONNECTING: "the driver is connecting to the arm",
    Busy.RECOVERING: "the arm is clearing its stop",
    Busy.STARTING: "the arm is starting the torque stream",
    Busy.STOPPING: "the arm is ending the torque stream",
}


class RequestRecord(Record):
    """A client's request."""

    request: int  # a Request


class DumpRecord(Record):
    """Requests to write the black box, apart from the loop's own requests."""

    count: int


_SLOTS: dict[str, type] = {
    "target": Target, "gains": Gains, "request": RequestRecord, "motion": MotionRecord, "dump": DumpRecord,
    "state": LoopReport,
}  # fmt: skip


class _Slot:
    """One slot's shared words, and this process' own copy of them: `copy` with fields, `words` as int64."""

    def __init__(self, memory: np.ndarray, declaration: type, joints: int) -> None:
        self._sequence, self._shared = memory[:1], memory[1:]
        words = np.zeros(1, record_dtype(declaration, joints))
        self.copy: Any = words.view(declaration) if issubclass(declaration, Record) else words
        self.words = words.view(np.int64)
        self.seen = 0

    def publish(self) -> None:
        publish(self._sequence, self._shared, self.words)

    def fetch(self) -> bool:
        """True when `copy` is new."""
        before, self.seen = self.seen, fetch(self._sequence, self._shared, self.seen, self.words)
        return self.seen != before


class Mailbox:
    """The shared memory of one arm, created by the control process and opened by clients.

    Raises:
        FileNotFoundError: no control process has created it.
        ValueError: it belongs to another version, or another user.
    """

    def __init__(self, name: str, joints: int, *, create: bool = False) -> None:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"mailbox: got the name {name!r}, expected letters, digits, '-' and '_'; rename it.")
        self.joints = joints
        self.path = FOLDER / f"robot-rl-{name}"
        words = [1 + record_dtype(slot, joints).itemsize // 8 for slot in _SLOTS.values()]
        if create:
            remove_abandoned()
        self._handle, self._map = _open_memory(self.path, 8 * (2 + sum(words)), create)
        weakref.finalize(self, os.close, self._handle)
        memory = np.frombuffer(self._map, np.int64)
        _check_head(memory, joints, create, self.path)
        starts = 2 + np.cumsum([0, *words])
        self.target, self.gains, self.request, self.motion, self.dump, self.state = (
            _Slot(memory[start : start + size], declaration, joints)
            for start, size, declaration in zip(starts, words, _SLOTS.values(), strict=False)
        )

    def claim(self) -> None:
        """Take the right to send as long as this object lives.

        Raises:
            ValueError: another client has it.
        """
        claim_sending(self._handle, self.path)

    def unlink(self) -> None:
        """Remove the name; open mappings stay valid."""
        self.path.unlink(missing_ok=True)


def _open_memory(path: Path, size: int, create: bool) -> tuple[int, mmap.mmap]:
    if not create and not path.exists():
        raise FileNotFoundError(f"mailbox: got no {path}, expected a running control process; start it first.")
    if create:
        path.unlink(
            missing_ok=True
        )  # of an earlier control process: its clients keep the old memory, whose state grows stale
    flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else os.O_NOFOLLOW)
    handle = os.open(path, flags, 0o600)
    try:
        if (owner := os.fstat(handle).st_uid) != os.geteuid():
            raise ValueError(f"mailbox: got {path} of user {owner}, expected this user's own; use one user for both.")
        if create:
            fcntl.flock(handle, fcntl.LOCK_SH)  # held by the mapping, as long as it is open
            os.ftruncate(handle, size)
        elif os.fstat(handle).st_size != size:
            raise ValueError(f"mailbox: got {os.fstat(handle).st_size} bytes, expected {size}; use one version.")
        return handle, mmap.mmap(handle, size)
    except BaseException:
        os.close(handle)
        raise


def remove_abandoned() -> None:
    """Remove the memory of control processes that were killed: it has its size, and no process holds its lock."""
    for path in FOLDER.glob("robot-rl-*"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file.fileno()).st_size:
                path.unlink()


def _check_head(memory: np.ndarray, joints: int, create: bool, path: Path) -> None:
    if create:
        memory[0], memory[1] = MAGIC, joints
    elif memory[0] != MAGIC or memory[1] != joints:
        raise ValueError(
            f"mailbox: got {path} of another kind, expected one of {joints} joints; restart its control process."
        )


def unpack_gains(copy: Gains) -> Gains:
    """Return the gains of a slot's copy, checked as `make_gains` would.

    Raises:
        ValueError: see `make_gains`.
    """
    return copy.copy().changed()


class HostState(NamedTuple):
    """The loop's last published state."""

    stamp_s: float
    mode: Mode
    reason: Reason
    message: str
    """Message of the driver or the control process; empty without one."""
    values: LoopReport

    @property
    def busy(self) -> str:
        """Work of the driver that blocks the loop, which then publishes nothing; empty without any."""
        return BUSY_TEXT[Busy(self.values.busy)]

    @property
    def text(self) -> str:
        """The reason, and the next step; for an arm that holds because its targets are dropped, why."""
        if self.busy:
            return f"{self.busy}; it may take seconds"
        rejected = Reason(self.values.rejected)
        late = self.reason in (Reason.TARGET_LATE, Reason.TARGET_GONE) and rejected != Reason.OK
        text = REASON_TEXT[self.reason] + (f" ({self.message})" if self.message else "")
        return f"{text}; {REASON_TEXT[rejected]}" if late else text


class Client:
    """Client of the loop: sends targets, gains and requests, reads the state.

    One client at a time moves the arm: from its first target or motion on, until it is gone, others are refused. Every
    client may read the state, change gains and send requests.
    """

    def __init__(self, name: str, joints: int = 7) -> None:
        self._box, self._claimed = Mailbox(name, joints), False

    def claim(self) -> None:
        """Take the right to move the arm, which the first target or motion takes as well.

        Raises:
            ValueError: another client has it.
        """
        if not self._claimed:
            self._box.claim()
            self._claimed = True

    def send(self, target: Target, frame: str = "base") -> None:
        """Make this the latest target. Its stamp is on the system's monotonic clock.

        Raises:
            ValueError: an unknown frame, or another client sends.
        """
        self.claim()
        if frame not in FRAMES:
            raise ValueError(f"frame: got {frame!r}, expected one of {sorted(FRAMES)}; transform the target first.")
        slot = self._box.target
        for name in ("p", "quat_xyzw", "twist", "wrench", "stamp_s"):
            slot.copy[name] = getattr(target, name)
        slot.copy["frame"] = FRAMES[frame] if target.frame.size == 0 else target.frame
        slot.publish()

    def set_gains(self, gains: Gains) -> None:
        """Request other gains; the control process checks them again and reports a refusal."""
        self._box.gains.copy[:] = gains
        self._box.gains.publish()

    def ask(self, request: Request) -> None:
        """Send a request; the state shows its result."""
        self._box.request.copy["request"] = request
        self._box.request.publish()

    def dump(self) -> None:
        """Request that the black box is written."""
        count = self.dumps()
        self._box.dump.copy["count"] = count + 1
        self._box.dump.publish()

    def dumps(self) -> int:
        """Return the number of requests to write the black box."""
        self._box.dump.fetch()
        return int(self._box.dump.copy["count"][0])

    def move(self, command: MotionCommand) -> None:
        """Start a joint motion or guiding, keep it alive, or end it; see `controllers.host.motions`.

        Raises:
            ValueError: another client sends.
        """
        self.claim()
        for name, value in command._asdict().items():
            self._box.motion.copy[name] = value
        self._box.motion.publish()

    def activate(self) -> None:
        """Request recovery after any stop of the arm."""
        self.ask(Request.ACTIVATE)

    def gains(self) -> Gains:
        """Return the gains requested last, or the control process' own before the first request.

        Raises:
            ValueError: see `make_gains`.
        """
        self._box.gains.fetch()
        return unpack_gains(self._box.gains.copy)

    def state(self) -> HostState:
        """Return the latest state; its stamp tells its age."""
        self._box.state.fetch()
        values = self._box.state.copy
        mode, reason = Mode(values.mode), Reason(values.reason)
        return HostState(values.stamp_s, mode, reason, values.message.decode(errors="replace"), values)
