"""Seeds of different purposes never meet, whatever their numbers."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError
from robot_rl.core.seeds import EPISODE_BITS, Purpose, episode_seeds, generator

purposes = st.sampled_from(Purpose)
numbers = st.integers(0, 2**32 - 1)
places = st.tuples(numbers, st.integers(0, 64), numbers)


@given(purposes, purposes, places, places)
def test_episodes_of_different_purposes_are_disjoint(one: Purpose, other: Purpose, here: tuple, there: tuple) -> None:
    first, second = (set(islice(episode_seeds(*where), 50)) for where in ((one, *here), (other, *there)))
    assert one == other or not first & second
    assert all(0 <= seed < 2**31 and seed >> EPISODE_BITS == one for seed in first)


@given(st.tuples(purposes, *[st.integers(0, 5)] * 3), st.tuples(purposes, *[st.integers(0, 5)] * 3))
def test_generators_differ_in_any_of_their_numbers_and_repeat_with_the_same(one: tuple, other: tuple) -> None:
    draws = [generator(*where).integers(2**63, size=2) for where in (one, one, other)]
    assert np.array_equal(draws[0], draws[1])
    assert (one == other) == np.array_equal(draws[0], draws[2])


def test_training_evaluation_and_demonstrations_of_many_runs_never_share_an_episode() -> None:
    """The numbers that used to meet: `--actors 10`, `--seed 9000`, an evaluation with the run's own seed."""
    runs, actors = (0, 1, 7, 1000, 9000, 10_000), range(12)
    training = {s for run in runs for actor in actors for s in islice(episode_seeds(Purpose.TRAINING, run, actor), 200)}
    others = [
        {s for run in runs for s in islice(episode_seeds(purpose, run), 500)}
        for purpose in (Purpose.EVALUATION, Purpose.DEMONSTRATION)
    ]
    assert not training & others[0] and not training & others[1] and not others[0] & others[1]


@pytest.mark.parametrize("place", [(-1, 0, 0), (0, -1, 0), (0, 0, 2**32)])
def test_numbers_out_of_range_are_refused(place: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigError, match="expected 0 to 4294967295"):
        generator(Purpose.TRAINING, *place)
