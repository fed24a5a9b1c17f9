"""Each backend's update against the float64 oracle, and the properties that the references lacked."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from robot_rl.agents.config import FRAMEWORKS
from robot_rl.agents.definition import GROUPS, AgentDefinition
from robot_rl.agents.learner_state import CountedLearner, state_layout
from robot_rl.agents.policy_inputs import LoadedPolicy
from robot_rl.agents.update_inputs import UpdateInputs, plan_update
from robot_rl.core.errors import CheckpointError, SchemaMismatchError
from robot_rl.data.batch import Batch
from tests.agents import oracle
from tests.agents.conftest import MakeBackend
from tests.agents.samples import LAYOUTS, first_of, part_of, random_batch, small_agent

State = dict[str, np.ndarray]
AGENT = small_agent()

VARIANTS: dict[str, dict[str, Any]] = {
    "backup-entropy-relu": {"backup_entropy": True, "activation": "relu", "layout": LAYOUTS["unobserved-gripper"]},
    "no-gripper": {"layout": LAYOUTS["no-gripper"], "critic_updates_per_actor_update": 1, "bc_weight": 0.0},
    "two-arms": {"layout": LAYOUTS["two-arms"]},
    "images": {"images": True},
    "three-steps": {"horizon": 3},
    "chunk": {"chunk": 2},
    "imitation": {"objective": "imitation"},
    "iql": {"objective": "iql", "horizon": 2},
    "conservative": {"conservative_weight": 0.5, "conservative_updates": 3},
    "categorical": {"critic": "categorical", "value_range": (-2.0, 2.0)},
    "only-better-imitated": {"bc_filter": True, "bc_weight": 2.0},
}


def part(state: State, kind: str) -> dict[str, np.ndarray]:
    """Return one part of a learner's state, by parameter, in float64."""
    return {name.removeprefix(kind + "/"): np.float64(v) for name, v in state.items() if name.startswith(kind + "/")}


def gradients(before: State, after: State) -> dict[str, np.ndarray]:
    """Return the gradients of one update, read back from Adam's first moment: mu = .9 mu + .1 gradient."""
    old, new = part(before, "adam_mu"), part(after, "adam_mu")
    return {name: (new[name] - 0.9 * old[name]) / 0.1 for name in new}


def shifted(batch: Batch, shifts: np.ndarray, definition: AgentDefinition) -> Batch:
    """Return the batch with its images shifted as the update does."""
    for i, name in enumerate(definition.images):
        for side, offsets in (("obs", shifts[0, i]), ("next_obs", shifts[1, i])):
            images = np.pad(getattr(batch, side)[name], ((0, 0), (4, 4), (4, 4), (0, 0)), mode="edge")
            moved = [image[4 - dy : 16 - dy, 4 - dx : 16 - dx] for image, (dy, dx) in zip(images, offsets, strict=True)]
            getattr(batch, side)[name] = np.stack(moved)
    return batch


def expected_losses(state: State, sample: Batch, definition: AgentDefinition) -> dict[str, Callable]:
    """Return each group's loss as a function of all parameters, in float64; targets and embedding held fixed."""
    params, targets = part(state, "params"), part(state, "targets")
    plan = plan_update(definition, int(state["seed"]), int(state["step"]), batch_size=8)
    batch = shifted(first_of(sample), plan.shifts, definition)
    noise, weight = np.float64(plan.noise), float(plan.bc_weight)
    z = oracle.embed(params, batch.obs, definition)
    batch = oracle.only_better(params, z, batch, definition) if definition.config.bc_filter else batch
    target = oracle.critic_target(params, targets, batch, np.float64(plan.next_noise), plan.subset, definition)
    losses: dict[str, Callable] = {
        "critic": lambda p: oracle.critic_loss(p, batch, target, definition),
        "actor": lambda p: oracle.actor_loss(p, z, batch, noise, weight, definition),
        "temperature": lambda p: (
            oracle.temperature({**params, "temperature/raw": p["temperature/raw"]})
            * oracle.temperature_loss(params, z, noise, definition)
            / oracle.temperature(params)
        ),
    }
    if definition.heads:
        aims = [oracle.discrete_target(params, targets, batch, *head, definition) for head in definition.heads]
        losses["discrete"] = lambda p: oracle.discrete_loss(p, z, batch, aims, weight, definition)
    return losses


