"""Recorder: writes the black box to MCAP on every fault, on request, and when the loop dies.

`python -m controllers.host.recorder MAILBOX JOINTS FOLDER` runs beside the loop at the lowest priority, started by
`recording`, and ends with the loop. A file is `FOLDER/TIME-CAUSE.mcap`, never overwritten: channel `/loop`, messages in
JSON with its schema, one field each of `LoopReport`. Foxglove, PlotJuggler or any other MCAP reader opens it; in Python
`read_mcap` does.
"""

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from controllers.arm import Mode, Reason
from controllers.drivers.contract import DriverMode
from controllers.host.black_box import BlackBox
from controllers.host.mailbox import FOLDER, Busy, Client
from controllers.law.controller_state import Counter

POLL_S = 0.05
AFTER_S = 1.0  # recorded after a fault
PAUSE_S = 10.0  # between two files: the later one holds the faults in between
FREE_MIN_BYTES = 1e9  # of the disk, below which nothing is written
DIGITS = 6
TOPIC = "/loop"
DEFAULT_FOLDER = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state")) / "robot-rl" / "black_box"


def black_box_path(mailbox: str) -> Path:
    """Return the file of a loop's black box, beside its mailbox."""
    return FOLDER / f"robot-rl-{mailbox}-black-box"


def write_mcap(path: Path, rows: np.ndarray, cause: str, offset_s: float) -> None:
    """Write rows as MCAP; `offset_s` leads from their clock to Unix time.

    Raises:
        FileExistsError: never overwrites.
    """
    from mcap.writer import Writer

    columns = {name: _numbers(rows[name]) for name in rows.dtype.names or ()}
    stamps_ns = np.round((rows["stamp_s"] + offset_s) * 1e9).astype(np.int64).tolist()
    with path.open("xb") as file:
        writer = Writer(file)
        writer.start()
        schema = writer.register_schema("robot_rl.Loop", "jsonschema", json.dumps(_schema(rows.dtype)).encode())
        channel = writer.register_channel(TOPIC, "json", schema)
        for kind in (Mode, Reason, DriverMode, Busy):
            writer.add_metadata(kind.__name__, {str(int(value)): value.name for value in kind})
        writer.add_metadata("cause", {"cause": cause})
        for stamp_ns, *values in zip(stamps_ns, *columns.values(), strict=True):
            data = json.dumps(dict(zip(columns, values, strict=True))).encode()
            writer.add_message(channel, stamp_ns, data, stamp_ns)
        writer.finish()


def read_mcap(path: Path) -> dict[str, np.ndarray]:
    """Return the columns of a file, one array (rows, ...) a field; missing numbers are nan."""
    from mcap.reader import make_reader

    with path.open("rb") as file:
        rows = [json.loads(message.data) for _, _, message in make_reader(file).iter_messages([TOPIC])]
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in (rows[0] if rows else ())}


def _numbers(values: np.ndarray) -> list[Any]:
    """Return JSON's numbers, rounded; null for what is not finite, which JSON has not."""
    if values.dtype.kind != "f":
        return values.tolist()
    finite, rounded = np.isfinite(values), np.round(values, DIGITS)
    return rounded.tolist() if finite.all() else np.where(finite, rounded, None).tolist()  # type: ignore[call-overload]


def _schema(dtype: np.dtype[np.void]) -> dict[str, Any]:
    def entry(part: np.dtype[Any], depth: int) -> dict[str, Any]:
        number = {"type": "integer" if part.base.kind == "i" else "number"}
        return {"type": "array", "items": entry(part, depth - 1)} if depth else number

    assert dtype.fields is not None
    properties = {name: entry(part[0], len(part[0].shape)) for name, part in dtype.fields.items()}
    return {"type": "object", "properties": properties}


class Recorder:
    """Decides when the black box is written."""

    def __init__(self, mailbox: str, joints: int, folder: Path) -> None:
        self._client, self._box = Client(mailbox, joints), BlackBox(black_box_path(mailbox), joints)
        self._folder = folder
        self._faults, self._asked = 0, 0
        self._due_s, self._cause, self._last_s = np.inf, "", -np.inf

    def poll(self, now_s: float) -> Path | None:
        """Write the black box when it is due; return the file."""
        self._watch(now_s)
        if now_s < self._due_s:
            return None
        self._due_s, self._last_s = np.inf, now_s
        return self.write(self._cause)

    def _watch(self, now_s: float) -> None:
        state, asked = self._client.state(), self._client.dumps()
        faults = int(state.values[0]["counters"][Counter.FAULTS])
        if (faults, asked) != (self._faults, self._asked):
            fault = Reason(state.values.fault).name if state.values.fault else "FAULT"  # cleared already
            self._cause = fault if faults != self._faults else "REQUEST"
            self._due_s = min(self._due_s, max(now_s + AFTER_S, self._last_s + PAUSE_S))
            self._faults, self._asked = faults, asked

    def close(self) -> Path | None:
        """Write what is due, or the black box of a loop that died, and remove the memory."""
        self._watch(time.monotonic())
        cause = self._cause if self._client.state().values.ended else "LOOP_DIED"
        path = self.write(cause) if cause == "LOOP_DIED" or self._due_s < np.inf else None
        self._box.path.unlink(missing_ok=True)
        return path

    def write(self, cause: str) -> Path | None:
        """Write the black box now; return the file, None where the disk is full."""
        self._folder.mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < FREE_MIN_BYTES:
            _print(f"black box: got a full disk below {self._folder}, expected 1 GB; free some.")
            return None
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f".{time.time_ns() // 1000 % 1_000_000:06d}Z"
        path = self._folder / f"{stamp}-{cause.lower()}.mcap"
        write_mcap(path, self._box.read(), self._client.state().text, time.time() - time.monotonic())
        _print(f"black box: {path}")
        return path


def _print(text: str) -> None:
    """Print on the terminal or log of the control process, where that is still there."""
    with suppress(OSError):
        print(text, flush=True)


@contextmanager
def recording(
    mailbox: str, joints: int, rate_hz: float, folder: Path, loop_cpu: int | None = None
) -> Iterator[BlackBox | None]:
    """Yield the black box of a loop, whose recorder runs beside the block; None where there is no memory for it.

    The recorder may still be writing afterwards: nothing waits for it.
    """
    try:
        box = BlackBox(black_box_path(mailbox), joints, rate_hz)
    except OSError as error:
        print(f"black box: got '{error}', expected room in {FOLDER}; nothing is recorded.", file=sys.stderr)
        yield None
        return
    words = [sys.executable, "-m", "controllers.host.recorder", mailbox, str(joints), str(folder)]
    words += ["--loop-cpu", str(loop_cpu)] if loop_cpu is not None else []
    recorder = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)
    assert recorder.stdin is not None
    try:
        yield box
    finally:
        recorder.stdin.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the black box whenever it is due, until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m controllers.host.recorder", description=__doc__)
    parser.add_argument("mailbox")
    parser.add_argument("joints", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--loop-cpu", type=int, default=-1)
    given = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends after the loop
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {given.loop_cpu} or os.sched_getaffinity(0))
    os.nice(19)
    try:
        recorder = Recorder(given.mailbox, given.joints, given.folder)
    except FileNotFoundError:  # the loop has ended already
        black_box_path(given.mailbox).unlink(missing_ok=True)
        return 0
    while not select.select([sys.stdin], [], [], POLL_S)[0]:
        recorder.poll(time.monotonic())
    recorder.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
