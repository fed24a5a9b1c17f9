"""A cause found in a run, with its measurement and the next step."""

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """What a cause does to the run, the worst first."""

    BLOCKS = 0
    """Nothing can be learned."""
    HINDERS = 1
    """Learning is slower or ends lower than it could."""
    MISLEADS = 2
    """The run's numbers say something else than the policy's success."""


@dataclass(frozen=True)
class Finding:
    """One cause."""

    cause: str
    """Its name, for programs: lower case with dashes."""
    severity: Severity
    text: str
    """What was measured, in a sentence without a full stop."""
    value: float
    """The measurement."""
    bound: float
    """Threshold that it crosses."""
    advice: str
    """The next step."""