def check_update_against_oracle(backend: MakeBackend, definition: AgentDefinition) -> None:
    """Take two updates; judge all losses and the gradient of each parameter that learns."""
    learner = backend(definition, 1).learner()
    for i in range(2):
        sample = random_batch(definition, seed=i)
        before = learner.state_dict()
        metrics = learner.update(sample)
        losses = expected_losses(before, sample, definition)
        params, slopes = part(before, "params"), gradients(before, learner.state_dict())
        for group, loss in losses.items():
            learns = group in ("critic", "discrete") or (i + 1) % definition.config.critic_updates_per_actor_update == 0
            if learns:
                members = {"critic": definition.config.num_critics, "discrete": len(definition.heads)}
                value = loss(params) / members.get(group, 1)
                assert metrics[f"{group}_loss"] == pytest.approx(value, rel=1e-4, abs=1e-5), group
                check_gradients(partial(loss), params, slopes, definition.group_names(group))


def check_gradients(loss: Callable, params: dict, slopes: dict, names: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    for name in names:
        direction = rng.standard_normal(params[name].shape)
        expected = oracle.slope(loss, params, {name: direction})
        size = 1e-6 + np.linalg.norm(slopes[name]) * np.linalg.norm(direction)
        assert abs((slopes[name] * direction).sum() - expected) < 1e-3 * size, name


def changed(before: State, after: State, prefix: str) -> list[str]:
    return [name for name in before if name.startswith(prefix) and not np.array_equal(before[name], after[name])]


def test_losses_and_gradients_are_those_of_the_float64_oracle(backend: MakeBackend) -> None:
    check_update_against_oracle(backend, AGENT)


@pytest.mark.parametrize("layout", ["one-arm", "no-gripper", "two-arms"])
def test_imitation_trains_all_that_acts_by_the_oracles_loss_and_nothing_else(backend: MakeBackend, layout: str) -> None:
    agent = small_agent(objective="imitation", layout=LAYOUTS[layout])
    learner = backend(agent, 1).learner()
    for i in range(2):
        sample, before = random_batch(agent, seed=i), learner.state_dict()
        metrics, after = learner.update(sample), learner.state_dict()
        loss = partial(oracle.imitation_loss, batch=first_of(sample), definition=agent)
        params = part(before, "params")
        assert metrics["imitation_loss"] == pytest.approx(loss(params), rel=1e-4)
        check_gradients(loss, params, gradients(before, after), agent.policy_names())
        assert not changed(before, after, "params/critic") and not changed(before, after, "params/temperature")


def test_the_conservative_term_is_the_oracles(backend: MakeBackend) -> None:
    agent = small_agent(conservative_weight=0.5, conservative_updates=9, conservative_actions=3)
    learner = backend(agent, 1).learner()
    for i in range(2):
        sample, before = random_batch(agent, seed=i), learner.state_dict()
        metrics, params = learner.update(sample), part(before, "params")
        td, batch = expected_losses(before, sample, agent)["critic"], first_of(sample)
        noise = plan_update(agent, int(before["seed"]), int(before["step"]), batch_size=8).conservative_noise
        z = oracle.embed(params, batch.obs, agent)
        policy = {name: value for name, value in params.items() if not name.startswith(("critic/", "projection/"))}

        def gaps(p: dict, z=z, batch=batch, noise=noise) -> np.ndarray:
            return oracle.conservative_gaps(p, z, batch, noise, agent)

        def loss(p: dict, td=td, gaps=gaps, policy=policy) -> float:
            return td(p) + 0.5 * gaps({**p, **policy}).sum()

        assert metrics["critic_loss"] == pytest.approx(td(params) / 4, rel=1e-5)
        assert metrics["conservative_gap"] == pytest.approx(gaps(params).mean(), rel=1e-5)
        check_gradients(loss, params, gradients(before, learner.state_dict()), agent.group_names("critic"))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_target_with_a_reference_is_the_oracles(framework: str) -> None:
    library = pytest.importorskip(framework)
    xp, compiled = (library.numpy, library.jit) if framework == "jax" else (library, lambda function: function)
    losses, networks = (import_module(f"robot_rl.agents.{framework}.{name}") for name in ("losses", "networks"))
    agent = small_agent(reference_in_target=True, reference_temperature=0.3, backup_entropy=True)
    batch, plan = first_of(random_batch(agent)), plan_update(agent, seed=0, step=0, batch_size=8)
    plan = plan._replace(next_reference=np.random.default_rng(0).uniform(-1.0, 1.0, (8, 3)).astype(np.float32))

    @compiled
    def target(params: Any, targets: Any, sample: Batch, given: UpdateInputs) -> Any:
        z, z_target = (networks.embed(part, sample.next_obs, agent) for part in (params, targets))
        return losses.critic_target(params, targets, z, z_target, sample, given, agent.config)

    def arrays(values: dict[str, np.ndarray]) -> dict[str, Any]:
        return {name: xp.asarray(np.float32(value)) for name, value in values.items()}

    params, targets = agent.init(0), agent.init(1)
    sample = Batch({}, arrays(batch.next_obs), *(xp.asarray(np.float32(value)) for value in batch[2:]))
    given = UpdateInputs(*map(xp.asarray, plan))
    aim = np.asarray(target(arrays(params), arrays(targets), sample, given))
    known = params, targets, batch, np.float64(plan.next_noise), plan.subset, agent
    np.testing.assert_allclose(aim, oracle.critic_target(*known, plan.next_reference), rtol=1e-4, atol=1e-5)
    assert np.abs(aim - oracle.critic_target(*known)).max() > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"images": True}])
