"""One update of the agent, in place.

Order: critics and embedding, the discrete heads' critics, on each n-th update actor and temperature, then the targets.
All losses use the parameters before the update. The targets of embedding, heads and actor are also the acting
policy: averages over the last 1 / rate updates, steadier than any one of them. With the objective imitation embedding,
heads and actor learn on each update, critics and temperature on none; with iql all but the temperature on each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robot_rl.agents.batches import random_crops
from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.learner_state import KINDS, TARGET_GROUPS, PackedState
from robot_rl.agents.metrics import ACTOR_METRICS, metric_names
from robot_rl.agents.packing import Packing, group_packings
from robot_rl.agents.torch import iql, losses, networks
from robot_rl.agents.torch.ensemble import Metrics
from robot_rl.agents.torch.losses import Embedding
from robot_rl.agents.update_inputs import UpdateInputs
from robot_rl.data.batch import Batch
from robot_rl.vision.torch_encoder import shift_images

Arrays = dict[str, Tensor]


class Group:
    """One group of parameters as one vector, with an optimiser that advances only on its updates."""

    def __init__(self, vector: np.ndarray, packing: Packing, rate: float, device: torch.device) -> None:
        self.vector = torch.tensor(vector, device=device, requires_grad=True)
        self.adam = make_adam(self.vector, rate)
        self.packing = packing

    def parameters(self, gradient: bool = False) -> Arrays:
        """Return the group's parameters by name."""
        return split(self.packing, self.vector if gradient else self.vector.detach())

    def descend(self, gradient: Tensor) -> None:
        """Take one step of Adam."""
        self.vector.grad = gradient
        self.adam.step()

    def load(self, vector: np.ndarray, mu: np.ndarray, nu: np.ndarray, count: int) -> None:
        """Continue from saved parameters and moments."""
        with torch.no_grad():
            self.vector.copy_(torch.from_numpy(vector))
        like = partial(torch.tensor, dtype=torch.float32)
        moments = {"step": like(float(count)), "exp_avg": like(mu), "exp_avg_sq": like(nu)}
        self.adam.load_state_dict({**self.adam.state_dict(), "state": {0: moments}})

    def moments(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Return Adam's first and second moments, and its steps."""
        state = self.adam.state[self.vector]
        if not state:
            zeros = np.zeros(self.vector.shape, np.float32)
            return zeros, zeros.copy(), 0
        return to_numpy(state["exp_avg"]), to_numpy(state["exp_avg_sq"]), int(state["step"])


@dataclass
class LearnerState:
    """State of the learner; with seed and number of updates, the content of a checkpoint."""

    groups: dict[str, Group]
    targets: Arrays

    def parameters(self) -> Arrays:
        """Return all parameters by name."""
        return {name: value for group in self.groups.values() for name, value in group.parameters().items()}

    def target_parameters(self) -> Arrays:
        """Return the averages by name."""
        parts = (split(self.groups[group].packing, vector) for group, vector in self.targets.items())
        return {name: value for part in parts for name, value in part.items()}

    def load(self, packed: PackedState) -> None:
        """Continue from a saved state."""
        vectors = packed.vectors
        for name, group in self.groups.items():
            vector, mu, nu = (vectors[kind][name] for kind in KINDS)
            group.load(vector, mu, nu, packed.counts[name])
        for name, target in self.targets.items():
            target.copy_(torch.from_numpy(vectors["targets"][name]))


def make_adam(vector: Tensor, rate: float) -> torch.optim.Adam:
    """Return Adam (beta .9 and .999, epsilon 1e-8) in one kernel."""
    return torch.optim.Adam([vector], lr=rate, fused=True)


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Return a copy of a tensor."""
    copy: np.ndarray = tensor.detach().cpu().numpy().copy()
    return copy


def split(packing: Packing, vector: Tensor) -> Arrays:
    """Return the arrays of a vector by name; its gradient comes back in one piece, unlike that of slices."""
    parts = zip(packing.shapes, vector.split(packing.sizes), strict=True)
    return {name: part.view(shape) for (name, shape), part in parts}


def make_state(definition: AgentDefinition, seed: int, device: torch.device) -> LearnerState:
    """Return the state before the first update."""
    params, packings = definition.init(seed), group_packings(definition)
    groups = {
        name: Group(packing.pack(params), packing, learning_rate(name, definition.config), device)
        for name, packing in packings.items()
    }
    targets = {name: groups[name].vector.detach().clone() for name in TARGET_GROUPS if name in groups}
    return LearnerState(groups, targets)


def learning_rate(group: str, config: AgentConfig) -> float:
    """Return Adam's rate of a group."""
    return config.temperature_learning_rate if group == "temperature" else config.learning_rate


def update_once(
    state: LearnerState, batch: Batch, plan: UpdateInputs, learns_actor: bool, definition: AgentDefinition
) -> Tensor:
    """Take one update in place; return its metrics in the order of `metric_names`."""
    batch = random_crops(batch, plan.shifts, shift_images, definition)
    if definition.config.objective == "imitation":
        gradients, metrics = imitation_gradients(state, batch, definition)
    elif definition.config.objective == "iql":
        gradients, metrics = iql_gradients(state, batch, plan, definition)
    else:
        gradients, metrics = all_gradients(state, batch, plan, learns_actor, definition)
    for name, gradient in gradients.items():
        state.groups[name].descend(gradient)
    follow(state, definition.config.target_update_rate)
    return torch.stack([metrics[name] for name in metric_names(definition)])


def all_gradients(
    state: LearnerState, batch: Batch, plan: UpdateInputs, learns_actor: bool, definition: AgentDefinition
) -> tuple[Arrays, Metrics]:
    """Return the gradients of all groups, and metrics; the actor learns on each n-th update only."""
    params, targets = state.parameters(), state.target_parameters()
    gradients, embedding, batch, metrics = value_gradients(state, params, targets, batch, plan, definition)
    metrics["temperature"] = networks.temperature(params)
    zero = metrics["temperature"].new_zeros(())
    metrics["actor_updates"] = zero + learns_actor
    if not learns_actor:
        return gradients, metrics | dict.fromkeys(ACTOR_METRICS, zero)
    actor_gradients, actor_metrics = policy_gradients(state, params, embedding, batch, plan, definition)
    return gradients | actor_gradients, metrics | actor_metrics


def imitation_gradients(state: LearnerState, batch: Batch, definition: AgentDefinition) -> tuple[Arrays, Metrics]:
    """Return the gradients of embedding, heads and actor down the loss of imitation, and metrics."""
    params, loss = state.parameters(), partial(losses.imitation_loss, batch=batch, definition=definition)
    gradients = {}
    for name in state.targets:
        gradients[name], metrics = gradient_of(loss, state.groups[name], params)
    return gradients, metrics | {"actor_updates": metrics["imitation_loss"].new_ones(())}


def iql_gradients(
    state: LearnerState, batch: Batch, plan: UpdateInputs, definition: AgentDefinition
) -> tuple[Arrays, Metrics]:
    """Return the gradients of all groups but the temperature's down the losses of implicit Q-learning, and metrics."""
    params, config = state.parameters(), definition.config
    target = iql.critic_target(params, batch, definition)
    critic_loss = partial(losses.critic_loss, batch=batch, target=target, plan=plan, definition=definition)
    gradients, metrics = {}, {"target_q": target.mean(), "actor_updates": target.new_ones(())}
    gradients["critic"], (embedding, critic_metrics) = gradient_of(critic_loss, state.groups["critic"], params)
    z, q = embedding.z, iql.executed_value(state.target_parameters(), batch, plan, definition)
    value_loss = partial(iql.value_loss, z=z, q=q, config=config)
    gradients["value"], value_metrics = gradient_of(value_loss, state.groups["value"], params)
    weights = iql.advantage_weights(params, z, q, config)
    policy_loss = partial(iql.policy_loss, z=z, batch=batch, weights=weights, definition=definition)
    for group in definition.policy_groups:
        gradients[group], policy_metrics = gradient_of(policy_loss, state.groups[group], params)
    return gradients, metrics | critic_metrics | value_metrics | policy_metrics


def value_gradients(
    state: LearnerState, params: Arrays, targets: Arrays, batch: Batch, plan: UpdateInputs, definition: AgentDefinition
) -> tuple[Arrays, Embedding, Batch, Metrics]:
    """Return the gradients of critics (with embedding) and discrete heads, the observation's embedding, the batch with
    what is still imitated, and metrics.
    """
    with torch.no_grad():
        z_next = networks.embed(params, batch.next_obs, definition)
        z_next_target = networks.embed(targets, batch.next_obs, definition)  # its own trunk, too: SERL, DrQ
        target = losses.critic_target(params, targets, z_next, z_next_target, batch, plan, definition.config)
        aims = losses.discrete_targets(params, targets, z_next, z_next_target, batch, definition)
    critic_loss = partial(losses.critic_loss, batch=batch, target=target, plan=plan, definition=definition)
    gradient, (embedding, metrics) = gradient_of(critic_loss, state.groups["critic"], params)
    gradients, metrics = {"critic": gradient}, metrics | {"target_q": target.mean()}
    if definition.config.bc_filter:
        batch = losses.only_better(params, embedding, batch, definition)
    metrics |= {"imitated_share": batch.imitated.mean()}
    if definition.heads:
        inputs: dict[str, Any] = {"z": embedding.z, "batch": batch, "targets": aims, "margin_weight": plan.bc_weight}
        discrete_loss = partial(losses.discrete_loss, definition=definition, **inputs)
        gradients["discrete"], discrete_metrics = gradient_of(discrete_loss, state.groups["discrete"], params)
        metrics |= discrete_metrics
    return gradients, embedding, batch, metrics


def policy_gradients(
    state: LearnerState,
    params: Arrays,
    embedding: Embedding,
    batch: Batch,
    plan: UpdateInputs,
    definition: AgentDefinition,
) -> tuple[Arrays, Metrics]:
    """Return the gradients of actor and temperature, and metrics."""
    loss = partial(losses.actor_loss, embedding=embedding, batch=batch, plan=plan, definition=definition)
    actor, metrics = gradient_of(loss, state.groups["actor"], params)
    heat = partial(losses.temperature_loss, entropy=metrics["entropy"], definition=definition)
    temperature, temperature_metrics = gradient_of(heat, state.groups["temperature"], params)
    return {"actor": actor, "temperature": temperature}, metrics | temperature_metrics


def gradient_of(
    loss: Callable[..., tuple[Tensor, Any]], group: Group, params: Mapping[str, Tensor]
) -> tuple[Tensor, Any]:
    """Return the loss's gradient in a group's vector, and its second output. The other groups get no gradient."""
    value, extra = loss({**params, **group.parameters(gradient=True)})
    return torch.autograd.grad(value, group.vector)[0], extra


def follow(state: LearnerState, rate: float) -> None:
    """Move the targets one step towards the parameters: target + rate (parameter - target)."""
    for name, target in state.targets.items():
        target.lerp_(state.groups[name].vector.detach(), rate)
