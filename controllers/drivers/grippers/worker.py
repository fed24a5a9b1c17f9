"""Process of one gripper's driver: commands in and states out, as lines of JSON on its standard streams.

    python -m controllers.drivers.grippers.worker '{"driver": "simulated"}'

It ends, with the fingers at rest, when its standard input closes: also when its parent is killed.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from queue import SimpleQueue
from typing import Any

from controllers.drivers.grippers import gripper_class
from controllers.drivers.grippers.contract import GripperCommand, GripperDriver, GripperError, GripperSpec

READ_PERIOD_S = 0.02
STOP_PERIOD_S, STOP_LIMIT_S = 0.05, 1.0


class _Lines:
    """Writer of one message a line, for several threads."""

    def __init__(self) -> None:
        # the vendor's libraries print: their lines go to stderr
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1, encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._lock = threading.Lock()

    def send(self, **message: Any) -> None:
        try:
            with self._lock:
                self._out.write(json.dumps(message) + "\n")
        except BrokenPipeError:  # the parent was killed
            os._exit(1)


def _read(driver: GripperDriver, lines: _Lines) -> None:
    """Send samples; end the process when the connection is lost."""
    try:
        while True:
            reading = driver.read()
            lines.send(reading=reading, stamp_s=time.monotonic())
            time.sleep(READ_PERIOD_S)
    except Exception as error:  # whatever the vendor's library raises
        lines.send(fault=_text(error))
        os._exit(1)


class _Motions:
    """Carries out one command at a time, in a thread; the parent sends none before `done`."""

    def __init__(self, driver: GripperDriver, lines: _Lines) -> None:
        self._driver, self._lines = driver, lines
        self._commands: SimpleQueue[GripperCommand] = SimpleQueue()
        self._free = threading.Event()
        self._free.set()
        threading.Thread(target=self._run, daemon=True).start()

    def move(self, command: GripperCommand) -> None:
        self._free.clear()
        self._commands.put(command)

    def stop(self) -> None:
        """Stop until the call that moves returns: a single stop may come before the motion has begun."""
        end_s = time.monotonic() + STOP_LIMIT_S
        self._driver.stop()
        while not self._free.wait(STOP_PERIOD_S) and time.monotonic() < end_s:
            self._driver.stop()

    def _run(self) -> None:
        while True:
            failure = ""
            try:
                self._driver.move(self._commands.get())
            except Exception as error:  # whatever the vendor's library raises
                failure = _text(error)
            self._free.set()
            self._lines.send(done=failure, stamp_s=time.monotonic())


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, GripperError) else f"{type(error).__name__}: {error}"


def serve(driver: GripperDriver, requests: Iterable[str], lines: _Lines) -> None:
    """Serve one connected gripper until the requests end."""
    lines.send(width_max_m=driver.width_max_m)
    motions = _Motions(driver, lines)
    threading.Thread(target=_read, args=(driver, lines), daemon=True).start()
    for line in requests:
        request = json.loads(line)
        if "move" in request:
            motions.move(GripperCommand(*request["move"]))
        elif request["call"] == "stop":
            motions.stop()
        else:
            getattr(driver, request["call"], lambda: None)()
    motions.stop()
    driver.close()


def main(arguments: list[str]) -> int:
    """Connect and serve; return the exit code."""
    for number in (signal.SIGINT, signal.SIGHUP):  # of the terminal: the parent ends this process
        signal.signal(number, signal.SIG_IGN)
    lines = _Lines()
    try:
        spec = GripperSpec(**json.loads(arguments[0]))
        serve(gripper_class(spec.driver).connect(spec), sys.stdin, lines)
    except Exception as error:
        lines.send(fault=_text(error))
        return 1
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # a call of the vendor's library may block for minutes
