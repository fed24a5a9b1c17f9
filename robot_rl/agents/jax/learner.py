"""The learner in JAX: many updates in one compiled call.

One update: critics and embedding, the gripper's critic, on each n-th update actor and temperature, then the targets.
All losses see the parameters as they were before the update.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from robot_rl.agents.definition import GROUPS, AgentDefinition
from robot_rl.agents.jax import losses, networks
from robot_rl.agents.jax.encoder import MAX_SHIFT, shift_images
from robot_rl.agents.jax.losses import Batch, Draws, Metrics
from robot_rl.agents.jax.networks import Observation
from robot_rl.core.errors import CheckpointError, SchemaMismatchError

Group = dict[str, jax.Array]
ADAM = optax.scale_by_adam()  # beta .9 and .999, epsilon 1e-8; the rate is applied in `_descend`
ACTOR_METRICS = ("actor_loss", "entropy", "cloning_error", "policy_std", "temperature_loss")


class LearnerState(NamedTuple):
    """All that the learner remembers; a checkpoint holds exactly this."""

    params: Group
    targets: Group
    moments: dict[str, optax.ScaleByAdamState]  # one optimiser per group: it moves only when its group learns
    key: jax.Array
    step: jax.Array  # updates so far


def make_state(definition: AgentDefinition, seed: int) -> LearnerState:
    """Return the state before the first update."""
    params = {name: jnp.asarray(value) for name, value in definition.init(seed).items()}
    groups = {group: definition.group_names(group) for group in GROUPS}
    moments: dict[str, Any] = {group: ADAM.init(_pick(params, names)) for group, names in groups.items() if names}
    targets = {name: jnp.array(params[name]) for name in definition.target_names()}
    return LearnerState(params, targets, moments, jax.random.PRNGKey(seed), jnp.zeros((), jnp.int32))


def update_once(state: LearnerState, batch: Batch, definition: AgentDefinition) -> tuple[LearnerState, Metrics]:
    """Return the state after one update, and its metrics."""
    config = definition.config
    key, crop_key, draw_key = jax.random.split(state.key, 3)
    batch = random_crops(batch, crop_key, definition)
    draws = make_draws(draw_key, batch.reward.shape[0], definition)
    bc_weight = losses.bc_weight(state.step, config)

    next_features = networks.trunk(state.params, batch.next_obs, definition)
    z_next = networks.project(state.params, next_features, definition)
    z_next_target = networks.project(state.targets, next_features, definition)
    target = losses.critic_target(state.params, state.targets, z_next, z_next_target, batch, draws, config)

    params, moments = dict(state.params), dict(state.moments)

    def learn(group: str, grads: Group) -> None:
        changed, moments[group] = descend(_pick(state.params, grads), state.moments[group], grads, config.learning_rate)
        params.update(changed)

    grads, (z, metrics) = _grads("critic", losses.critic_loss, state, definition)(batch, target, definition)
    learn("critic", grads)
    z = jax.lax.stop_gradient(z)
    if definition.discrete_gripper:
        gripper_target = losses.gripper_target(state.params, state.targets, z_next, z_next_target, batch, config)
        grads, gripper_metrics = _grads("gripper", losses.gripper_loss, state, definition)(
            z, batch, gripper_target, bc_weight, config
        )
        learn("gripper", grads)
        metrics |= gripper_metrics
    acts = (state.step + 1) % config.critic_updates_per_actor_update == 0
    changed, changed_moments, actor_metrics = jax.lax.cond(
        acts,
        lambda: update_actor(state, z, batch, draws.noise, bc_weight, definition),
        lambda: keep_actor(state, definition),
    )
    params.update(changed)
    moments.update(changed_moments)
    targets = {name: polyak(old, params[name], config.target_update_rate) for name, old in state.targets.items()}
    metrics |= actor_metrics | {"target_q": target.mean(), "temperature": networks.temperature(params)}
    return LearnerState(params, targets, moments, key, state.step + 1), metrics


def update_actor(
    state: LearnerState,
    z: jax.Array,
    batch: Batch,
    noise: jax.Array,
    bc_weight: jax.Array,
    definition: AgentDefinition,
) -> tuple[Group, dict[str, Any], Metrics]:
    """Return the parameters and moments of actor and temperature after one step, and metrics."""
    rate = definition.config.learning_rate
    grads, metrics = _grads("actor", losses.actor_loss, state, definition)(
        state.params, z, batch, noise, bc_weight, definition
    )
    actor, actor_moments = descend(_pick(state.params, grads), state.moments["actor"], grads, rate)
    own = _pick(state.params, definition.group_names("temperature"))
    loss, heat = jax.value_and_grad(losses.temperature_loss)(own, metrics["entropy"], definition)
    temperature, temperature_moments = descend(own, state.moments["temperature"], heat, rate)
    moments = {"actor": actor_moments, "temperature": temperature_moments}
    return actor | temperature, moments, metrics | {"temperature_loss": loss, "actor_updates": jnp.ones(())}


def keep_actor(state: LearnerState, definition: AgentDefinition) -> tuple[Group, dict[str, Any], Metrics]:
    """Return actor, temperature and their moments untouched: no zero gradient passes through Adam."""
    names = (*definition.group_names("actor"), *definition.group_names("temperature"))
    moments = {group: state.moments[group] for group in ("actor", "temperature")}
    return _pick(state.params, names), moments, {name: jnp.zeros(()) for name in (*ACTOR_METRICS, "actor_updates")}


def descend(params: Group, moments: Any, grads: Group, rate: float) -> tuple[Group, Any]:
    """Return parameters and moments after one step of Adam."""
    steps, moments = ADAM.update(grads, moments)
    return {name: value - rate * steps[name] for name, value in params.items()}, moments


def polyak(old: jax.Array, new: jax.Array, rate: float) -> jax.Array:
    """Return old + rate (new - old)."""
    return old + rate * (new - old)


def make_draws(key: jax.Array, batch_size: int, definition: AgentDefinition) -> Draws:
    """Return the random numbers of one update."""
    noise_key, subset_key = jax.random.split(key)
    noise = jax.random.normal(noise_key, (2, batch_size, definition.continuous_dim))
    subset = jax.random.permutation(subset_key, definition.config.ensemble)[: definition.config.subset]
    return Draws(noise[0], noise[1], subset)


def random_crops(batch: Batch, key: jax.Array, definition: AgentDefinition) -> Batch:
    """Return the batch with its pictures shifted at random, observation and next observation independently."""
    if not definition.pictures:
        return batch
    keys = jax.random.split(key, 2)
    obs, next_obs = _crop(batch.obs, keys[0], definition), _crop(batch.next_obs, keys[1], definition)
    return batch._replace(obs=obs, next_obs=next_obs)


def _crop(obs: Observation, key: jax.Array, definition: AgentDefinition) -> Observation:
    cropped = dict(obs)
    for name, name_key in zip(definition.pictures, jax.random.split(key, len(definition.pictures)), strict=True):
        offsets = jax.random.randint(name_key, (obs[name].shape[0], 2), -MAX_SHIFT, MAX_SHIFT + 1)
        cropped[name] = shift_images(obs[name], offsets)
    return cropped


def _pick(params: Mapping[str, jax.Array], names: Any) -> Group:
    return {name: params[name] for name in names}


def _grads(group: str, loss: Any, state: LearnerState, definition: AgentDefinition) -> Any:
    """Return a function that gives a loss's gradient with respect to one group, and its second output."""
    own = _pick(state.params, definition.group_names(group))
    frozen = {name: value for name, value in state.params.items() if name not in own}
    return partial(jax.grad(lambda mine, *rest: loss(frozen | mine, *rest), has_aux=True), own)