def test_update_with_a_reference_in_its_target_is_the_oracles(backend: MakeBackend, settings: dict[str, Any]) -> None:
    agent = small_agent(**settings, reference_in_target=True, reference_temperature=0.3)
    other = small_agent(images="images" in settings, hidden=(12, 12), projection=4)
    learner, policy = backend(agent, 1).learner(), backend(other).policy()
    assert isinstance(learner, CountedLearner) and isinstance(policy, LoadedPolicy)
    frozen = {name: value for name, value in other.init(5).items() if name in other.policy_names()}
    policy.load(frozen, 0)
    learner.reference = policy
    for i in range(2):
        sample, before = random_batch(agent, seed=i), learner.state_dict()
        actions = np.tanh(oracle.actor(frozen, oracle.embed(frozen, first_of(sample).next_obs, other), other)[0])
        plan = plan_update(agent, int(before["seed"]), int(before["step"]), batch_size=8)
        batch, params = shifted(first_of(sample), plan.shifts, agent), part(before, "params")
        inputs = params, part(before, "targets"), batch, np.float64(plan.next_noise), plan.subset, agent
        aim, alone = oracle.critic_target(*inputs, actions), oracle.critic_target(*inputs)
        assert np.abs(aim - alone).max() > 1e-3
        metrics = learner.update(sample)
        loss = partial(oracle.critic_loss, batch=batch, target=aim, definition=agent)
        assert metrics["critic_loss"] == pytest.approx(loss(params) / agent.config.num_critics, rel=1e-4)
        check_gradients(loss, params, gradients(before, learner.state_dict()), agent.group_names("critic"))


