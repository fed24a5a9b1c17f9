from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from robot_rl.agents.backend import Policy
from robot_rl.agents.policy_inputs import policy_noise
from robot_rl.core.errors import ConfigError, SchemaMismatchError
from tests.agents import oracle
from tests.agents.conftest import MakeBackend
from tests.agents.samples import LAYOUTS, random_observation, small_agent

AGENT = small_agent(discrete_exploration=0.3)


def weights(agent=AGENT) -> dict[str, np.ndarray]:
    params = agent.init(0)
    rng = np.random.default_rng(1)
    return {
        name: params[name] + 0.3 * rng.standard_normal(params[name].shape, np.float32) for name in agent.policy_names()
    }


def ready(backend: MakeBackend, agent=AGENT) -> Policy:
    policy = backend(agent).policy()
    policy.load(weights(agent), version=7)
    return policy


def observation(seed: int = 0) -> dict[str, np.ndarray]:
    return {name: value[0] for name, value in random_observation(AGENT, (1,), np.random.default_rng(seed)).items()}


def test_the_deterministic_action_is_that_of_the_oracle(backend: MakeBackend) -> None:
    policy, params = ready(backend), {name: np.float64(value) for name, value in weights().items()}
    for seed in range(5):
        obs = observation(seed)
        z = oracle.embed(params, {name: value[None] for name, value in obs.items()}, AGENT)
        action = policy.act(obs, np.random.default_rng(0), deterministic=True)
        np.testing.assert_allclose(action[:3], np.tanh(oracle.actor(params, z, AGENT)[0][0]), atol=1e-5)
        assert action[3] == oracle.discrete(params, "gripper", z, AGENT)[0].argmax() - 1
        assert action.dtype == np.float32 and action.shape == (4,)


def test_exploration_follows_the_given_generator(backend: MakeBackend) -> None:
    policy, obs = ready(backend), observation()
    actions = [policy.act(obs, np.random.default_rng(seed), deterministic=False) for seed in (1, 1, 2)]
    assert np.array_equal(actions[0], actions[1])
    assert not np.array_equal(actions[0], actions[2])


def test_exploring_actions_are_spread_as_the_policy_says(backend: MakeBackend) -> None:
    policy, obs, rng = ready(backend), observation(), np.random.default_rng(0)
    params = {name: np.float64(value) for name, value in weights().items()}
    mean, std = oracle.actor(params, oracle.embed(params, {k: v[None] for k, v in obs.items()}, AGENT), AGENT)
    actions = np.stack([policy.act(obs, rng, deterministic=False) for _ in range(400)])
    assert np.abs(actions).max() <= 1.0 and set(actions[:, 3]) == {-1.0, 0.0, 1.0}
    below = (actions[:, :3] < np.tanh(mean + std)).mean(0)  # one deviation above the mean: 84 %
    np.testing.assert_allclose(below, 0.841, atol=0.08)


@pytest.mark.parametrize("by", ["mean", "min"])
@pytest.mark.parametrize("deterministic", [True, False])
def test_of_several_actions_that_of_the_highest_value_acts(
    backend: MakeBackend, by: Literal["mean", "min"], deterministic: bool
) -> None:
    agent = small_agent(best_of=16, best_by=by)
    policy, params, ranks = ready(backend, agent), {name: np.float64(v) for name, v in weights(agent).items()}, set()
    for seed in range(8):
        obs = observation(seed)
        z = oracle.embed(params, {name: value[None] for name, value in obs.items()}, agent)
        mean, std = oracle.actor(params, z, agent)
        noise = np.float64(policy_noise(agent, np.random.default_rng(seed), deterministic)[:48].reshape(16, 3))
        assert noise[0].any() != deterministic and noise[1:].all()
        candidates = np.tanh(mean + std * noise)
        values = np.stack([oracle.critics(params, z, action[None], agent)[:, 0] for action in candidates])  # (N, E)
        best = (values.mean(1) if by == "mean" else values.min(1)).argmax()
        action = policy.act(obs, np.random.default_rng(seed), deterministic)
        np.testing.assert_allclose(action[:3], candidates[best], atol=1e-5)
        assert action[3] == oracle.discrete(params, "gripper", z, agent)[0].argmax() - 1
        ranks.add(best)
    assert len(ranks) > 2


@pytest.mark.parametrize("best_of", [1, 8])
def test_a_chunk_is_drawn_once_and_executed_without_another_look(backend: MakeBackend, best_of: int) -> None:
    agent = small_agent(chunk=3, best_of=best_of)
    policy, params = ready(backend, agent), {name: np.float64(v) for name, v in weights(agent).items()}
    z = oracle.embed(params, {name: value[None] for name, value in observation().items()}, agent)
    mean, std = oracle.actor(params, z, agent)
    noise = np.float64(policy_noise(agent, np.random.default_rng(5), False)[: best_of * 9].reshape(best_of, 9))
    candidates = np.tanh(mean + std * noise)
    best = 0
    if best_of > 1:
        best = int(np.argmax([oracle.critics(params, z, chunk[None], agent)[:, 0].mean() for chunk in candidates]))
    chunk = candidates[best].reshape(3, 3)
    rng = np.random.default_rng(5)
    actions = [policy.act(observation(seed), rng, deterministic=False) for seed in range(3)]
    np.testing.assert_allclose([action[:3] for action in actions], chunk, atol=1e-5)
    gripper = oracle.discrete(params, "gripper", z, agent)[0].argmax() - 1
    assert {float(action[3]) for action in actions} == {float(gripper)}
    fresh = ready(backend, agent)
    for look in (lambda: None, policy.look_again):  # after a whole chunk, and after a part of the next one
        look()
        expected = fresh.act(observation(7), np.random.default_rng(6), deterministic=False)
        np.testing.assert_array_equal(policy.act(observation(7), np.random.default_rng(6), False), expected)
        fresh.look_again()


