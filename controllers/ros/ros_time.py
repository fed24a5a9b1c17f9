"""Conversion of ROS time stamps to the loop's monotonic clock, and detection of clock jumps.

A target's age decides whether the arm tracks it. The loop uses the monotonic clock, messages carry ROS time, so each
stamp is converted by its age at arrival: stamp_s = monotonic_now - (ros_now - stamp).
"""

from collections.abc import Callable

from controllers.clock import NS_PER_S
from controllers.ros.rejection import CommandRejected, RejectReason

AGE_MAX_S = 0.2  # the commands' lifespan: an older one is useless
AHEAD_MAX_S = 0.05  # two computers whose clocks are synchronised by NTP
JUMP_S = 0.1  # between two readings, of one clock against the other
READINGS = 5
STILL_S = 2.0  # without a change of ROS time, which only simulated time does
NO_CLOCK_TEXT = "nothing, expected time from a simulator; start it, or set use_sim_time to false."
STILL_TEXT = "the same time for seconds, expected it to run; is the simulator paused, or gone?"


class ClockBridge:
    """Stamps on the monotonic clock, with detection of jumps between the clocks; slow drift is tracked.

    Args:
        ros_ns: now, on the clock of the messages' stamps [ns].
        monotonic_ns: now, on the monotonic clock [ns].
        jump_max_s: largest drift between the clocks from one reading to the next.
    """

    def __init__(self, ros_ns: Callable[[], int], monotonic_ns: Callable[[], int], jump_max_s: float = JUMP_S) -> None:
        self._ros_ns, self._monotonic_ns, self._jump_max_ns = ros_ns, monotonic_ns, round(jump_max_s * NS_PER_S)
        self._offset_ns = self._measure()

    def monotonic(self, stamp_ns: int) -> int:
        """Return the monotonic time of a stamp [ns]."""
        return stamp_ns - self._offset_ns

    def jump_s(self) -> float:
        """Return the jump between the clocks since the last call [s], 0 without one."""
        before, self._offset_ns = self._offset_ns, self._measure()
        moved_ns = self._offset_ns - before
        return moved_ns / NS_PER_S if abs(moved_ns) > self._jump_max_ns else 0.0

    def _measure(self) -> int:
        """Return the clocks' offset [ns] from the reading with the shortest round trip; preemption biases others."""
        readings = [(self._monotonic_ns(), self._ros_ns(), self._monotonic_ns()) for _ in range(READINGS)]
        before, ros, after = min(readings, key=lambda reading: reading[2] - reading[0])
        return ros - (before + after) // 2


class Stamps(ClockBridge):
    """Stamps of commands on the control process's clock, refused where they are missing, too old or from the future."""

    jumps = 0
    _seen_ns, _moved_ns = -1, 0

    def monotonic_s(self, stamp_ns: int) -> float:
        """Return a stamp on the loop's clock [s], never ahead of it.

        Raises:
            CommandRejected: it is missing, too old or in the future.
        """
        if stamp_ns == 0:
            raise CommandRejected(
                RejectReason.STAMP_MISSING, "stamp: got 0, expected the time of sending; set header.stamp."
            )
        now_ns = self._monotonic_ns()  # read first: preemption then makes the stamp older, never fresher
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
        """Return a time of the loop as a ROS stamp [ns]; 0 where there is no ROS time yet."""
        return max(0, self._ros_ns() - (self._monotonic_ns() - round(monotonic_s * NS_PER_S)))

    def still(self) -> str:
        """Return the text of a ROS clock that has not moved since an earlier call; empty while it moves."""
        ros_ns, now_ns = self._ros_ns(), self._monotonic_ns()
        if ros_ns != self._seen_ns:
            self._seen_ns, self._moved_ns = ros_ns, now_ns
        still_s = (now_ns - self._moved_ns) / NS_PER_S
        return "" if still_s < STILL_S else f"/clock: got {STILL_TEXT if ros_ns else NO_CLOCK_TEXT}"

    def jumped(self) -> str:
        """Return the text of a clock jump since the last call; empty without one."""
        jump_s = self.jump_s()
        self.jumps += bool(jump_s)
        return f"the clock of the stamps jumped by {jump_s:+.3f} s" if jump_s else ""