def update_many(state: LearnerState, batches: Batch, definition: AgentDefinition) -> tuple[LearnerState, Metrics]:
    """Return the state after one update per leading index of the batches, and the metrics' means."""
    state, metrics = jax.lax.scan(partial(update_once, definition=definition), state, batches)
    actor_updates = metrics.pop("actor_updates").sum()
    means = {name: values.mean() for name, values in metrics.items()}
    # The actor's metrics are zero on the updates that left it alone.
    means |= {name: metrics[name].sum() / jnp.maximum(actor_updates, 1.0) for name in ACTOR_METRICS}
    return state, means | {"actor_updates": actor_updates}


class JaxLearner:
    """The agent that learns; the runtime feeds it batches and fetches the policy.

    Args:
        definition: what the agent is.
        seed: of the first parameters and of all later random numbers.
    """

    def __init__(self, definition: AgentDefinition, seed: int) -> None:
        self.definition = definition
        self._state = make_state(definition, seed)
        # The old state's memory is reused: an update needs no copy of the parameters.
        self._update = jax.jit(partial(_update_packed, definition=definition), donate_argnums=0)
        self._metric_names: tuple[str, ...] = ()

    @property
    def updates(self) -> int:
        """Updates since the first parameters."""
        return int(self._state.step)

    def update(self, batch: Mapping[str, Any]) -> dict[str, float]:
        """Learn from U batches in one compiled call.

        Shapes: `obs` and `next_obs` of (U, B, ...), `action` (U, B, A), `reward`, `terminated`, `human` (U, B).
        Returns the metrics' means over the U updates; those of the actor only when it learnt.

        Raises:
            SchemaMismatchError: entries or shapes that are not the definition's.
        """
        batches = self._check(batch)
        names = self._names(batches)
        self._state, packed = self._update(self._state, batches)
        values = dict(zip(names, np.asarray(packed).tolist(), strict=True))
        skip = ACTOR_METRICS if values["actor_updates"] == 0 else ()
        return {name: value for name, value in values.items() if name not in skip}

    def policy_parameters(self) -> dict[str, np.ndarray]:
        """Return what acting needs, by name: copies that later updates leave alone."""
        return {name: np.array(self._state.params[name]) for name in self.definition.policy_names()}

    def parameters(self) -> dict[str, np.ndarray]:
        """Return copies of all parameters, by name."""
        return {name: np.array(value) for name, value in self._state.params.items()}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return everything as a flat dictionary; loading it continues bit for bit."""
        return {name: np.array(value) for name, value in _flatten(self._state).items()}

    def load_state_dict(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over a state from `state_dict`.

        Raises:
            CheckpointError: a missing, unknown or misshapen array.
        """
        flat = _flatten(self._state)
        for name in sorted(flat.keys() | arrays.keys()):
            got = _describe(arrays.get(name))
            if got != _describe(flat.get(name)):
                raise CheckpointError(
                    f"learner state {name!r}: got {got}, expected {_describe(flat.get(name))}; "
                    "restore it with the configuration it was saved with."
                )
        leaves = [jnp.array(arrays[name]) for name in flat]
        self._state = jax.tree.unflatten(jax.tree.structure(self._state), leaves)

    def _names(self, batches: Batch) -> tuple[str, ...]:
        if not self._metric_names:
            shapes = jax.eval_shape(partial(update_many, definition=self.definition), self._state, batches)
            self._metric_names = tuple(sorted(shapes[1]))
        return self._metric_names

    def _check(self, batch: Mapping[str, Any]) -> Batch:
        lead = tuple(batch["reward"].shape)
        dim = self.definition.action_dim
        arrays = {name: batch[name] for name in ("reward", "terminated", "human")}
        expected = {name: lead for name in arrays} | {"action": (*lead, dim)}
        arrays["action"] = batch["action"]
        for side in ("obs", "next_obs"):
            for name, spec in self.definition.observation.items():
                expected[f"{side}/{name}"] = (*lead, *spec.sample_shape)
                arrays[f"{side}/{name}"] = batch[side].get(name)
        for name, shape in expected.items():
            got = None if arrays[name] is None else tuple(arrays[name].shape)
            if got != shape or len(lead) != 2:
                raise SchemaMismatchError(
                    f"batch {name!r}: got {got}, expected {shape} with leading (updates, batch); "
                    "sample it from a replay with the agent's observation."
                )
        names = self.definition.observation
        obs, next_obs = ({name: batch[side][name] for name in names} for side in ("obs", "next_obs"))
        return Batch(obs, next_obs, *(arrays[name] for name in ("action", "reward", "terminated", "human")))


def _update_packed(state: LearnerState, batches: Batch, definition: AgentDefinition) -> tuple[LearnerState, jax.Array]:
    state, metrics = update_many(state, batches, definition)
    # One vector, so that the metrics cost one transfer from the device.
    return state, jnp.stack([metrics[name].astype(jnp.float32) for name in sorted(metrics)])


def _flatten(state: LearnerState) -> dict[str, jax.Array]:
    """Return the state's arrays by name, e.g. `params/actor/mean/kernel`, `moments/critic/mu/critic/out/bias`."""
    leaves, _ = jax.tree.flatten_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def _describe(array: Any) -> str | None:
    return None if array is None else f"{array.dtype}{list(array.shape)}"