def test_after_its_updates_the_conservative_term_changes_nothing(backend: MakeBackend) -> None:
    plain = backend(AGENT, 0).learner()
    once = backend(small_agent(conservative_weight=0.5, conservative_updates=1), 0).learner()
    first = [learner.update(random_batch(AGENT)) for learner in (plain, once)]
    assert changed(plain.state_dict(), once.state_dict(), "params/critic") and first[1]["conservative_gap"] > 0.0
    plain.load_state_dict(once.state_dict())
    second = [learner.update(random_batch(AGENT, seed=1)) for learner in (plain, once)]
    assert second[1]["conservative_gap"] == 0.0
    assert second[0]["critic_loss"] == pytest.approx(second[1]["critic_loss"], rel=1e-6)
    before, after = plain.state_dict(), once.state_dict()
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-5, err_msg=name)


@pytest.mark.parametrize("layout", ["one-arm", "no-gripper", "two-arms"])
def test_implicit_q_learning_descends_the_oracles_losses(backend: MakeBackend, layout: str) -> None:
    agent = small_agent(objective="iql", layout=LAYOUTS[layout], expectile=0.8)
    learner = backend(agent, 1).learner()
    for i in range(2):
        sample, before = random_batch(agent, seed=i), learner.state_dict()
        metrics, after = learner.update(sample), learner.state_dict()
        params, slopes, losses = part(before, "params"), gradients(before, after), iql_losses(before, sample, agent)
        for group, (name, loss) in losses.items():
            members = agent.config.num_critics if group == "critic" else 1
            assert metrics[name] == pytest.approx(loss(params) / members, rel=1e-5), name
            check_gradients(loss, params, slopes, agent.group_names(group))
        assert not changed(before, after, "params/temperature")
        assert {group for group in GROUPS if changed(before, after, f"params/{group}/")} == set(losses)


def iql_losses(state: State, sample: Batch, agent: AgentDefinition) -> dict[str, tuple[str, Callable]]:
    """Return each group's metric and loss of all parameters, in float64; targets, weights and embedding held fixed."""
    params, targets, batch = part(state, "params"), part(state, "targets"), first_of(sample)
    plan = plan_update(agent, int(state["seed"]), int(state["step"]), batch_size=8)
    z, q = oracle.embed(params, batch.obs, agent), oracle.executed_value(targets, batch, plan.subset, agent)
    weights, target = oracle.advantage_weights(params, z, q, agent), oracle.iql_target(params, batch, agent)
    policy = ("policy_loss", partial(oracle.iql_policy_loss, z=z, batch=batch, weights=weights, definition=agent))
    return {
        "critic": ("critic_loss", partial(oracle.critic_loss, batch=batch, target=target, definition=agent)),
        "value": ("value_loss", partial(oracle.value_loss, z=z, q=q, definition=agent)),
        **dict.fromkeys(agent.policy_groups, policy),
    }


def test_value_of_an_observation_is_the_expectile_of_the_actions_seen_there(backend: MakeBackend) -> None:
    """Of two actions that end with 0 and 1, equally often, the expectile e is e; the better one is cloned."""
    agent = small_agent(objective="iql", expectile=0.9, target_update_rate=0.05, layout=LAYOUTS["no-gripper"])
    learner, batch = backend(agent, 0).learner(), random_batch(agent)
    good = np.arange(8) % 2 == 0
    for obs in (batch.obs, batch.next_obs):
        for value in obs.values():
            value[:] = value[:, :1]
    action = np.where(good[:, None], 0.5, -0.5) * np.ones((1, 8, 3))
    batch = batch._replace(action=action.astype(np.float32), reward=good[None].astype(np.float32))
    batch.terminated[:] = 1.0
    for _ in range(200):
        metrics = learner.update(batch)
    assert metrics["q"] == pytest.approx(0.5, abs=0.05) and metrics["value"] == pytest.approx(0.9, abs=0.05)
    policy, obs = backend(agent, 0).policy(), {name: value[0, 0] for name, value in batch.obs.items()}
    policy.load(learner.policy_parameters(), 1)
    np.testing.assert_allclose(policy.act(obs, np.random.default_rng(0), True), 0.5, atol=0.15)


