"""Restart of processes that died: when, how often, and the reason in words."""

import os
import re
import signal
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from robot_rl.core import checks

TAIL_BYTES = 8192
RESTARTS_VARIABLE = "ROBOT_RL_RESTARTS"


@dataclass(frozen=True)
class RestartPolicy:
    """Bounds of restarts.

    Raises:
        ConfigError: a number that is out of its range.
    """

    deaths_max: int = 5
    """Deaths within the window that are followed by a restart."""
    window_s: float = 600.0
    first_s: float = 1.0
    """Time before the first restart [s]; it doubles with each further death within the window."""
    longest_s: float = 30.0

    @classmethod
    def inherited(cls) -> Self:
        """Return the policy of the supervisor that started this process; the default without one."""
        deaths_max, _, first_s = os.environ.get(RESTARTS_VARIABLE, "").partition(" ")
        return cls(int(deaths_max), first_s=float(first_s)) if first_s else cls()

    def bequeath(self) -> None:
        """Let the parts of a run treat processes of their own likewise."""
        os.environ[RESTARTS_VARIABLE] = f"{self.deaths_max} {self.first_s}"

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "deaths_max")
        checks.positive(self, "window_s", "first_s", "longest_s")


class Deaths:
    """Deaths of one process within the policy's window."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._moments_s: deque[float] = deque()

    def add(self, now_s: float) -> float | None:
        """Count a death; return the time until the restart [s], None where it was one too many."""
        policy = self._policy
        self._moments_s.append(now_s)
        while now_s - self._moments_s[0] > policy.window_s:
            self._moments_s.popleft()
        count = len(self._moments_s)
        if count > policy.deaths_max:
            return None
        return float(min(policy.longest_s, policy.first_s * 2.0 ** min(count - 1, 30)))

    def text(self) -> str:
        """Return which death this is, in words."""
        count, policy = len(self._moments_s), self._policy
        return f"death {count} within {policy.window_s / 60:g} minutes, {policy.deaths_max} at most"


def cause(code: int, log: Path | None) -> str:
    """Return in words how a process ended by itself: its signal, or its exit code and the last line of its log."""
    if code == -signal.SIGKILL:
        return "ended by SIGKILL (kill -9, or the system was out of memory)"  # its last line says nothing about it
    how = f"ended by {_signal_name(-code)}" if code < 0 else f"exit code {code}"
    words = "" if log is None else last_line(log)
    return f"{how}: {words}" if words else how


def last_line(log: Path) -> str:
    """Return the last line of a log that is not empty, without control characters."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return next((re.sub(r"[^\x20-\uffff]", " ", line.strip()) for line in reversed(lines) if line.strip()), "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
