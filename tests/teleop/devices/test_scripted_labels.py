"""Labels of a scripted operator: when, how often and how wrongly they come."""

import numpy as np
import pytest

from robot_rl.core.tasks import Outcome
from robot_rl.teleop.devices.scripted_config import LabelHabits
from robot_rl.teleop.devices.scripted_labels import ScriptedLabels

RUNNING, WON, LOST = Outcome(False, False), Outcome(True, False), Outcome(False, True)


def episode(labels: ScriptedLabels, outcomes: list[Outcome]) -> list[tuple[int, str]]:
    """Return (step, label) of each label in an episode in which the outcomes follow one another."""
    labels.reset()
    given: list[tuple[int, str]] = []
    for step in range(len(outcomes)):
        outcome[0] = outcomes[step]
        given += [(step, label) for label in labels.read()]
    return given


outcome = [RUNNING]


def scripted(habits: LabelHabits, seed: int = 0) -> ScriptedLabels:
    return ScriptedLabels(lambda: outcome[0], habits, np.random.default_rng(seed))


@pytest.mark.parametrize(("event", "label"), [(WON, "success"), (LOST, "failure")])
def test_label_comes_once_and_late_even_where_the_event_is_over(event: Outcome, label: str) -> None:
    labels = scripted(LabelHabits(probability=1.0, delay_steps=(3, 6)))
    for _ in range(50):
        ((step, given),) = episode(labels, [RUNNING] * 4 + [event] + [RUNNING] * 10)
        assert given == label and 4 + 3 <= step <= 4 + 6


def test_shares_of_wrong_and_missing_labels_are_those_of_the_habits() -> None:
    labels = scripted(LabelHabits(probability=0.7, wrong_probability=0.2, delay_steps=(1, 1)))
    given = [episode(labels, [WON, RUNNING]) for _ in range(3000)]
    assert np.mean([bool(one) for one in given]) == pytest.approx(0.7, abs=0.04)
    assert np.mean([one[0][1] == "failure" for one in given if one]) == pytest.approx(0.2, abs=0.04)


def test_nothing_happened_nothing_is_labelled() -> None:
    assert not episode(scripted(LabelHabits(probability=1.0)), [RUNNING] * 100)