def test_rewards_and_what_is_not_imitated_reach_an_imitator_nowhere(backend: MakeBackend) -> None:
    agent = small_agent(objective="imitation")
    one, other = backend(agent, 0).learner(), backend(agent, 0).learner()
    for i in range(3):
        batch, noise = random_batch(agent, seed=i), random_batch(agent, seed=i + 10)
        own = batch.imitated[..., None] == 0
        action = np.where(own, noise.action, batch.action)
        one.update(batch)
        other.update(batch._replace(reward=noise.reward, terminated=noise.terminated, action=action))
    assert changed(one.state_dict(), backend(agent, 0).learner().state_dict(), "targets/actor")
    assert not changed(one.state_dict(), other.state_dict(), "")


def test_an_imitator_learns_demonstrations_by_heart(backend: MakeBackend) -> None:
    agent = small_agent(objective="imitation")
    learner, batch = backend(agent, 0).learner(), random_batch(agent)
    batch.imitated[:] = 1.0
    first = learner.update(batch)
    for _ in range(200):
        last = learner.update(batch)
    assert last["imitation_loss"] < 0.05 * first["imitation_loss"] and last["discrete_agreement"] == 1.0


def test_categorical_critics_descend_the_oracles_cross_entropy(backend: MakeBackend) -> None:
    check_update_against_oracle(backend, small_agent(**VARIANTS["categorical"]))


def test_categorical_values_begin_near_zero_and_learn_what_followed(backend: MakeBackend) -> None:
    agent = small_agent(critic="categorical")
    learner, batch = backend(agent, 0).learner(), random_batch(agent)
    batch = batch._replace(reward=np.full_like(batch.reward, 0.8))
    batch.terminated[:] = 1.0
    assert learner.update(batch)["q"] == pytest.approx(0.0, abs=0.1)
    for _ in range(300):
        metrics = learner.update(batch)
    assert metrics["q"] == pytest.approx(0.8, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant", [name for name in VARIANTS if name not in ("imitation", "iql", "conservative", "categorical")]
)
def test_losses_and_gradients_of_other_settings_are_those_of_the_oracle(backend: MakeBackend, variant: str) -> None:
    check_update_against_oracle(backend, small_agent(**VARIANTS[variant]))


def test_critic_only_updates_leave_the_actor_and_its_moments_bit_identical(backend: MakeBackend) -> None:
    learner = backend(AGENT, 0).learner()
    for i in range(4):  # from the third on, stale momentum would move the actor
        before = learner.state_dict()
        metrics = learner.update(random_batch(AGENT, seed=i))
        after = learner.state_dict()
        kinds = [f"{kind}/{group}" for kind in ("params", "adam_mu") for group in ("actor", "temperature")]
        moved = [name for kind in kinds for name in changed(before, after, kind)]
        count = changed(before, after, "adam_count/actor")
        assert bool(moved) == bool(count) == (i % 2 == 1) == ("actor_loss" in metrics)
        assert changed(before, after, "params/critic") and changed(before, after, "params/projection")


def test_members_of_the_ensemble_learn_independently(backend: MakeBackend) -> None:
    first, second = backend(AGENT, 0).learner(), backend(AGENT, 0).learner()
    state = first.state_dict()
    kernel = "params/critic/dense0/kernel"
    state[kernel][0] += 0.5
    second.load_state_dict(state)
    batch = random_batch(AGENT)
    batch.terminated[:] = 1.0  # otherwise the target's minimum joins them
    first.update(batch)
    second.update(batch)
    one, two = part(first.state_dict(), "params"), part(second.state_dict(), "params")
    for name in AGENT.parameter_specs():
        if name.startswith("critic/"):
            assert np.array_equal(one[name][1:], two[name][1:]), name
    assert not np.array_equal(one["critic/dense1/kernel"][0], two["critic/dense1/kernel"][0])


