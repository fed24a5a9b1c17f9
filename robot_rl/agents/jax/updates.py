"""One update of the agent, and many of them in a scan: state in, state and metrics out.

Order: critics and embedding, the discrete heads' critics, on each n-th update actor and temperature, then the targets.
All losses use the parameters before the update. The targets of embedding, heads and actor are also the acting
policy: averages over the last 1 / rate updates, steadier than any one of them. With the objective imitation embedding,
heads and actor learn on each update, critics and temperature on none; with iql all but the temperature on each.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from robot_rl.agents.batches import random_crops
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax import iql, losses, networks
from robot_rl.agents.jax.ensemble import Metrics
from robot_rl.agents.jax.losses import Embedding
from robot_rl.agents.learner_state import TARGET_GROUPS
from robot_rl.agents.metrics import ACTOR_METRICS, metric_names
from robot_rl.agents.packing import Packing, group_packings
from robot_rl.agents.update_inputs import UpdateInputs
from robot_rl.data.batch import Batch
from robot_rl.vision.jax_encoder import shift_images

ADAM = optax.scale_by_adam()  # beta .9 and .999, epsilon 1e-8; the rate is applied in `descend`
Arrays = dict[str, jax.Array]


class Group(NamedTuple):
    """One group of parameters as one vector, with an optimiser that advances only on its updates."""

    vector: jax.Array
    adam: Any  # optax.ScaleByAdamState


class LearnerState(NamedTuple):
    """State of the learner; with seed and number of updates, the content of a checkpoint."""

    groups: dict[str, Group]
    targets: dict[str, jax.Array]


def make_state(definition: AgentDefinition, seed: int) -> LearnerState:
    """Return the state before the first update."""
    params = definition.init(seed)
    vectors = {group: jnp.asarray(packing.pack(params)) for group, packing in group_packings(definition).items()}
    groups = {group: Group(vector, ADAM.init(vector)) for group, vector in vectors.items()}
    # Copies: the update donates its memory, and one array must not be donated twice.
    targets = {group: jnp.array(vectors[group]) for group in TARGET_GROUPS if group in vectors}
    return LearnerState(groups, targets)


def update_many(
    state: LearnerState, batches: Batch, plans: UpdateInputs, definition: AgentDefinition
) -> tuple[LearnerState, jax.Array]:
    """Return the state after one update per leading index, and their metrics in one array (U, metrics)."""
    state, rows = jax.lax.scan(partial(update_once, definition=definition), state, (batches, plans))
    return state, rows


def update_once(
    state: LearnerState, batch_and_plan: tuple[Batch, UpdateInputs], definition: AgentDefinition
) -> tuple[LearnerState, jax.Array]:
    """Return the state after one update, and its metrics in the order of `metric_names`."""
    batch, plan = batch_and_plan
    packings = group_packings(definition)
    batch = random_crops(batch, plan.shifts, shift_images, definition)
    params = _unpack(packings, {group: part.vector for group, part in state.groups.items()})
    targets = _unpack(packings, state.targets)
    if definition.config.objective == "imitation":
        groups, metrics = update_imitation(state, params, batch, definition)
    elif definition.config.objective == "iql":
        groups, metrics = update_iql(state, params, targets, batch, plan, definition)
    else:
        groups, metrics = update_all(state, params, targets, batch, plan, definition)
    row = jnp.stack([metrics[name] for name in metric_names(definition)])
    return LearnerState(groups, follow(state.targets, groups, definition.config.target_update_rate)), row


def update_all(
    state: LearnerState, params: Arrays, targets: Arrays, batch: Batch, plan: UpdateInputs, definition: AgentDefinition
) -> tuple[dict[str, Group], Metrics]:
    """Return all groups after one step, and metrics; the actor learns on each n-th update only."""
    value_groups, embedding, batch, value_metrics = update_values(state, params, targets, batch, plan, definition)
    actor_groups, actor_metrics = jax.lax.cond(
        plan.learns_actor,
        lambda: update_actor(state, params, embedding, batch, plan, definition),
        lambda: keep_actor(state),
    )
    metrics = value_metrics | actor_metrics | {"temperature": networks.temperature(params)}
    return value_groups | actor_groups, metrics


def update_imitation(
    state: LearnerState, params: Arrays, batch: Batch, definition: AgentDefinition
) -> tuple[dict[str, Group], Metrics]:
    """Return embedding, heads and actor after one step down the loss of imitation, the rest untouched, and metrics."""
    loss = partial(losses.imitation_loss, batch=batch, definition=definition)
    learnt = {group: learn(group, loss, state, params, definition) for group in state.targets}
    groups = state.groups | {group: part for group, (part, _) in learnt.items()}
    return groups, learnt["actor"][1] | {"actor_updates": jnp.ones(())}


def update_iql(
    state: LearnerState, params: Arrays, targets: Arrays, batch: Batch, plan: UpdateInputs, definition: AgentDefinition
) -> tuple[dict[str, Group], Metrics]:
    """Return all groups but the temperature's after one step down the losses of implicit Q-learning, and metrics."""
    target, config = iql.critic_target(params, batch, definition), definition.config
    critic_loss = partial(losses.critic_loss, batch=batch, target=target, plan=plan, definition=definition)
    groups, metrics = dict(state.groups), {"target_q": target.mean(), "actor_updates": jnp.ones(())}
    groups["critic"], (embedding, critic_metrics) = learn("critic", critic_loss, state, params, definition)
    z, q = jax.lax.stop_gradient(embedding.z), iql.executed_value(targets, batch, plan, definition)
    groups["value"], value_metrics = learn(
        "value", partial(iql.value_loss, z=z, q=q, config=config), state, params, definition
    )
    weights = iql.advantage_weights(params, z, q, config)
    policy_loss = partial(iql.policy_loss, z=z, batch=batch, weights=weights, definition=definition)
    for group in definition.policy_groups:
        groups[group], policy_metrics = learn(group, policy_loss, state, params, definition)
    return groups, metrics | critic_metrics | value_metrics | policy_metrics


