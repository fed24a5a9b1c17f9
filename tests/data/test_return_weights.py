"""Return-weighted samples: exact in distribution, whatever became of the episodes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from robot_rl.build import make_replay
from robot_rl.core.errors import ConfigError
from robot_rl.core.records import Source, StepRecord
from robot_rl.data.batch import Horizon
from robot_rl.data.intervention_penalty import InterventionPenalty
from robot_rl.data.replay import Replay
from robot_rl.presets import preset
from robot_rl.runtime.learning.learner import LearnerConfig, Weighting
from tests.data.builders import SCHEMA
from tests.data.test_replay import episode, filled, label

DRAWS, SEEDS = 25_000, 8
CHI_SQUARE_SIGMAS = 4.0
DEMO: dict[str, Any] = {"actor": "demo", "source": Source.DEMONSTRATION}
TEMPERATURE = 0.4


def paying(length: int, first_uid: int, value: float, **fields: Any) -> list[StepRecord]:
    """Return an episode whose rewards sum to a value."""
    return [replace(step, reward=value / length) for step in episode(length, first_uid, **fields)]


def weights(returns: dict[int, float], temperature: float = TEMPERATURE) -> dict[int, float]:
    """Return the probability of each frame, given its episode's return: the definition."""
    low, high = min(returns.values()), max(returns.values())
    raw = {uid: np.exp((value - low) / (high - low) / temperature) for uid, value in returns.items()}
    return {uid: float(value / sum(raw.values())) for uid, value in raw.items()}


def drawn(replay: Replay, demo_fraction: float = 1.0, prior_fraction: float = 0.0) -> list[np.ndarray]:
    """Return the frames of many samples, of each seed."""
    found = []
    for seed in range(SEEDS):
        replay.set_rng_state(dict(np.random.default_rng(seed).bit_generator.state))
        batch = replay.sample(DRAWS, 1, demo_fraction, prior_fraction=prior_fraction)
        found.append(batch.obs["state"][0, :, 0].astype(int))
    return found


def of_prior(replay: Replay) -> list[np.ndarray]:
    return drawn(replay, 0.0, 1.0)


def assert_distributed(found: list[np.ndarray], expected: dict[int, float]) -> None:
    """Check by chi-square over all seeds: its mean is the number of degrees of freedom, its variance twice that."""
    statistic, freedom, mean = 0.0, len(found) * (len(expected) - 1), DRAWS * np.array(list(expected.values()))
    for uids in found:
        assert set(uids.tolist()) <= set(expected)
        counts = np.array([(uids == uid).sum() for uid in expected])
        statistic += float(((counts - mean) ** 2 / mean).sum())
    assert abs(statistic - freedom) < CHI_SQUARE_SIGMAS * np.sqrt(2 * freedom)


def returns_of(*episodes: tuple[int, int, float]) -> dict[int, float]:
    return {uid: value for first, length, value in episodes for uid in range(first, first + length)}


def test_a_step_is_drawn_by_its_episodes_return_and_an_equal_one_for_all_without_weights() -> None:
    sets = [(0, 5, 0.0), (10, 3, 0.5), (20, 8, 1.0)]
    made = [paying(length, first, value, episode=first, **DEMO) for first, length, value in sets]
    assert_distributed(drawn(filled(*made, return_temperature=TEMPERATURE)), weights(returns_of(*sets)))
    assert_distributed(drawn(filled(*made)), dict.fromkeys(returns_of(*sets), 1 / 16))


def test_an_earlier_run_is_weighted_among_its_own_episodes_and_online_steps_are_uniform() -> None:
    sets, online = [(0, 5, -3.0), (10, 3, 1.0)], episode(4, 50, actor="a1")
    made = [paying(length, first, value, episode=first, source=Source.PRIOR) for first, length, value in sets]
    replay = filled(*made, online, paying(4, 80, 9.0, **DEMO), prior_capacity=100, return_temperature=TEMPERATURE)
    assert_distributed(of_prior(replay), weights(returns_of(*sets)))
    assert_distributed(drawn(replay, 0.0), dict.fromkeys(range(50, 54), 0.25))


def test_equal_returns_are_uniform() -> None:
    made = [paying(10, 0, 0.3, episode=0, **DEMO), paying(3, 10, 0.3, episode=1, **DEMO)]
    returns = {sum(step.reward for step in steps) for steps in made}
    assert len(returns) == 2  # by rounding
    assert_distributed(drawn(filled(*made, return_temperature=0.01)), dict.fromkeys(range(13), 1 / 13))


