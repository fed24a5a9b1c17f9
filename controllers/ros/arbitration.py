"""Arbitration of command sources: emergency stop > human > policy, and never two at once.

Two sources of equal priority are neither averaged nor interleaved: the arm holds, and the diagnostics name both. Stops
are latched (`stops.py`); after they are cleared the arm still has to be enabled again.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum

from controllers.ros.rejection import CommandRejected, RejectReason
from controllers.ros.stops import HOLD_AFTER_S, Stops

WINDOW_S = 0.2  # time-out of a source after its last message: two periods of a slow policy
CONFLICT_S = 1.0  # time for which the arm holds after a conflict of sources


class CommandPriority(IntEnum):
    """Command sources, lowest priority first."""

    IDLE = 0
    POLICY = 1
    HUMAN = 2
    ESTOP = 3


class Arbiter:
    """Arbiter of commands. Times are on one monotonic clock [s]."""

    def __init__(self) -> None:
        self.stops = Stops()
        self._charge = CommandPriority.IDLE
        self.source = ""
        """The commanding topic, if any."""
        self.handovers = 0
        self._blocks: dict[str, str] = {}
        self._heard_s: dict[str, tuple[CommandPriority, float]] = {}
        self._crowded: dict[str, tuple[str, ...]] = {}
        self._conflict, self._conflict_s = "", float("-inf")
        self._grip_until_s = float("-inf")  # a human's commands are refused until they pause: the dead-man is released

    @property
    def estopped(self) -> bool:
        """Whether a stop is latched."""
        return bool(self.stops.latched)

    @property
    def charge(self) -> CommandPriority:
        """Whose commands move the arm."""
        return CommandPriority.ESTOP if self.estopped else self._charge

    def forget(self, rank: CommandPriority) -> None:
        """Leave the sources of a priority out of account, as if they had been silent."""
        self._heard_s = {topic: heard for topic, heard in self._heard_s.items() if heard[0] != rank}

    def block(self, name: str, text: str) -> None:
        """Hold for a named reason; an empty text removes it."""
        self._blocks.pop(name, None)
        if text:
            self._blocks[name] = text

    def see_publishers(self, publishers: Mapping[str, Sequence[str]], now_s: float) -> None:
        """Update the publishers of each command topic; more than one on a topic is a conflict."""
        self._crowded = {topic: tuple(names) for topic, names in publishers.items() if len(names) > 1}
        for topic, names in self._crowded.items():
            self._note_conflict(f"{topic} has {len(names)} publishers: {', '.join(sorted(names))}", now_s)

    def offer(self, topic: str, rank: CommandPriority, now_s: float) -> bool:
        """Admit a motion command; return whether control authority changes with it.

        Raises:
            CommandRejected: it must not pass.
        """
        self._heard_s[topic] = rank, now_s
        others = [other for other, (its, at_s) in self._heard_s.items() if its == rank and now_s - at_s <= WINDOW_S]
        if len(others) > 1:
            self._note_conflict(f"{' and '.join(sorted(others))} command at once", now_s)
        self.check(rank, now_s)
        handed_over = topic != self.source
        self.handovers += handed_over and self.source != ""
        self._charge, self.source = rank, topic
        return handed_over

    def check(self, rank: CommandPriority, now_s: float) -> None:
        """Check that a command of this priority may pass now.

        Raises:
            CommandRejected: it must not pass.
        """
        if self.held(now_s):
            kind = RejectReason.CONFLICT if self.conflict(now_s) and not self.estopped else RejectReason.BLOCKED
            raise CommandRejected(kind, self.held(now_s))
        if rank == CommandPriority.HUMAN and now_s < self._grip_until_s:
            self._grip_until_s = now_s + WINDOW_S
            raise CommandRejected(
                RejectReason.BLOCKED, "a report was late while the dead-man was held; release it first."
            )
        highest = self._highest(now_s)
        if rank < highest:
            raise CommandRejected(
                RejectReason.OUTRANKED, f"a {highest.name.lower()} commands the arm; wait until it ends."
            )

    def look(self, now_s: float) -> None:
        """Detect that the commanding source, or one that may stop the arm, is silent."""
        self.stops.watch(now_s)
        gripped = self._charge == CommandPriority.HUMAN or now_s < self._grip_until_s
        if gripped and self.stops.silent() and not self.estopped:
            self._grip_until_s = now_s + WINDOW_S
        if self.estopped or self._highest(now_s) == CommandPriority.IDLE:
            self._charge, self.source = CommandPriority.IDLE, ""

    def conflict(self, now_s: float) -> str:
        """The conflicting sources; empty without a conflict."""
        return self._conflict if self._crowded or now_s - self._conflict_s <= CONFLICT_S else ""

    def held(self, now_s: float) -> str:
        """Why no command passes; else empty."""
        if self.estopped:
            return f"emergency stop ({self.stops.text()}): release it there, call ~/recover, then ~/enable"
        if silent := self.stops.silent():
            return f"{silent}: no report for more than {HOLD_AFTER_S} s"
        conflict = self.conflict(now_s)
        return (
            f"two command sources: {conflict}; end one of them" if conflict else next(iter(self._blocks.values()), "")
        )

    def _note_conflict(self, text: str, now_s: float) -> None:
        self._conflict, self._conflict_s = text, now_s

    def _highest(self, now_s: float) -> CommandPriority:
        ranks = [rank for rank, at_s in self._heard_s.values() if now_s - at_s <= WINDOW_S]
        return max(ranks, default=CommandPriority.IDLE)
