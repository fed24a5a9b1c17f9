"""A run crosses from one backend to another: weights, checkpoints and updates."""

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.agents.backend import AgentBackend, make_backend
from robot_rl.agents.config import FRAMEWORKS
from robot_rl.agents.definition import AgentDefinition
from tests.agents.samples import random_batch, random_observation, small_agent

AGENT = small_agent()
OTHERS = {
    "iql": small_agent(objective="iql"),
    "categorical": small_agent(critic="categorical"),
    "conservative": small_agent(conservative_weight=0.5, conservative_updates=7),
    "best-of": small_agent(best_of=4),
}
UPDATES = 10


def backend(name: str, agent: AgentDefinition = AGENT) -> AgentBackend:
    pytest.importorskip(name)
    return make_backend(replace(agent, config=replace(agent.config, backend=name)), 0)


@pytest.mark.parametrize(("first", "second"), [FRAMEWORKS, FRAMEWORKS[::-1]])
@pytest.mark.parametrize(
    "agent", [AGENT, *(pytest.param(OTHERS[name], id=name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_a_checkpoint_of_one_backend_continues_in_the_other(first: str, second: str, agent: AgentDefinition) -> None:
    """Ten updates, five in each, end where ten in one do."""
    whole, start, end = (backend(name, agent).learner() for name in (first, first, second))
    for i in range(UPDATES):
        half = start if i < UPDATES // 2 else end
        if i == UPDATES // 2:
            end.load_state_dict(start.state_dict())
        metrics = [learner.update(random_batch(agent, seed=i)) for learner in (whole, half)]
        for name, value in metrics[0].items():
            assert metrics[1][name] == pytest.approx(value, rel=1e-3, abs=1e-4), name
    expected, got = whole.state_dict(), end.state_dict()
    for name, array in expected.items():
        np.testing.assert_allclose(got[name], array, atol=3e-4, err_msg=name)


@pytest.mark.parametrize("agent", [AGENT, OTHERS["best-of"]])
def test_policies_of_all_backends_act_alike_on_the_same_weights(agent: AgentDefinition) -> None:
    learner = backend(FRAMEWORKS[0], agent).learner()
    learner.update(random_batch(agent))
    policies = [backend(name, agent).policy() for name in FRAMEWORKS]
    for policy in policies:
        policy.load(learner.policy_parameters(), 1)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        obs = {name: value[0] for name, value in random_observation(agent, (1,), rng).items()}
        actions = [policy.act(obs, np.random.default_rng(seed), deterministic=seed % 2 == 0) for policy in policies]
        np.testing.assert_allclose(actions[1], actions[0], atol=1e-5)
