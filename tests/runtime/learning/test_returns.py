"""Returns are those of whole episodes, whatever comes between."""

import pytest

from robot_rl.core.records import Source
from robot_rl.runtime.learning.returns import Returns
from tests.runtime.learning.learner_builders import episodes


def test_returns_are_discounted_sums_of_what_followed() -> None:
    returns = Returns(0.5)
    assert returns.metrics() == {}
    for record, reward in zip(episodes(1, 3), (0.0, 1.0, 4.0), strict=True):
        object.__setattr__(record, "reward", reward)
        returns.add(record)
    # 4 at the end, 1 + 2 before it, 1.5 before that
    assert returns.metrics() == {
        "return_min": 1.5,
        "return_max": 4.0,
        "reward_max": 4.0,
        "return_mean": pytest.approx(8.5 / 3),
    }


def test_demonstrations_set_bounds_and_no_mean() -> None:
    returns = Returns(1.0)
    for record in episodes(2, 4, source=Source.DEMONSTRATION, reward=1.0):
        returns.add(record)
    assert returns.metrics() == {"return_min": 1.0, "return_max": 4.0, "reward_max": 1.0}


def test_an_episode_with_a_missing_step_does_not_count() -> None:
    returns, records = Returns(1.0), episodes(3, 4, reward=1.0)
    for record in (*records[:2], *records[3:4], *records[5:8], *records[8:]):
        returns.add(record)
    assert returns.metrics()["return_mean"] == 2.5 and returns.metrics()["return_max"] == 4.0
