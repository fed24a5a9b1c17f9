"""The agent's losses once more, in plain numpy and float64, written from the equations: the judge of the backends."""

import math
from collections.abc import Mapping

import numpy as np

from robot_rl.agents.definition import AgentDefinition
from robot_rl.data.batch import Batch

Arrays = Mapping[str, np.ndarray]


def norm(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)


def activate(x: np.ndarray, definition: AgentDefinition) -> np.ndarray:
    return np.tanh(x) if definition.config.activation == "tanh" else np.maximum(x, 0.0)


def convolution(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """Convolve one image (H, W, I) pixel by pixel, padded so that the size becomes size / stride."""
    size = kernel.shape[0]
    out = [-(-extent // stride) for extent in x.shape[:2]]
    total = [max((o - 1) * stride + size - extent, 0) for o, extent in zip(out, x.shape[:2], strict=True)]
    padded = np.pad(x, [(t // 2, t - t // 2) for t in total] + [(0, 0)])
    result = np.zeros((*out, kernel.shape[-1]))
    for i in range(out[0]):
        for j in range(out[1]):
            patch = padded[i * stride : i * stride + size, j * stride : j * stride + size]
            result[i, j] = np.tensordot(patch, kernel, 3)
    return result


def encode(params: Arrays, image: np.ndarray, architecture, prefix: str) -> np.ndarray:
    """Encode one image (H, W, 3): soft-argmax and maximum of each map."""
    x = image / 255.0 - 0.5
    p = architecture.pool
    x = x.reshape(x.shape[0] // p, p, x.shape[1] // p, p, 3).mean((1, 3))
    for i, layer in enumerate(architecture.layers):
        x = convolution(x, params[f"{prefix}/conv{i}/kernel"], layer.stride) + params[f"{prefix}/conv{i}/bias"]
        x = np.maximum(x, 0.0) if layer.relu else x
    weight = np.exp((x - x.max((0, 1))) / architecture.softmax_temperature)
    weight /= weight.sum((0, 1))
    down, right = np.linspace(-1, 1, x.shape[0]), np.linspace(-1, 1, x.shape[1])
    return np.concatenate([np.einsum("ijc,j->c", weight, right), np.einsum("ijc,i->c", weight, down), x.max((0, 1))])


def first_action(batch: Batch) -> np.ndarray:
    """Return the action at the observation (B, A)."""
    return batch.action.reshape(len(batch.action), -1, batch.action.shape[-1])[:, 0]


def motion(batch: Batch, definition: AgentDefinition) -> np.ndarray:
    """Return the continuous axes of the first action, or of all of a chunk, one after the other (B, C)."""
    axes = definition.layout.continuous_indices
    if definition.config.chunk == 1:
        return first_action(batch)[:, axes]
    return np.concatenate([batch.action[:, step][:, axes] for step in range(definition.config.chunk)], -1)


def embed(params: Arrays, obs: Arrays, definition: AgentDefinition) -> np.ndarray:
    parts = []
    for name in definition.observation:
        x = np.asarray(obs[name], np.float64)
        if name in definition.images:
            x = np.stack([encode(params, image, definition.config.trunk, f"trunk/{name}") for image in x])
        x = norm(x @ params[f"projection/{name}/kernel"])
        parts.append(np.tanh(x * params[f"projection/{name}/norm_scale"] + params[f"projection/{name}/norm_bias"]))
    return np.concatenate(parts, -1)


def hidden(
    params: Arrays, name: str, x: np.ndarray, definition: AgentDefinition, member: int | None = None
) -> np.ndarray:
    """Return the hidden layers' output; `member` picks one critic of the ensemble."""

    def get(key: str) -> np.ndarray:
        value = params[f"{name}/{key}"]
        return value if member is None else value[member]

    depth = len(definition.config.discrete_hidden if name.startswith("discrete/") else definition.config.hidden)
    for i in range(depth):
        kernel = get(f"dense{i}/kernel")
        if name == "critic" and i == 0:
            kernel = np.concatenate([kernel, get("action/kernel")])
        x = activate(norm(x @ kernel) * get(f"dense{i}/norm_scale") + get(f"dense{i}/norm_bias"), definition)
    return x


def critics(params: Arrays, z: np.ndarray, action: np.ndarray, definition: AgentDefinition) -> np.ndarray:
    """Return Q (E, B)."""
    outputs = critic_outputs(params, z, action, definition)
    if definition.config.critic == "ensemble":
        return outputs[..., 0]
    centres = [(low + high) / 2 for low, high in bins(definition)]
    return (bin_shares(outputs, definition) * centres).sum(-1)


def critic_outputs(params: Arrays, z: np.ndarray, action: np.ndarray, definition: AgentDefinition) -> np.ndarray:
    """Return (E, B, outputs), one critic after the other."""
    values = []
    for e in range(definition.config.num_critics):
        top = hidden(params, "critic", np.concatenate([z, action], -1), definition, e)
        values.append(top @ params["critic/out/kernel"][e] + params["critic/out/bias"][e])
    return np.stack(values)


def bins(definition: AgentDefinition) -> list[tuple[float, float]]:
    low, high = definition.config.value_range
    width = (high - low) / 51
    return [(low + k * width, low + (k + 1) * width) for k in range(51)]


def bin_shares(outputs: np.ndarray, definition: AgentDefinition) -> np.ndarray:
    """Return the share of each bin: exp(output) times a Gaussian around 0, 1/20 of the range wide, at least e^-5."""
    low, high = definition.config.value_range
    first = [np.exp(-0.5 * ((below + above) / 2 / (0.05 * (high - low))) ** 2) for below, above in bins(definition)]
    shares = np.maximum(first, np.exp(-5.0)) * np.exp(outputs)
    return shares / shares.sum(-1, keepdims=True)


def gaussian_in_bins(y: float, definition: AgentDefinition) -> np.ndarray:
    """Return the mass of a Gaussian around y, 0.75 bins wide, in each bin, of that in the whole range."""
    y, std = float(np.clip(y, *definition.config.value_range)), 0.75 * (bins(definition)[0][1] - bins(definition)[0][0])
    below = [0.5 * (1 + math.erf((edge - y) / (std * math.sqrt(2)))) for edge in np.ravel(bins(definition))]
    mass = np.diff(below)[::2]
    return mass / mass.sum()


def actor(params: Arrays, z: np.ndarray, definition: AgentDefinition) -> tuple[np.ndarray, np.ndarray]:
    out = hidden(params, "actor", z, definition) @ params["actor/out/kernel"] + params["actor/out/bias"]
    mean, log_std = np.split(out, 2, -1)
    config = definition.config
    return mean, np.clip(np.exp(config.initial_log_std + log_std), config.std_min, config.std_max)


def sample(mean: np.ndarray, std: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    action = np.tanh(mean + std * noise)
    density = np.exp(-0.5 * noise**2) / (std * np.sqrt(2 * np.pi)) / (1.0 - action**2)
    return action, np.log(density).sum(-1)


def discrete(params: Arrays, name: str, z: np.ndarray, definition: AgentDefinition) -> np.ndarray:
    name = f"discrete/{name}"
    return hidden(params, name, z, definition) @ params[f"{name}/out/kernel"] + params[f"{name}/out/bias"]


def temperature(params: Arrays) -> float:
    return float(np.log1p(np.exp(params["temperature/raw"])))


def critic_target(
    params: Arrays, targets: Arrays, batch: dict, next_noise, subset, definition, proposals: np.ndarray | None = None
) -> np.ndarray:
    action, log_prob = sample(*actor(params, embed(params, batch.next_obs, definition), definition), next_noise)
    z = embed(targets, batch.next_obs, definition)
    value = critics(targets, z, action, definition)[subset].min(0)
    if definition.config.backup_entropy:
        value = value - temperature(params) * log_prob
    if proposals is not None:
        both = np.stack([value, critics(targets, z, proposals, definition)[subset].min(0)])
        chances = np.exp((both - both.max(0)) / definition.config.reference_temperature)
        value = (chances / chances.sum(0) * both).sum(0)
    return batch.reward + batch.discount * (1.0 - batch.terminated) * value


def critic_loss(params: Arrays, batch: dict, target: np.ndarray, definition: AgentDefinition) -> float:
    z, action = embed(params, batch.obs, definition), judged_action(batch, definition)
    if definition.config.critic == "categorical":
        mass = np.stack([gaussian_in_bins(y, definition) for y in target])
        shares = bin_shares(critic_outputs(params, z, action, definition), definition)
        return float(-(mass * np.log(shares)).sum(-1).mean(1).sum())
    return float(((critics(params, z, action, definition) - target) ** 2).mean(1).sum())


def judged_action(batch: Batch, definition) -> np.ndarray:
    return first_action(batch) if definition.config.objective == "iql" else motion(batch, definition)


def value(params: Arrays, z: np.ndarray, definition: AgentDefinition) -> np.ndarray:
    return (hidden(params, "value", z, definition) @ params["value/out/kernel"] + params["value/out/bias"])[:, 0]


def iql_target(params: Arrays, batch: Batch, definition: AgentDefinition) -> np.ndarray:
    v = value(params, embed(params, batch.next_obs, definition), definition)
    return np.where(batch.terminated > 0.5, batch.reward, batch.reward + batch.discount * v)


def executed_value(targets: Arrays, batch: Batch, subset, definition: AgentDefinition) -> np.ndarray:
    z = embed(targets, batch.obs, definition)
    return critics(targets, z, judged_action(batch, definition), definition)[subset].min(0)


def value_loss(params: Arrays, z: np.ndarray, q: np.ndarray, definition: AgentDefinition) -> float:
    u, expectile = q - value(params, z, definition), definition.config.expectile
    return float(np.mean([(expectile if x >= 0 else 1 - expectile) * x**2 for x in u]))


def advantage_weights(params: Arrays, z: np.ndarray, q: np.ndarray, definition: AgentDefinition) -> np.ndarray:
    return np.minimum(np.exp(definition.config.advantage_scale * (q - value(params, z, definition))), 100.0)


def iql_policy_loss(params: Arrays, z: np.ndarray, batch: Batch, weights, definition: AgentDefinition) -> float:
    return float((weights * cloning_errors(params, z, batch, definition)).mean())


def conservative_gaps(params: Arrays, z: np.ndarray, batch: Batch, noise, definition: AgentDefinition) -> np.ndarray:
    """Return each critic's gap (E,); the policy's actions are those of the fixed embedding z, without gradient."""
    mean, std = actor(params, z, definition)
    z_of_critics, exponentials = embed(params, batch.obs, definition), []
    for normal, uniform in zip(*np.float64(noise), strict=True):
        own, log_prob = sample(mean, std, normal)
        calibrated = np.maximum(critics(params, z_of_critics, own, definition), batch.outcome)
        exponentials.append(np.exp(calibrated) / np.exp(log_prob))
        exponentials.append(np.exp(critics(params, z_of_critics, uniform, definition)) / 0.5 ** uniform.shape[-1])
    given = critics(params, z_of_critics, judged_action(batch, definition), definition)
    return (np.log(np.sum(exponentials, 0)) - given).mean(1)


def only_better(params: Arrays, z: np.ndarray, batch: Batch, definition) -> Batch:
    """Return the batch whose imitated samples ended better than the critics expect of the policy's mean action."""
    expected = critics(params, z, np.tanh(actor(params, z, definition)[0]), definition).mean(0)
    return batch._replace(imitated=np.where(batch.outcome < expected, 0.0, batch.imitated))


def actor_loss(params: Arrays, z: np.ndarray, batch: dict, noise, bc_weight: float, definition) -> float:
    """Return the actor's loss on a fixed embedding z: it sends no gradient there."""
    mean, std = actor(params, z, definition)
    action, log_prob = sample(mean, std, noise)
    q = critics(params, z, action, definition).mean(0)
    error = ((np.tanh(mean) - motion(batch, definition)) ** 2).sum(-1)
    cloning = (batch.imitated * error).sum() / max(batch.imitated.sum(), 1.0)
    return float((temperature(params) * log_prob - q).mean() + bc_weight * cloning)


def imitation_loss(params: Arrays, batch: Batch, definition: AgentDefinition) -> float:
    """Return the sum of the actor's and the heads' losses of behaviour cloning, on the imitated samples alone."""
    rows, z = batch.imitated > 0.5, embed(params, batch.obs, definition)
    return float(cloning_errors(params, z, batch, definition)[rows].mean()) if rows.any() else 0.0


def cloning_errors(params: Arrays, z: np.ndarray, batch: Batch, definition: AgentDefinition) -> np.ndarray:
    given = motion(batch, definition)
    errors = ((np.tanh(actor(params, z, definition)[0]) - given) ** 2).sum(-1)
    for head, axis in definition.heads:
        weights = np.exp(discrete(params, head.name, z, definition))
        errors -= np.log(weights[np.arange(len(z)), chosen(batch, head, axis)] / weights.sum(-1))
    return errors


def chosen(batch: Batch, head, axis: int) -> np.ndarray:
    return np.array([head.index(level) for level in first_action(batch)[:, axis]])


def discrete_target(params: Arrays, targets: Arrays, batch: Batch, head, axis: int, definition) -> np.ndarray:
    config, index, last = definition.config, chosen(batch, head, axis), len(head.values) - 1
    best = discrete(params, head.name, embed(params, batch.next_obs, definition), definition).argmax(-1)
    z = embed(targets, batch.next_obs, definition)
    value = discrete(targets, head.name, z, definition)[np.arange(len(best)), best]
    toggles = (index == 0) | (index == last)
    if head.position is not None:
        at_last = batch.obs[head.position.name][:, head.position.index] > config.position_threshold
        toggles = np.where(at_last, index == 0, index == last)
    reward = batch.reward - config.toggle_penalty * toggles
    return reward + batch.discount * (1.0 - batch.terminated) * value


def discrete_loss(params: Arrays, z: np.ndarray, batch: Batch, targets, margin_weight: float, definition) -> float:
    return sum(
        head_loss(params, z, batch, head, axis, target, margin_weight, definition)
        for (head, axis), target in zip(definition.heads, targets, strict=True)
    )


def head_loss(params: Arrays, z, batch: Batch, head, axis, target, margin_weight: float, definition) -> float:
    index, q = chosen(batch, head, axis), discrete(params, head.name, z, definition)
    rows = np.arange(len(index))
    loss = ((q[rows, index] - target) ** 2).mean()
    margins = np.full_like(q, definition.config.discrete_margin)
    margins[rows, index] = 0.0
    lead = (q + margins).max(-1) - q[rows, index]
    if definition.config.discrete_margin > 0:
        loss += margin_weight * (batch.imitated * lead).sum() / max(batch.imitated.sum(), 1.0)
    return float(loss)


def temperature_loss(params: Arrays, z: np.ndarray, noise, definition: AgentDefinition) -> float:
    entropy = -sample(*actor(params, z, definition), noise)[1].mean()
    return temperature(params) * (entropy - definition.target_entropy)


def slope(loss, params: Arrays, direction: Arrays, step: float = 1e-5) -> float:
    """Return the derivative of loss(params) along a direction, by central differences."""
    ahead, behind = (
        {name: value + sign * step * direction.get(name, 0.0) for name, value in params.items()} for sign in (1, -1)
    )
    return (loss(ahead) - loss(behind)) / (2 * step)
