"""Control process of a node: start, supervision, end."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from controllers.host.mailbox import FOLDER, Client, HostState, Request
from controllers.ros.stops import STOP_AFTER_S, WatchedTime

START_LIMIT_S = 600.0  # the first start on a computer compiles the law: 20 s of an idle core
HOLD_LIMIT_S = 2.0  # time for the loop to let the arm hold itself; normally one cycle
NOTE_PERIOD_S = 5.0  # between two notes while the loop starts
STOP_LIMIT_S = 6.0  # the same while the driver is busy ending the stream
END_LIMIT_S = 10.0  # time for its process to end after that
BUSY_LIMIT_S = 30.0  # for one call of the driver; Franka's recovery was seen to take 16 s (franka_ros#317)
STATE_AGE_MAX_S = 1.5 * STOP_AFTER_S  # age of the state of a loop that hangs; libfranka waits 1 s, cable out or not


class HostFailed(Exception):
    """The loop's process did not start; the text holds its output."""


class HostProcess:
    """One loop in a separate process that ends with this one.

    Args:
        wanted: false ends the wait for the arm.
        waiting: called every few seconds of it, with a text.

    Raises:
        HostFailed: it ends before its arm is connected, or takes longer than START_LIMIT_S.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        mailbox: str,
        joints: int,
        wanted: Callable[[], bool] = lambda: True,
        waiting: Callable[[str], Any] = lambda text: None,
    ) -> None:
        command = [sys.executable, "-m", "controllers.host", *arguments]
        (FOLDER / f"robot-rl-{mailbox}").unlink(missing_ok=True)  # of a killed control process
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # not a pipe, which would fill without a reader
        self._process = subprocess.Popen(command, stderr=self._errors)
        self._mailbox = mailbox
        self._watched, self._silent_s, self._stamp_s = WatchedTime(), 0.0, 0.0
        self.pid = self._process.pid
        self.client = self._attach(mailbox, joints, wanted, waiting)

    def _attach(self, mailbox: str, joints: int, wanted: Callable[[], bool], waiting: Callable[[str], Any]) -> Client:
        """Wait until the arm is connected: the loop then publishes its first state."""
        start_s = time.monotonic()
        end_s, noted_s = start_s + START_LIMIT_S, start_s
        client: Client | None = None
        while wanted() and (now_s := time.monotonic()) < end_s:
            if now_s - noted_s > NOTE_PERIOD_S:
                noted_s = now_s
                waiting(f"waiting for the arm since {now_s - start_s:.0f} s: the loop compiles or connects")
            if self._process.poll() is not None:
                words = self._last_words()
                self._forget()
                raise HostFailed(words)
            if client is None and (FOLDER / f"robot-rl-{mailbox}").exists():
                client = _opened(mailbox, joints)
            if client is not None and client.state().stamp_s > 0.0:
                return client
            time.sleep(0.02)
        self.kill()
        if not wanted():
            raise HostFailed("loop: stopped before the arm was connected.")
        raise HostFailed(f"loop: got no arm within {START_LIMIT_S} s, expected it connected; check the arm.")

    def _last_words(self) -> str:
        words = self.errors().splitlines()
        return words[-1] if words else f"loop: got exit code {self._process.returncode} at the start, expected an arm."

    def errors(self) -> str:
        """Return what the process wrote to its standard error; the last 20 kB."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 20_000))
        return self._errors.read().decode(errors="replace").strip()

    def trouble(self, state: HostState, now_s: float) -> str:
        """Return the loop's fault at a time [s]; empty while it runs, or waits for its driver.

        Silence is summed up between calls, of which a gap counts as 0.04 s at most: call it in every cycle.
        """
        elapsed_s = self._watched.elapsed_s(now_s)
        self._silent_s = self._silent_s + elapsed_s if state.stamp_s == self._stamp_s else 0.0
        self._stamp_s = state.stamp_s
        if (code := self._process.poll()) is not None:
            cause = last_words(self.errors())
            return f"the loop's process has ended (exit code {code}{cause}): the arm's own watchdog holds it"
        if state.busy:
            busy_s = now_s - state.values.busy_since_s
            late = f"{state.busy}: for {busy_s:.0f} s, expected at most {BUSY_LIMIT_S:.0f} s; check the arm"
            return late if busy_s > BUSY_LIMIT_S else ""
        if self._silent_s > STATE_AGE_MAX_S:
            return f"the loop has published nothing for {STATE_AGE_MAX_S:g} s: its process hangs, or its arm is silent"
        return ""

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def end(self) -> bool:
        """Let the arm hold itself, then end the process; return whether the loop confirmed that the arm holds."""
        self.client.ask(Request.QUIT)
        start_s = time.monotonic()
        while not (holds := self._holds()) and self._process.poll() is None:
            if time.monotonic() - start_s > (STOP_LIMIT_S if self.client.state().busy else HOLD_LIMIT_S):
                break
            time.sleep(0.002)
        try:
            self._process.wait(END_LIMIT_S if holds else 0.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._forget()
        return self._holds()

    def _holds(self) -> bool:
        return bool(self.client.state().values["ended"][0])

    def kill(self) -> None:
        """Kill the process; the arm's own watchdog holds the arm."""
        self._process.kill()
        self._process.wait()
        self._forget()

    def _forget(self) -> None:
        self._errors.close()
        (FOLDER / f"robot-rl-{self._mailbox}").unlink(missing_ok=True)  # of a killed control process


def last_words(errors: str) -> str:
    """Return the cause of a process's end from its errors, with a leading comma; empty without any.

    A traceback ends with its exception; a C++ library's last lines are `terminate called ...` and `what(): ...`.
    """
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    start = next((i for i, line in enumerate(lines) if line.startswith("terminate called")), len(lines) - 1)
    return "".join(f", {line}" for line in lines[start : start + 2] if lines)


def _opened(mailbox: str, joints: int) -> Client | None:
    """Return the client that moves the arm, or None while the control process is creating its memory."""
    try:
        client = Client(mailbox, joints)
        client.claim()
        return client
    except ValueError:
        return None
