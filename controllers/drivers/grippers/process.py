"""A gripper whose driver runs in a process of its own: no call waits, however slow, stuck or dead the driver is."""

import contextlib
import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from controllers.drivers.grippers.contract import (
    CONNECTING,
    GripperCommand,
    GripperReading,
    GripperSpec,
    GripperState,
    checked_command,
)

RESTART_S = 1.0  # between two processes
RETRY_S = 2.0  # from which a repeated command is tried again after a failure
SILENT_S = 1.0  # without a reading
LATE_S = 2.0  # beyond the time that the motion takes at its speed; a Franka Hand adds most of a second
REACHED_M = 0.004  # soft finger tips, and steps of a Robotiq's position of 0.4 mm
SAME_M = 0.001
END_S = 2.0


class GripperProcess:
    """See `Gripper`. A process that ends is started again; commands of before are not repeated.

    Args:
        now_s: monotonic clock, that of the driver's process.
    """

    def __init__(self, spec: GripperSpec, now_s: Callable[[], float] = time.monotonic) -> None:
        self._spec, self._now_s, self._lock = spec, now_s, threading.RLock()
        self._process: subprocess.Popen[str] | None = None
        self._closed = threading.Event()
        self._stopped = False
        self._fault = ""
        self._forget()
        self._thread = threading.Thread(target=self._supervise, name="gripper", daemon=True)
        self._thread.start()

    def _forget(self) -> None:
        """Forget everything of a process, before the next one."""
        self._width_max_m = math.nan
        self._reading: GripperReading | None = None
        self._stamp_s = -math.inf
        self._since_s = self._now_s()  # of the connection, then of the motion
        self._newest: GripperCommand | None = None
        self._pending = self._busy = self._stop_sent = False
        self._ended_s = -math.inf  # of the driver's last call: only later readings belong to it
        self._failure, self._due_s = "", math.inf

    def command(self, width_m: float, speed_m_s: float, force_n: float) -> None:
        command = checked_command(width_m, speed_m_s, force_n)
        with self._lock:
            if self._stopped or math.isnan(self._width_max_m):
                return
            command = command._replace(width_m=min(max(command.width_m, 0.0), self._width_max_m))
            if self._is_new(command):
                self._newest, self._pending = command, True
                self._advance()

    def state(self) -> GripperState:
        with self._lock:
            reading, fault = self._reading, self._judge()
            width_m, moving, held = (math.nan, False, False) if reading is None else reading[:3]
            moving = moving or self._busy or self._stamp_s < self._ended_s
            return GripperState(width_m, moving, held, fault, self._stamp_s, self._width_max_m, self._stopped)

    def stop(self) -> None:
        with self._lock:
            self._stopped, self._newest, self._pending, self._due_s = True, None, False, math.inf
            self._stop_sent = self._send(call="stop")

    def clear(self) -> None:
        """See `Gripper`. A driver that reports a fault is reset (its `recover`, if it has one)."""
        with self._lock:
            self._stopped = False
            if self._reading is not None and self._reading.fault:
                self._send(call="recover")

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
        self._thread.join()

    # Commands

    def _is_new(self, command: GripperCommand) -> bool:
        newest = self._newest
        if newest is None or command[1:] != newest[1:] or abs(command.width_m - newest.width_m) > SAME_M:
            return True
        return bool(self._failure) and not self._busy and self._now_s() > self._since_s + RETRY_S

    def _advance(self) -> None:
        """Send the newest command, once the one before has ended; end that one first."""
        if not self._pending or self._newest is None:
            return
        if self._busy:
            if not self._stop_sent:
                self._stop_sent = self._send(call="stop")
            return
        self._pending, self._stop_sent, self._failure = False, False, ""
        self._busy = self._send(move=self._newest)
        self._since_s = self._now_s()
        way_m = self._width_max_m if self._reading is None else abs(self._newest.width_m - self._reading.width_m)
        self._due_s = self._since_s + way_m / self._newest.speed_m_s + LATE_S

    def _send(self, **request: Any) -> bool:
        """Write one line; at most a few wait at a time, so that the pipe never fills."""
        try:
            assert self._process is not None and self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError, AssertionError):  # it has ended: the supervisor starts another
            return False
        return True

    # Faults

    def _judge(self) -> str:
        """Return the fault; empty while the gripper does what it is commanded."""
        now_s, reading = self._now_s(), self._reading
        if math.isnan(self._width_max_m):
            return self._fault or CONNECTING
        if reading is not None and self._arrived(reading):
            self._due_s, self._failure = math.inf, ""
        elif now_s > self._due_s and self._newest is not None and not self._failure:
            self._failure = self._stuck(reading)
        if reading is not None and reading.fault:
            return reading.fault
        silent = now_s - max(self._stamp_s, self._since_s) > SILENT_S and not self._busy
        return self._failure or (f"no reading for more than {SILENT_S:g} s" if silent else "")

    def _arrived(self, reading: GripperReading) -> bool:
        if self._newest is None or self._busy or self._pending or reading.moving or self._stamp_s < self._ended_s:
            return False
        return reading.object_detected or abs(reading.width_m - self._newest.width_m) <= REACHED_M

    def _stuck(self, reading: GripperReading | None) -> str:
        assert self._newest is not None
        where = "no reading" if reading is None else f"{reading.width_m:.3f} m"
        return (
            f"stuck: got {where} {self._now_s() - self._since_s:.1f} s after the command, expected "
            f"{self._newest.width_m:.3f} m or an object; free the fingers."
        )

    # Process

    def _supervise(self) -> None:
        command = [sys.executable, "-m", "controllers.drivers.grippers.worker", json.dumps(asdict(self._spec))]
        while not self._closed.is_set():
            pipe = subprocess.PIPE
            with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
                with self._lock:
                    self._process = process
                for line in process.stdout:  # type: ignore[union-attr]
                    with self._lock:
                        self._take(json.loads(line))
                with self._lock, contextlib.suppress(OSError):
                    self._lost(process)
            self._closed.wait(RESTART_S)

    def _take(self, message: dict[str, Any]) -> None:
        if "reading" in message:
            self._reading, self._stamp_s = GripperReading(*message["reading"]), message["stamp_s"]
        elif "width_max_m" in message:
            self._width_max_m, self._fault, self._since_s = message["width_max_m"], "", self._now_s()
        elif "done" in message:
            self._failure, self._busy = "" if self._stop_sent else message["done"], False
            self._ended_s = message["stamp_s"]
            self._advance()
        else:
            self._fault = message["fault"]

    def _lost(self, process: subprocess.Popen[str]) -> None:
        connected, reason = not math.isnan(self._width_max_m), self._fault
        self._forget()
        code = process.wait()
        self._fault = reason or f"its driver's process ended with code {code}" * connected
        process.stdin.close()  # type: ignore[union-attr]
