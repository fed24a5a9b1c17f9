"""Stamps of messages, in ROS time, on the monotonic clock of the loop; and clocks that jump.

A target's age decides whether the arm follows it. The loop knows the monotonic clock only, messages carry ROS time, so
each stamp is carried over by its age at arrival: stamp_s = monotonic_now - (ros_now - stamp).
"""

from __future__ import annotations

from collections.abc import Callable

from controllers.clock import NS_PER_S
from controllers.ros.rejection import CommandRejected, RejectReason

AGE_MAX_S = 0.2  # the commands' lifespan: an older one is worth nothing
AHEAD_MAX_S = 0.05  # two computers whose clocks are synchronised by NTP
JUMP_S = 0.1  # between two looks, of one clock against the other
READINGS = 5


class ClockBridge:
    """Stamps on the monotonic clock, and a watch for jumps of one clock against the other; a slow drift is followed.

    Args:
        ros_ns: now, on the clock of the messages' stamps [ns].
        monotonic_ns: now, on the monotonic clock [ns].
        jump_max_s: between two readings the clocks may move so far against each other.
    """

    def __init__(self, ros_ns: Callable[[], int], monotonic_ns: Callable[[], int], jump_max_s: float = JUMP_S) -> None:
        self._ros_ns, self._monotonic_ns, self._jump_max_ns = ros_ns, monotonic_ns, round(jump_max_s * NS_PER_S)
        self._offset_ns = self._measure()

    def monotonic(self, stamp_ns: int) -> int:
        """Return the moment of a stamp [ns]."""
        return stamp_ns - self._offset_ns

    def jump_s(self) -> float:
        """Return how far the clocks moved against each other since the last call [s], 0 when it is no jump."""
        before, self._offset_ns = self._offset_ns, self._measure()
        moved_ns = self._offset_ns - before
        return moved_ns / NS_PER_S if abs(moved_ns) > self._jump_max_ns else 0.0

    def _measure(self) -> int:
        """How far the clocks are apart [ns]; of several readings the one that was interrupted least."""
        readings = [(self._monotonic_ns(), self._ros_ns(), self._monotonic_ns()) for _ in range(READINGS)]
        before, ros, after = min(readings, key=lambda reading: reading[2] - reading[0])
        return ros - (before + after) // 2


class Stamps(ClockBridge):
    """Stamps of commands on the control process's clock, refused where they are missing, too old or from the future."""

    jumps = 0

    def monotonic_s(self, stamp_ns: int) -> float:
        """A stamp on the loop's clock [s], never ahead of it.

        Raises: CommandRejected, for one that is missing, too old or from the future.
        """
        if stamp_ns == 0:
            raise CommandRejected(
                RejectReason.STAMP_MISSING, "stamp: got 0, expected the time of sending; set header.stamp."
            )
        now_ns = self._monotonic_ns()  # first: an interruption in between makes the stamp older, never fresher
        age_s = (self._ros_ns() - stamp_ns) / NS_PER_S
        if age_s > AGE_MAX_S:
            raise CommandRejected(
                RejectReason.STAMP_OLD,
                f"stamp: got an age of {age_s:.3f} s, expected at most {AGE_MAX_S} s; compare the computers' clocks.",
            )
        if age_s < -AHEAD_MAX_S:
            raise CommandRejected(
                RejectReason.STAMP_AHEAD,
                f"stamp: got {-age_s:.3f} s ahead of this computer, expected at most {AHEAD_MAX_S} s; "
                "compare the computers' clocks.",
            )
        return now_ns / NS_PER_S - max(age_s, 0.0)

    def ros_ns(self, monotonic_s: float) -> int:
        """The other way: a moment of the loop as a stamp [ns]."""
        return self._ros_ns() - (self._monotonic_ns() - round(monotonic_s * NS_PER_S))

    def jumped(self) -> str:
        """Return how far one clock jumped against the other since the last call, in words; empty: not."""
        jump_s = self.jump_s()
        self.jumps += bool(jump_s)
        return f"the clock of the stamps jumped by {jump_s:+.3f} s" if jump_s else ""