class Fixed:
    """A reference that always proposes one action."""

    version = 0

    def __init__(self, action: np.ndarray) -> None:
        self.action = action

    def load(self, params: dict[str, np.ndarray], version: int) -> None: ...

    def act(self, obs: dict[str, np.ndarray], rng: np.random.Generator, deterministic: bool) -> np.ndarray:
        assert deterministic
        return self.action


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("critic", ["ensemble", "categorical"])
def test_reference_acts_by_the_softmax_of_the_lowest_values(
    backend: MakeBackend, deterministic: bool, critic: str
) -> None:
    temperature = 0.05 if critic == "categorical" else 2.0
    agent = replace(small_agent(critic=critic, best_of=3, reference_temperature=temperature), refers=True)
    policy, own = ready(backend, agent), ready(backend, replace(agent, refers=False))
    params, referred = {name: np.float64(v) for name, v in weights(agent).items()}, 0
    for seed in range(30):
        obs, rng = observation(seed), np.random.default_rng(100 + seed)
        reference = policy.reference = Fixed(np.float32([*rng.uniform(-1, 1, 3), 1.0]))
        mine = own.act(obs, np.random.default_rng(seed), deterministic)
        z = oracle.embed(params, {name: value[None] for name, value in obs.items()}, agent)
        actions = [np.float64(action[None, :3]) for action in (mine, reference.action)]
        ours, theirs = (oracle.critics(params, z, action, agent).min() for action in actions)
        chance = policy_noise(agent, np.random.default_rng(seed), deterministic)[-1]
        share = 1.0 / (1.0 + np.exp((ours - theirs) / temperature))
        expected = theirs > ours if deterministic else chance < share
        action = policy.act(obs, np.random.default_rng(seed), deterministic)
        np.testing.assert_array_equal(action, reference.action if expected else mine)
        referred += expected
    assert policy.metrics() == {"reference_steps": referred} and 3 < referred < 27
    assert policy.metrics() == {"reference_steps": 0} and own.metrics() == {}


def test_critics_travel_only_where_they_choose() -> None:
    critics = set(AGENT.group_names("critic")) - set(AGENT.policy_names())
    assert critics and all(name.startswith("critic/") for name in critics)
    assert set(small_agent(best_of=2).policy_names()) == {*AGENT.policy_names(), *critics}
    assert set(replace(AGENT, refers=True).policy_names()) == {*AGENT.policy_names(), *critics}


def test_whole_variants_act_as_the_clean_one(backend: MakeBackend) -> None:
    policy, obs, rng = ready(backend), observation(), np.random.default_rng(0)
    whole = {**obs, "wrist": np.stack([obs["wrist"], obs["wrist"] + 1, obs["wrist"] + 2])}
    assert np.array_equal(policy.act(obs, rng, True), policy.act(whole, rng, True))


def test_a_later_load_takes_effect_at_the_next_act(backend: MakeBackend) -> None:
    policy, obs, rng = ready(backend), observation(), np.random.default_rng(0)
    before = policy.act(obs, rng, True)
    policy.load({name: value + 0.1 for name, value in weights().items()}, version=8)
    assert policy.version == 8
    assert not np.array_equal(before, policy.act(obs, rng, True))


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("deterministic", [True, False])
def test_each_head_gives_one_of_its_levels_on_its_own_axis(
    backend: MakeBackend, name: str, deterministic: bool
) -> None:
    layout = LAYOUTS[name]
    policy = ready(backend, small_agent(layout=layout, discrete_exploration=0.5))
    actions = [policy.act(observation(seed), np.random.default_rng(seed), deterministic) for seed in range(10)]
    for action in actions:
        assert action.shape == (layout.size,) and np.abs(action).max() <= 1.0 and action.dtype == np.float32
        for head, axis in zip(layout.discrete, layout.discrete_indices, strict=True):
            assert action[axis] in head.levels
        assert action[layout.continuous_indices].all()


def test_invalid_inputs_are_refused(backend: MakeBackend) -> None:
    policy = backend(AGENT).policy()
    with pytest.raises(SchemaMismatchError, match="policy weights: got none"):
        policy.act(observation(), np.random.default_rng(0), True)
    with pytest.raises(ConfigError, match="parameter 'actor/out/bias': got None"):
        policy.load({name: value for name, value in weights().items() if name != "actor/out/bias"}, 1)
    with pytest.raises(SchemaMismatchError, match="observation 'wrist': got None"):
        ready(backend).act({"state": observation()["state"]}, np.random.default_rng(0), True)
