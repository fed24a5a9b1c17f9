"""Inbox: the newest message of one topic, read and checked, with its times."""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from controllers.ros import from_ros
from controllers.ros.graph import Topic
from controllers.ros.rejection import CommandRejected
from controllers.ros.ros_time import ClockBridge
from controllers.ros.warning_log import WarningLog
from controllers.ros.wire import Wire
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import BadMessageError

T = TypeVar("T")
FUTURE_MAX_S = 0.02  # conversions between clocks are not exact; further ahead, a stamp is of another clock


class Sample(NamedTuple, Generic[T]):
    """Value of a message and its stamp on the monotonic clock [ns].

    The stamp is converted once, on arrival, so that later changes of the clocks do not affect it.
    """

    value: T
    stamp_ns: int


class Inbox(Generic[T]):
    """Subscriber of one topic. `read` converts a message to a value or raises; refusals are counted.

    Without a `source` the messages carry no stamps: their age counts from arrival.
    """

    def __init__(
        self,
        wire: Wire,
        topic: Topic,
        read: Callable[[Any], T],
        clock: Clock,
        problems: WarningLog,
        source: ClockBridge | None = None,
    ) -> None:
        self.topic = topic
        self.newest: Sample[T] | None = None
        self.refusal = ""
        self._read, self._clock, self._problems, self._source = read, clock, problems, source
        wire.subscribe(topic, self._on_message)

    def _on_message(self, message: Any) -> None:
        try:
            value = self._read(message)
        except (BadMessageError, CommandRejected) as error:
            self.refusal = str(error)
            self._problems.note(f"{self.topic.name}: {error}", kind=f"{self.topic.name}: {self.refusal.split(':')[0]}")
            return
        stamp_ns = self._source.monotonic(from_ros.stamp_ns(message)) if self._source else self._clock.now_ns()
        self.newest, self.refusal = Sample(value, stamp_ns), ""

    def age_s(self) -> float:
        """Age of the newest value [s], by its stamp; infinite without one."""
        newest = self.newest
        return float("inf") if newest is None else (self._clock.now_ns() - newest.stamp_ns) / NS_PER_S

    def fault(self, age_max_s: float) -> str:
        """Why the newest value must not be used; else empty."""
        age_s, name = self.age_s(), self.topic.name
        if -FUTURE_MAX_S <= age_s <= age_max_s:
            return ""
        if self.newest is None:
            return f"{name}: got nothing usable, expected a sample every {age_max_s} s{self._why()}"
        what = f"a sample {age_s:.3f} s old" if age_s > 0 else f"a stamp {-age_s:.3f} s in the future"
        return f"{name}: got {what}, expected at most {age_max_s} s{self._why()}"

    def _why(self) -> str:
        return f"; the last message was refused ({self.refusal.rstrip('.')})." if self.refusal else "."
