"""Labels of a scripted operator: success and failure as a person gives them, late, sometimes wrong, sometimes never."""

from collections.abc import Callable

import numpy as np

from robot_rl.core.tasks import Outcome
from robot_rl.teleop.devices.scripted_config import LabelHabits

OPPOSITE = {"success": "failure", "failure": "success"}


class ScriptedLabels:
    """The label buttons of a scripted operator; only it knows whether an episode is won or lost.

    Args:
        outcome: returns whether the episode is won or lost now; simulator only.
        rng: draws delays, wrong and missing labels.
    """

    def __init__(self, outcome: Callable[[], Outcome], habits: LabelHabits, rng: np.random.Generator) -> None:
        self._outcome, self._habits, self._rng = outcome, habits, rng
        self.reset()

    def reset(self) -> None:
        """Begin an episode without a label."""
        self._label = ""  # that will be given, or is left out
        self._delay = 0  # steps until it is given

    def read(self) -> tuple[str, ...]:
        """Return the labels given since the last call; one call a step, at most one label an episode."""
        if not self._label:
            self._notice()
            return ()
        self._delay -= 1
        return (self._label,) if self._delay == 0 else ()

    def _notice(self) -> None:
        success, failure = self._outcome()
        if not (success or failure):
            return
        event = "success" if success else "failure"
        self._label = OPPOSITE[event] if self._rng.random() < self._habits.wrong_probability else event
        given = self._rng.random() < self._habits.probability
        shortest, longest = self._habits.delay_steps
        self._delay = int(self._rng.integers(shortest, longest + 1)) if given else -1