@pytest.mark.parametrize(("terminated", "same"), [(1.0, True), (0.0, False)])
def test_termination_stops_the_bootstrap_and_truncation_does_not(
    backend: MakeBackend, terminated: float, same: bool
) -> None:
    batch, other = random_batch(AGENT), random_batch(AGENT)
    batch.terminated[:] = other.terminated[:] = terminated  # a truncated step comes with terminated = 0
    other = other._replace(next_obs=random_batch(AGENT, seed=9).next_obs)
    states = []
    for sample in (batch, other):
        learner = backend(AGENT, 0).learner()
        learner.update(sample)
        states.append(learner.state_dict())
    assert (not changed(states[0], states[1], "params")) == same


@pytest.mark.parametrize(
    ("opening", "command", "pays"),
    [(0.2, -1, False), (0.772, -1, False), (0.772, 1, True), (0.772, 0, False), (1.0, -1, True), (1.0, 1, False)],
)
def test_gripper_pays_for_letting_go_of_a_held_part_and_not_for_holding_it(
    backend: MakeBackend, opening: float, command: float, pays: bool
) -> None:
    """PegInsert's peg holds the fingers 0.2 open, PickLift's cube 0.772."""
    agent = small_agent(toggle_penalty=100.0, discrete_margin=0.0)
    batch = random_batch(agent)
    batch.terminated[:], batch.reward[:], batch.action[..., -1], batch.obs["state"][..., 0] = 1.0, 0.0, command, opening
    loss = backend(agent, 0).learner().update(batch)["discrete_loss"]  # (q + penalty)^2
    assert (loss > 5000.0) == pays


def test_targets_follow_at_the_polyak_rate_on_every_update(backend: MakeBackend) -> None:
    learner = backend(AGENT, 0).learner()
    for i in range(2):
        before = part(learner.state_dict(), "targets")
        learner.update(random_batch(AGENT, seed=i))
        params, after = part(learner.state_dict(), "params"), part(learner.state_dict(), "targets")
        for name in after:
            np.testing.assert_allclose(after[name], before[name] + 0.005 * (params[name] - before[name]), atol=1e-7)


@pytest.mark.parametrize(("outcome", "imitated"), [(1e6, None), (-1e6, 0.0)])
def test_only_what_ended_better_than_the_policy_would_is_imitated(
    backend: MakeBackend, outcome: float, imitated: float | None
) -> None:
    filtered, plain = (backend(small_agent(bc_filter=on), 0).learner() for on in (True, False))
    for i in range(2):
        batch = random_batch(AGENT, seed=i)
        metrics = filtered.update(batch._replace(outcome=np.full_like(batch.outcome, outcome)))
        same = batch if imitated is None else batch._replace(imitated=np.full_like(batch.imitated, imitated))
        plain.update(same)
        assert metrics["imitated_share"] == pytest.approx(same.imitated.mean())
    assert not changed(filtered.state_dict(), plain.state_dict(), "params")


def test_the_policy_that_acts_is_the_average_that_the_targets_are(backend: MakeBackend) -> None:
    learner = backend(AGENT, 0).learner()
    for i in range(2):
        learner.update(random_batch(AGENT, seed=i))
    state, weights = learner.state_dict(), learner.policy_parameters()
    assert all(np.array_equal(value, state[f"targets/{name}"]) for name, value in weights.items())
    moving = [name for name in weights if name.startswith(("actor/", "projection/", "discrete/"))]
    assert not any(np.array_equal(weights[name], state[f"params/{name}"]) for name in moving)