def test_a_label_that_comes_later_changes_the_weight_of_its_whole_episode() -> None:
    made = [paying(4, 0, 0.0, source=Source.PRIOR), paying(4, 10, 1.0, episode=1, source=Source.PRIOR)]
    replay = filled(*made, prior_capacity=100, return_temperature=TEMPERATURE)
    of_prior(replay)
    replay.relabel(label("success", step=2))  # pays 1, and step 3 came after the end
    assert_distributed(of_prior(replay), dict.fromkeys([0, 1, 2, 10, 11, 12, 13], 1 / 7))
    replay.relabel(label("failure", step=1, window_steps=2))
    assert_distributed(of_prior(replay), weights(returns_of((0, 2, 0.0), (10, 4, 1.0))))


def test_what_left_the_memory_still_counts_for_the_return() -> None:
    first = [replace(step, reward=float(step.step == 0)) for step in episode(6, 0, **DEMO)]
    second = paying(4, 10, 0.0, episode=1, **DEMO)
    replay = filled(first, second, demonstration_capacity=10, return_temperature=TEMPERATURE)
    assert_distributed(drawn(replay), weights(returns_of((2, 4, 1.0), (10, 4, 0.0))))


def test_penalties_of_interventions_are_part_of_the_return_and_imitated_steps_are_weighted() -> None:
    sources = [Source.PRIOR, Source.PRIOR, Source.PRIOR_HUMAN]
    steps = [replace(s, source=source, reward=0.5) for s, source in zip(episode(3), sources, strict=True)]
    other = paying(2, 10, 1.0, episode=1, source=Source.PRIOR)
    replay = filled(
        steps, other, prior_capacity=100, return_temperature=TEMPERATURE, penalty=InterventionPenalty(0.5, 1)
    )
    assert_distributed(of_prior(replay), dict.fromkeys([0, 1, 2, 10, 11], 0.2))


def test_an_intervention_joins_the_demonstrations_with_its_episodes_return() -> None:
    human = [replace(step, source=Source.HUMAN, success=step.last) for step in paying(3, 10, 0.5)]
    sets = [(0, 4, 0.0), (20, 4, 1.0)]
    made = [paying(length, first, value, episode=first, **DEMO) for first, length, value in sets]
    replay = filled(*made, return_temperature=TEMPERATURE)
    drawn(replay)
    for step in human:
        replay.append(step)
    assert_distributed(drawn(replay), weights(returns_of(*sets, (10, 3, 0.5))))


def test_the_same_state_draws_the_same_samples_in_a_replay_that_was_read_again() -> None:
    made = [paying(5, first, value, episode=first, **DEMO) for first, value in ((0, 0.1), (10, 0.7), (20, 0.3))]
    replays = [filled(*made, return_temperature=TEMPERATURE) for _ in range(2)]
    replays[0].sample(16, 4)  # weights are made, and numbers drawn
    replays[1].set_rng_state(replays[0].rng_state())
    first, second = (replay.sample(64, 4, horizon=Horizon(2)) for replay in replays)
    assert np.array_equal(first.obs["state"], second.obs["state"]) and np.array_equal(first.reward, second.reward)


@pytest.mark.parametrize(("weighting", "frames"), [("uniform", {0, 1, 10, 11}), ("returns", {10, 11})])
def test_setting_reaches_the_replay_of_a_run(weighting: Weighting, frames: set[int]) -> None:
    config = preset("pick-lift-blind")
    learner = replace(config.learner, prior_weighting=weighting, prior_temperature=0.01)
    replay = make_replay(SCHEMA, replace(config, learner=learner, replay_capacity=100))
    for step in [*paying(2, 0, 0.0, **DEMO), *paying(2, 10, 1.0, episode=1, **DEMO)]:
        replay.append(step)
    assert set(drawn(replay)[0].tolist()) == frames


def test_settings_are_checked() -> None:
    assert LearnerConfig().prior_weighting == "uniform"
    with pytest.raises(ConfigError, match="prior_temperature"):
        LearnerConfig(prior_temperature=0.0)
    with pytest.raises(ConfigError, match="prior_weighting"):
        LearnerConfig(prior_weighting="return")  # type: ignore[arg-type]
