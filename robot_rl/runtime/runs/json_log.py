"""Log of a process as JSON lines, `log.jsonl` in its folder: what it prints, with time, level, run and process."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from robot_rl.core.errors import StopRequestedError

JSON_LOG_FILE = "log.jsonl"
Level = Literal["info", "warning", "error"]
ACTOR = "actor-"


class JsonLog:
    """Writer of a process's log; safe between threads. What the disk does not take is lost: a log stops no process.

    Each line is an object with `time` (UTC, ISO 8601), `level`, `run`, `process`, `pid`, `message`, and `actor` where
    the process is one.
    """

    def __init__(self, folder: Path, process: str, run: str) -> None:
        actor = {"actor": process} if process.startswith(ACTOR) else {}
        self._about = {"run": run, "process": process, **actor, "pid": os.getpid()}
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / JSON_LOG_FILE).open("ab", buffering=0)

    def write(self, level: Level, message: str, **more: Any) -> None:
        """Write one line."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "level": level, **self._about, **more, "message": message}) + "\n"
        with self._lock, suppress(OSError, ValueError):  # a full disk; closed
            self._file.write(line.encode())  # in one call: a killed process tears no other's line

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Tee:
    """Text stream that also logs each line; what a full disk does not take of it is kept or lost, and ends nothing."""

    def __init__(self, stream: TextIO, log: JsonLog, level: Level) -> None:
        self._stream, self._log, self._level = stream, log, level
        self._lock, self._begun = threading.Lock(), ""

    def write(self, text: str) -> int:
        """Write, and log the lines that are whole now."""
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(str.strip, lines):
            self._log.write(self._level, line)
        with _disk_may_be_full():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what was written."""
        with _disk_may_be_full():
            self._stream.flush()

    def finish(self) -> None:
        """Log a line that has no end; drop what the disk has not taken, which would be a failure at the exit."""
        if self._begun.strip():
            self._log.write(self._level, self._begun)
        try:
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError:
            _replace_by_nothing(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _disk_may_be_full() -> Iterator[None]:
    """Ignore that a stream takes nothing, as a file on a full or read-only disk; a reader that has ended is an error.

    Raises:
        BrokenPipeError: it has.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        pass


def _replace_by_nothing(stream: TextIO) -> None:
    """Let a stream lead nowhere."""
    with suppress(OSError):  # it has no descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def logged(folder: Path, process: str, run: str) -> Iterator[JsonLog]:
    """Log what this process prints within the block, and the error that ends it; the console stays as it is."""
    log, before = JsonLog(folder, process, run), (sys.stdout, sys.stderr)
    tees = _Tee(sys.stdout, log, "info"), _Tee(sys.stderr, log, "warning")
    sys.stdout, sys.stderr = tees  # type: ignore[assignment]
    try:
        yield log
    except (KeyboardInterrupt, StopRequestedError):
        raise
    except BaseException as error:
        log.write("error", str(error) or repr(error))
        raise
    finally:
        sys.stdout, sys.stderr = before
        for tee in tees:
            tee.finish()
        log.close()
