"""The operator's labels: one rule each, for running episodes and for labels that arrive later."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Change of the labelled steps; None keeps the step's value."""

    reward: float | None = None
    terminated: bool | None = None
    success: bool | None = None
    retroactive: bool = False
    """Whether the label applies to its whole window instead of one step."""
    excluded: bool = False
    """Whether the steps are removed from the samples."""


SUCCESS_REWARD = 1.0
STAGE_REWARD = 0.25
LABEL_RULES = {
    "success": LabelRule(SUCCESS_REWARD, True, True),
    "failure": LabelRule(0.0, True, False, retroactive=True),
    "undo": LabelRule(retroactive=True, excluded=True),
    "stage": LabelRule(STAGE_REWARD),
}
"""Success pays on one step, since a window of successes would make states before it terminal. A stage pays once."""
LABELS = tuple(LABEL_RULES)
