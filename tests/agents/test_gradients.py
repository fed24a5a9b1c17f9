"""Health of the networks is read from a learner's state, of all backends alike."""

import numpy as np
import pytest

from robot_rl.agents.backend import make_backend
from robot_rl.agents.config import FRAMEWORKS
from robot_rl.agents.gradients import network_health
from tests.agents.samples import random_batch, small_agent


def state(unit_scale: np.ndarray) -> dict[str, np.ndarray]:
    """State of one hidden layer (3, 8) whose units had gradients of this size for 50 updates."""
    squares = (1.0 - 0.999**50) * np.broadcast_to(unit_scale**2, (3, 8))
    return {
        "params/actor/dense0/kernel": np.ones((3, 8), np.float32),
        "adam_nu/actor/dense0/kernel": squares,
        "adam_nu/actor/dense0/norm_scale": np.zeros(8),
        "adam_count/actor": np.array(50),
    }


def test_gradient_norm_is_that_of_the_updates_and_units_without_gradient_are_dormant() -> None:
    health = network_health(state(np.array([1.0] * 6 + [0.01, 0.0])))
    assert health["gradient_norm_actor"] == pytest.approx(np.sqrt(3 * 6), rel=1e-3)
    assert health["dormant_actor"] == 2 / 8 and health["parameter_norm_actor"] == pytest.approx(np.sqrt(24))
    assert network_health(state(np.ones(8)))["dormant_actor"] == 0.0


def test_a_layer_that_is_not_trained_has_no_dormant_units() -> None:
    trained, idle = state(np.ones(8)), np.zeros((3, 4))
    layer = {"adam_nu/actor/dense1/kernel": idle, "adam_nu/actor/dense1/norm_scale": np.zeros(4)}
    assert network_health(trained | layer)["dormant_actor"] == 0.0
    assert "dormant_actor" not in network_health(state(np.zeros(8)))


def test_state_without_moments_has_no_health() -> None:
    assert network_health({"w": np.ones(3)}) == {}


@pytest.mark.slow
def test_backends_agree_on_the_health_of_a_learner() -> None:
    healths = []
    for backend in FRAMEWORKS:
        pytest.importorskip(backend)
        definition = small_agent(backend=backend)
        learner = make_backend(definition, 0).learner()
        learner.update(random_batch(definition, updates=4))
        healths.append(network_health(learner.state_dict()))
    assert {name.rpartition("_")[2] for name in healths[0]} == {"critic", "discrete", "actor"}
    assert healths[0] == pytest.approx(healths[1], rel=1e-3)
