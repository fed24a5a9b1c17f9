"""The cloning term's weight over the updates."""

import pytest

from robot_rl.agents.config import AgentConfig, Decay
from robot_rl.agents.update_inputs import bc_weight
from robot_rl.core.errors import ConfigError


@pytest.mark.parametrize(("decay", "weights"), [("linear", (8.0, 5.0, 2.0, 2.0)), ("geometric", (8.0, 4.0, 2.0, 2.0))])
def test_it_falls_from_the_first_to_the_final_one_and_stays(decay: Decay, weights: tuple[float, ...]) -> None:
    config = AgentConfig(bc_weight=8.0, bc_weight_final=2.0, bc_decay_updates=100, bc_decay=decay)
    assert [bc_weight(step, config) for step in (0, 50, 100, 1000)] == pytest.approx(weights)


def test_a_weight_of_zero_stays_zero_and_none_falls_to_zero_by_a_factor() -> None:
    assert bc_weight(50, AgentConfig(bc_decay="geometric")) == 0.0
    with pytest.raises(ConfigError, match="expected a weight above 0"):
        AgentConfig(bc_weight=1.0, bc_weight_final=0.0, bc_decay="geometric")
