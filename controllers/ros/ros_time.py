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


class Stamps:
    """Carries stamps over.

    Args:
        ros_ns: now, on the clock of the messages' stamps [ns].
        monotonic_ns: now, on the loop's clock [ns].
    """

    def __init__(self, ros_ns: Callable[[], int], monotonic_ns: Callable[[], int]) -> None:
        self._ros_ns, self._monotonic_ns = ros_ns, monotonic_ns
        self._offset_ns = self._measure()
        self.jumps = 0

    def _measure(self) -> int:
        """How far the clocks are apart [ns]; of several readings the one that was interrupted least."""
        readings = [(self._monotonic_ns(), self._ros_ns(), self._monotonic_ns()) for _ in range(READINGS)]
        before, ros, after = min(readings, key=lambda reading: reading[2] - reading[0])
        return ros - (before + after) // 2

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
        """Look at both clocks; how far one jumped against the other since the last look, in words; empty: not."""
        offset_ns = self._measure()
        jump_s, self._offset_ns = (offset_ns - self._offset_ns) / NS_PER_S, offset_ns
        if abs(jump_s) <= JUMP_S:
            return ""
        self.jumps += 1
        return f"the clock of the stamps jumped by {jump_s:+.3f} s"