def test_training_continues_bit_for_bit_from_a_saved_state(backend: MakeBackend) -> None:
    first, second = backend(AGENT, 0).learner(), backend(AGENT, 99).learner()
    for i in range(3):
        first.update(random_batch(AGENT, seed=i))
    second.load_state_dict(first.state_dict())
    metrics = [learner.update(random_batch(AGENT, seed=3)) for learner in (first, second)]
    assert metrics[0] == metrics[1]
    assert not changed(first.state_dict(), second.state_dict(), "")
    assert first.updates == second.updates == 4


@pytest.mark.parametrize("variant", [{}, *VARIANTS.values()])
def test_a_state_is_laid_out_as_all_backends_name_it(backend: MakeBackend, variant: dict[str, Any]) -> None:
    agent = small_agent(**variant)
    state = backend(agent).learner().state_dict()
    assert {name: (array.dtype.name, array.shape) for name, array in state.items()} == state_layout(agent)


def test_a_state_of_another_agent_is_refused_by_name(backend: MakeBackend) -> None:
    state = backend(AGENT, 0).learner().state_dict()
    del state["targets/critic/out/bias"]
    with pytest.raises(CheckpointError, match="'targets/critic/out/bias': got None, expected float32"):
        backend(AGENT, 0).learner().load_state_dict(state)


def test_saved_arrays_and_published_weights_do_not_change_with_later_updates(backend: MakeBackend) -> None:
    learner = backend(AGENT, 0).learner()
    state, weights = learner.state_dict(), learner.policy_parameters()
    copies = {name: value.copy() for name, value in {**state, **weights}.items()}
    for i in range(2):
        learner.update(random_batch(AGENT, seed=i))
    assert all(np.array_equal(value, copies[name]) for name, value in {**state, **weights}.items())
    assert tuple(weights) == AGENT.policy_names()


def test_one_batch_can_be_learnt_by_heart(backend: MakeBackend) -> None:
    learner, batch = backend(AGENT, 0).learner(), random_batch(AGENT)
    batch.terminated[:] = 1.0
    batch.imitated[:] = 1.0
    first = [learner.update(batch) for _ in range(2)]
    for _ in range(100):
        learner.update(batch)
    last = [learner.update(batch) for _ in range(2)]
    assert last[0]["critic_loss"] < 0.02 * first[0]["critic_loss"]
    assert last[0]["discrete_loss"] < 0.2 * first[0]["discrete_loss"]


@pytest.mark.slow
def test_many_updates_in_one_call_are_the_same_as_one_by_one(backend: MakeBackend) -> None:
    together, apart, batch = backend(AGENT, 0).learner(), backend(AGENT, 0).learner(), random_batch(AGENT, updates=5)
    together.update(batch)
    for i in range(5):
        apart.update(part_of(batch, i))
    one_call, five_calls = together.state_dict(), apart.state_dict()
    for name, value in one_call.items():
        np.testing.assert_allclose(value, five_calls[name], atol=2e-4, err_msg=name)


@pytest.mark.slow
def test_a_trunk_learns_from_images_end_to_end(backend: MakeBackend) -> None:
    definition = small_agent(images=True)
    learner, batch = backend(definition, 0).learner(), random_batch(definition)
    batch.terminated[:] = 1.0
    before = learner.state_dict()
    first = learner.update(batch)["critic_loss"]
    for _ in range(100):
        last = learner.update(batch)["critic_loss"]
    assert changed(before, learner.state_dict(), "params/trunk/wrist/conv0/kernel")
    assert last < 0.5 * first


@pytest.mark.parametrize("field", ["action", "reward", "imitated", "obs"])
def test_a_batch_of_another_shape_is_refused_by_name(backend: MakeBackend, field: str) -> None:
    batch = random_batch(AGENT)
    if field == "obs":
        batch.obs["state"] = batch.obs["state"][..., :3]
    else:
        batch = batch._replace(**{field: getattr(batch, field)[:, :4]})
    with pytest.raises(SchemaMismatchError, match=r"batch '.*': got"):
        backend(AGENT, 0).learner().update(batch)