def update_values(
    state: LearnerState, params: Arrays, targets: Arrays, batch: Batch, plan: UpdateInputs, definition: AgentDefinition
) -> tuple[dict[str, Group], Embedding, Batch, Metrics]:
    """Return critics (with embedding) and discrete heads after one step, the observation's embedding, the batch with
    what is still imitated, and metrics.
    """
    config = definition.config
    z_next = networks.embed(params, batch.next_obs, definition)
    z_next_target = networks.embed(targets, batch.next_obs, definition)  # its own trunk, too: SERL, DrQ
    target = losses.critic_target(params, targets, z_next, z_next_target, batch, plan, config)
    critic_loss = partial(losses.critic_loss, batch=batch, target=target, plan=plan, definition=definition)
    critic, (embedding, metrics) = learn("critic", critic_loss, state, params, definition)
    groups, metrics = {"critic": critic}, metrics | {"target_q": target.mean()}
    embedding = jax.lax.stop_gradient(embedding)
    if config.bc_filter:
        batch = losses.only_better(params, embedding, batch, definition)
    metrics |= {"imitated_share": batch.imitated.mean()}
    if definition.heads:
        aims = losses.discrete_targets(params, targets, z_next, z_next_target, batch, definition)
        inputs: dict[str, Any] = {"z": embedding.z, "batch": batch, "targets": aims, "margin_weight": plan.bc_weight}
        discrete_loss = partial(losses.discrete_loss, definition=definition, **inputs)
        groups["discrete"], discrete_metrics = learn("discrete", discrete_loss, state, params, definition)
        metrics |= discrete_metrics
    return groups, embedding, batch, metrics


def follow(targets: dict[str, jax.Array], groups: dict[str, Group], rate: float) -> dict[str, jax.Array]:
    """Return the targets after one step towards the parameters: target + rate (parameter - target)."""
    return {group: old + rate * (groups[group].vector - old) for group, old in targets.items()}


def update_actor(
    state: LearnerState,
    params: Arrays,
    embedding: Embedding,
    batch: Batch,
    plan: UpdateInputs,
    definition: AgentDefinition,
) -> tuple[dict[str, Group], Metrics]:
    """Return actor and temperature after one step, and metrics."""
    loss = partial(losses.actor_loss, embedding=embedding, batch=batch, plan=plan, definition=definition)
    actor, metrics = learn("actor", loss, state, params, definition)
    heat = partial(losses.temperature_loss, entropy=metrics["entropy"], definition=definition)
    temperature, temperature_metrics = learn("temperature", heat, state, params, definition)
    metrics |= temperature_metrics | {"actor_updates": jnp.ones(())}
    return {"actor": actor, "temperature": temperature}, metrics


def keep_actor(state: LearnerState) -> tuple[dict[str, Group], Metrics]:
    """Return actor and temperature untouched, moments too: zero gradients through Adam would apply stale momentum."""
    groups = {group: state.groups[group] for group in ("actor", "temperature")}
    return groups, {name: jnp.zeros(()) for name in (*ACTOR_METRICS, "actor_updates")}


def learn(
    group: str,
    loss: Callable[..., tuple[jax.Array, Any]],
    state: LearnerState,
    params: Arrays,
    definition: AgentDefinition,
) -> tuple[Group, Any]:
    """Return the group after one step down its loss, and the loss's second output. The other groups get no gradient."""
    packing = group_packings(definition)[group]
    own = {name: params[name] for name in packing.names}
    grads, extra = jax.grad(lambda mine: loss(params | mine), has_aux=True)(own)
    config = definition.config
    rate = config.temperature_learning_rate if group == "temperature" else config.learning_rate
    gradient = jnp.concatenate([jnp.ravel(grads[name]) for name in packing.names])
    return descend(state.groups[group], gradient, rate), extra


def descend(group: Group, gradient: jax.Array, rate: float) -> Group:
    """Return the group after one step of Adam."""
    step, adam = ADAM.update(gradient, group.adam)
    return Group(group.vector - rate * step, adam)


def _unpack(packings: dict[str, Packing], vectors: dict[str, jax.Array]) -> Arrays:
    return {name: value for group, vector in vectors.items() for name, value in packings[group].unpack(vector).items()}
