"""Coverage and quality of data sets: SACo and TQ of sets whose pairs and returns are known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError
from robot_rl.data.formats import Episode
from robot_rl.runtime.runs.coverage import Bins, Gathered, coverage, quality
from tests.data.builders import step_record

BINS = Bins(0.02, 0.2, 0.5, 0.5)


def episode(positions_m: list[float], actions: list[float], reward: float = 0.0, velocity: float = 0.0) -> Episode:
    """Return steps of an arm with a gripper, whose tool is at x = positions_m and whose action along x is given."""
    steps = []
    for row, (x, action) in enumerate(zip(positions_m, actions, strict=True)):
        state = np.zeros(25, np.float32)
        state[0], state[6] = x / 0.1, velocity
        last = row == len(positions_m) - 1
        end = {"next_obs": {"state": state}, "truncated": True, "reward": reward} if last else {"reward": 0.0}
        moved = np.array([action, 0, 0, 0, 0, 0, 0], np.float32)
        none = np.full(7, np.nan, np.float32)
        arrays = {"obs": {"state": state}, "action": moved, "policy_action": none, "human_action": none}
        steps.append(step_record(row, step=row, **arrays, **end))
    return Episode(steps, {})


def gathered(*episodes: Episode) -> Gathered:
    found = Gathered()
    for each in episodes:
        found.add(each)
    return found


def test_pairs_that_share_pose_bin_and_action_bin_count_once() -> None:
    found = gathered(episode([0.0, 0.004, 0.02, 0.02], [0.0, 0.1, 0.0, 1.0]))
    measured = coverage(found, BINS)
    assert (measured.pairs, measured.steps) == (3, 4)
    assert measured.saco is None and measured.shared is None


def test_velocities_and_forces_are_no_part_of_the_pose() -> None:
    found = gathered(episode([0.0], [0.0]), episode([0.0], [0.0], velocity=3.0))
    assert coverage(found, BINS).pairs == 1


def test_saco_is_the_ratio_of_unique_pairs_and_shared_the_part_of_the_reference() -> None:
    few = gathered(episode([0.0, 0.0, 0.1], [0.0, 0.0, 0.0]))
    many = gathered(episode([0.0, 0.1, 0.2, 0.3], [0.0, 1.0, 1.0, 1.0]))
    measured = coverage(few, BINS, many)
    assert (measured.pairs, measured.reference_pairs, measured.reference_steps) == (2, 4, 4)
    assert measured.saco == 0.5 and measured.shared == 0.25


@given(st.lists(st.tuples(st.floats(-0.3, 0.3), st.floats(-1, 1)), min_size=1, max_size=30))
def test_coverage_is_that_of_a_set_whatever_the_order_and_the_number_of_copies(pairs) -> None:
    once = gathered(episode(*map(list, zip(*pairs, strict=True))))
    twice = gathered(*(episode([x], [action]) for x, action in [*reversed(pairs), *pairs]))
    measured = coverage(twice, BINS, once)
    assert measured.saco == measured.shared == 1.0 and measured.pairs <= len(pairs)


def test_narrower_bins_find_more_pairs() -> None:
    found = gathered(episode([0.0, 0.004], [0.0, 0.1]))
    assert coverage(found, Bins(0.002, 0.2, 0.5, 0.05)).pairs == 2


def test_other_states_are_taken_in_tenths_of_their_range_over_both_sets() -> None:
    def simple(*values: float) -> Episode:
        steps = [
            step_record(row, step=row, obs={"joints": np.array([v, 5.0], np.float32)}, action=np.zeros(2, np.float32))
            for row, v in enumerate(values)
        ]
        end = {"joints": np.zeros(2, np.float32)}
        return Episode([*steps[:-1], replace(steps[-1], truncated=True, next_obs=end)], {})

    narrow, wide = gathered(simple(0.0, 0.05, 0.9)), gathered(simple(0.0, 0.5, 1.0))
    assert coverage(narrow, BINS).pairs == 2
    assert coverage(narrow, BINS, wide).saco == pytest.approx(2 / 3)
    assert coverage(gathered(simple(0.0, 0.05)), BINS, gathered(simple(0.0, 10.0))).pairs == 1


def test_steps_without_action_do_not_count() -> None:
    silent = episode([0.0, 0.1], [np.nan, 0.0])
    assert coverage(gathered(silent), BINS).steps == 1
    with pytest.raises(ConfigError, match="coverage: got no step with a finite action"):
        coverage(gathered(episode([0.0], [np.nan])), BINS)


def test_sets_of_different_states_are_refused() -> None:
    steps = [step_record(0, closing_uid=1, truncated=True)]
    with pytest.raises(ConfigError, match="coverage: got"):
        coverage(gathered(episode([0.0], [0.0])), BINS, gathered(Episode(steps, {})))
    found = gathered(episode([0.0], [0.0]))
    with pytest.raises(ConfigError, match="episode 1: got"):
        found.add(Episode(steps, {}))


def test_quality_is_the_place_of_the_mean_return_between_random_and_expert() -> None:
    found = gathered(*(episode([0.0], [0.0], reward) for reward in (0.0, 1.0, 1.0, 1.0)))
    measured = quality(found)
    assert (measured.mean, measured.random, measured.expert, measured.tq) == (0.75, 0.0, 1.0, 0.75)
    assert quality(found, random=0.5).tq == 0.5 and quality(found, expert=2.0).tq == 0.375
    assert quality(found, random=1.0, expert=1.0).tq is None
