"""A run crosses from one backend to another: weights, checkpoints and updates."""

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.agents.backend import AgentBackend, make_backend
from robot_rl.agents.config import FRAMEWORKS
from tests.agents.samples import random_batch, random_observation, small_agent

AGENT = small_agent()
UPDATES = 10


def backend(name: str) -> AgentBackend:
    pytest.importorskip(name)
    return make_backend(replace(AGENT, config=replace(AGENT.config, backend=name)), 0)


@pytest.mark.parametrize(("first", "second"), [FRAMEWORKS, FRAMEWORKS[::-1]])
def test_a_checkpoint_of_one_backend_continues_in_the_other(first: str, second: str) -> None:
    """Ten updates, five in each, end where ten in one do."""
    whole, start, end = backend(first).learner(), backend(first).learner(), backend(second).learner()
    for i in range(UPDATES):
        half = start if i < UPDATES // 2 else end
        if i == UPDATES // 2:
            end.load_state_dict(start.state_dict())
        metrics = [learner.update(random_batch(AGENT, seed=i)) for learner in (whole, half)]
        for name, value in metrics[0].items():
            assert metrics[1][name] == pytest.approx(value, rel=1e-3, abs=1e-4), name
    expected, got = whole.state_dict(), end.state_dict()
    for name, array in expected.items():
        np.testing.assert_allclose(got[name], array, atol=3e-4, err_msg=name)


def test_policies_of_all_backends_act_alike_on_the_same_weights() -> None:
    learner = backend(FRAMEWORKS[0]).learner()
    learner.update(random_batch(AGENT))
    policies = [backend(name).policy() for name in FRAMEWORKS]
    for policy in policies:
        policy.load(learner.policy_parameters(), 1)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        obs = {name: value[0] for name, value in random_observation(AGENT, (1,), rng).items()}
        actions = [policy.act(obs, np.random.default_rng(seed), deterministic=seed % 2 == 0) for policy in policies]
        np.testing.assert_allclose(actions[1], actions[0], atol=1e-5)
