"""Time as an argument: the clock's protocol, for control process and learner alike."""

from typing import Protocol

NS_PER_S = 1_000_000_000


class Clock(Protocol):
    """Monotonic time. Its zero has no meaning; only differences do."""

    def now_ns(self) -> int:
        """Return the present moment [ns]."""

    def now_s(self) -> float:
        """Return the present moment [s]."""

    def sleep_until(self, deadline_ns: int) -> None:
        """Return at `deadline_ns` [ns], at once when it has passed."""
