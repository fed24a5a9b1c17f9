"""Rejection of commands: one exception, counted and reported by kind."""

from collections import Counter, deque
from enum import Enum


class RejectReason(Enum):
    """Kinds of rejections, as named in the diagnostics."""

    FRAME = "wrong frame"
    NOT_FINITE = "not finite"
    LENGTH = "wrong length"
    QUATERNION = "quaternion not of unit norm"
    JOINTS = "unknown or missing joints"
    LAYOUT = "layout without the label"
    STAMP_MISSING = "no stamp"
    STAMP_OLD = "too old"
    STAMP_AHEAD = "from the future"
    OUTSIDE = "outside the workspace"
    CLIPPED = "moved to the edge of the workspace"
    LIMIT = "refused by the gains"
    INACTIVE = "not enabled"
    BLOCKED = "held or stopped"
    OUTRANKED = "outranked"
    CONFLICT = "two command sources"


class CommandRejected(Exception):
    """A message that must not become a target; the text names the fault and the next step."""

    def __init__(self, kind: RejectReason, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class RejectCounter:
    """Counts of rejections by kind, and the last one's text."""

    RECENT = 4

    def __init__(self) -> None:
        self.counts: Counter[RejectReason] = Counter()
        self.last = ""
        self._recent: deque[RejectReason] = deque(maxlen=self.RECENT)

    def note(self, topic: str, refused: CommandRejected) -> bool:
        """Count a rejection; return True when its kind is new, so that bad messages do not flood a log."""
        self.last = f"{topic}: {refused}"
        self.counts[refused.kind] += 1
        news = refused.kind not in self._recent
        self._recent.append(refused.kind)
        return news
