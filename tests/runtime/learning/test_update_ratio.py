"""Updates follow the data: never ahead of the ratio, never on while no data comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.learning.update_ratio import UpdateRatioConfig, updates_allowed

configs = st.builds(
    UpdateRatioConfig,
    updates_per_transition=st.floats(0, 20),
    learning_starts=st.integers(0, 500),
    pretrain_updates=st.integers(0, 1000),
)
counts = st.integers(0, 10_000)


@given(configs, counts, counts)
def test_without_new_data_the_learner_comes_to_rest(
    config: UpdateRatioConfig, online: int, demonstrations: int
) -> None:
    made = updates_allowed(config, online, demonstrations, 0)
    assert updates_allowed(config, online, demonstrations, made) == 0
    assert made <= config.pretrain_updates + config.updates_per_transition * online


@given(configs, counts, counts, counts)
def test_more_data_never_means_fewer_updates(config: UpdateRatioConfig, online: int, more: int, made: int) -> None:
    assert updates_allowed(config, online + more, 1, made) >= updates_allowed(config, online, 1, made)


def test_without_any_data_nothing_is_learnt() -> None:
    assert updates_allowed(UpdateRatioConfig(learning_starts=0), 0, 0, 0) == 0


def test_demonstrations_alone_allow_the_pretraining_only() -> None:
    config = UpdateRatioConfig(2.0, learning_starts=100, pretrain_updates=500)
    assert updates_allowed(config, 99, 20, 0) == 500
    assert updates_allowed(config, 100, 20, 0) == 500 + 200


def test_a_negative_ratio_is_refused() -> None:
    with pytest.raises(ConfigError, match="updates_per_transition: got -1"):
        UpdateRatioConfig(updates_per_transition=-1)
