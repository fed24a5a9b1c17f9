"""Training of a success model: members that each leave out other episodes, which judge the threshold.

Every member is trained without one fold of the episodes; the fold's frames are scored by that member alone. Hence each
frame has a held-out score, and no recording is spent on validation. Source: cross-validation ensembles, Krogh and
Vedelsby 1995; mixup as regulariser of reward classifiers: Singh et al. 2019.
"""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.rewards.success_model import Frames, SuccessModel, Views, logits, sigmoid

BETA1, BETA2, DECAY = 0.9, 0.999, 0.01
MIXUP = 0.4  # both parameters of the Beta distribution
SCALE_MIN = 0.01  # of an input's standard deviation


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a classifier's training.

    Raises:
        ConfigError: a number out of its range.
    """

    false_positive_rate: float = 0.01
    """Share of the held-out frames without success above the threshold."""
    recall: float = 0.95
    """Share of the held-out successes that the threshold leaves above it, even at more false positives."""
    folds: int = 5
    """Members of the ensemble, each of which leaves out as large a part of the episodes."""
    hidden: int = 128
    """Hidden units of a member."""
    steps: int = 600
    """Updates."""
    batch: int = 128
    """Frames in an update, half of them successes."""
    learning_rate: float = 1e-3
    dropout: float = 0.1
    """Share of the hidden units that an update leaves out. Source: HIL-SERL."""
    noise: float = 0.3
    """Standard deviation of the noise on standardised inputs."""
    gradient_penalty: float = 0.0
    """Weight of (|dz/dx| - 1)^2 with the logit z and standardised inputs x, which keeps the boundary against an
    adversary from hardening. Source: Blonde and Kalousis 2020, after WGAN-GP."""

    def __post_init__(self) -> None:
        checks.fraction(self, "false_positive_rate", "recall", "dropout")
        checks.at_least(self, 2, "folds", "batch")
        checks.positive(self, "hidden", "steps", "learning_rate")
        checks.at_least(self, 0, "noise", "gradient_penalty")


def train_model(
    frames: Frames,
    views: Views,
    config: TrainingConfig,
    rng: np.random.Generator,
    card: Mapping[str, Any],
    progress: Callable[[int], None] = lambda steps: None,
) -> SuccessModel:
    """Return a classifier with its threshold and, in its card, its scores on held-out episodes.

    Raises:
        ConfigError: too few episodes with or without success to hold any out.
    """
    fold = _folds(frames, config.folds, rng)
    clean = frames.inputs[:, 0].astype(np.float32)
    mean, scale = clean.mean(0), clean.std(0) + np.float32(SCALE_MIN)
    x = (frames.inputs.astype(np.float32) - mean) / scale
    weights = _fit(x, frames.success, fold, config, rng, progress)
    held_out = logits(weights, x[None, :, 0])[fold, np.arange(len(fold))]
    threshold = choose_threshold(held_out, frames.success, config.false_positive_rate, config.recall)
    scores = held_out_scores(sigmoid(held_out), frames.success, float(sigmoid(threshold)))
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    episodes = int(np.unique(frames.episode).size)
    return SuccessModel(
        views,
        {**weights, "mean": mean, "scale": scale},
        scores["threshold"],
        frames,
        {**card, "date": today, "episodes": episodes, **scores, "held_out": [round(float(z), 3) for z in held_out]},
    )


def choose_threshold(scores: np.ndarray, success: np.ndarray, false_positive_rate: float, recall: float) -> float:
    """Return a threshold between the lowest that keeps the rate of false positives and the highest that keeps the
    recall: their middle, or the latter where they exclude each other.
    """
    low = float(np.quantile(scores[~success], 1.0 - false_positive_rate, method="higher"))
    high = float(np.quantile(scores[success], 1.0 - recall, method="lower"))
    return float(np.nextafter(high, -np.inf)) if high <= low else (low + high) / 2


def held_out_scores(probability: np.ndarray, success: np.ndarray, threshold: float) -> dict[str, Any]:
    """Return counts, precision, recall and rate of false positives a frame, above a threshold."""
    positive = probability > threshold
    true, false = int((positive & success).sum()), int((positive & ~success).sum())
    return {
        "threshold": threshold,
        "positives": int(success.sum()),
        "negatives": int((~success).sum()),
        "precision": true / max(true + false, 1),
        "recall": true / max(int(success.sum()), 1),
        "false_positive_rate": false / max(int((~success).sum()), 1),
    }


def _folds(frames: Frames, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold (N,) of each frame: episodes with and without success are dealt out alike."""
    fold = np.zeros(len(frames.success), int)
    numbers, with_success = np.unique(frames.episode), np.unique(frames.episode[frames.success])
    if not len(with_success) >= 2 or frames.success.all():
        raise ConfigError(
            f"classifier: got {len(with_success)} episodes with success and {int((~frames.success).sum())} frames "
            "without, expected 2 or more of either; record with `robot-rl record --hold-success 10`."
        )
    for group in (with_success, np.setdiff1d(numbers, with_success)):
        for place, episode in enumerate(rng.permutation(group)):
            fold[frames.episode == episode] = place % folds
    return fold


def _fit(
    x: np.ndarray,
    success: np.ndarray,
    fold: np.ndarray,
    config: TrainingConfig,
    rng: np.random.Generator,
    progress: Callable[[int], None],
) -> dict[str, np.ndarray]:
    """Return the members' weights after Adam with decoupled decay; the learning rate falls in the second half."""
    weights = _first_weights(config.folds, x.shape[-1], config.hidden, rng)
    first, second = ({name: np.zeros_like(w) for name, w in weights.items()} for _ in range(2))
    pools = [[np.flatnonzero((success == kind) & (fold != k)) for kind in (True, False)] for k in range(config.folds)]
    for step in range(1, config.steps + 1):
        inputs, labels = _draw(x, success, pools, config, rng)
        gradient = _gradient(weights, inputs, labels, config.dropout, rng)
        if config.gradient_penalty:
            penalty = _penalty_gradient(weights, inputs)
            gradient = {name: g + config.gradient_penalty * penalty[name] for name, g in gradient.items()}
        rate = config.learning_rate * min(1.0, 2.0 * (1.0 - step / (config.steps + 1)))
        for name, g in gradient.items():
            first[name] += (1 - BETA1) * (g - first[name])
            second[name] += (1 - BETA2) * (g * g - second[name])
            move = first[name] / (1 - BETA1**step) / (np.sqrt(second[name] / (1 - BETA2**step)) + 1e-8)
            weights[name] -= np.float32(rate) * (move + np.float32(DECAY) * weights[name])
        progress(1)
    return weights


def _first_weights(members: int, inputs: int, hidden: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    weights = {}
    for layer, (size, count) in enumerate(((inputs, hidden), (hidden, 1))):
        weights[f"w{layer}"] = rng.normal(0.0, size**-0.5, (members, size, count)).astype(np.float32)
        weights[f"b{layer}"] = np.zeros((members, 1, count), np.float32)
    return weights


def _draw(
    x: np.ndarray, success: np.ndarray, pools: list[list[np.ndarray]], config: TrainingConfig, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch for each member, half successes, mixed and with noise: (E, B, I) and labels (E, B)."""
    rows = np.stack([np.concatenate([rng.choice(pool, config.batch // 2) for pool in pair]) for pair in pools])
    inputs, labels = x[rows, rng.integers(x.shape[1], size=rows.shape)], success[rows].astype(np.float32)
    share, other = rng.beta(MIXUP, MIXUP, rows.shape).astype(np.float32), rng.permutation(rows.shape[1])
    labels = share * labels + (1 - share) * labels[:, other]
    inputs = share[..., None] * inputs + (1 - share[..., None]) * inputs[:, other]
    return inputs + np.float32(config.noise) * rng.standard_normal(inputs.shape, np.float32), labels


def _gradient(
    weights: Mapping[str, np.ndarray], x: np.ndarray, labels: np.ndarray, dropout: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return the gradient of the mean cross-entropy of each member."""
    raw = np.tanh(x @ weights["w0"] + weights["b0"])
    mask = (rng.random(raw.shape, np.float32) >= dropout) / np.float32(1 - dropout)
    hidden = raw * mask
    output = (hidden @ weights["w1"] + weights["b1"])[..., 0]
    d_output = ((sigmoid(output) - labels) / np.float32(labels.shape[1]))[..., None]
    d_hidden = (d_output @ weights["w1"].swapaxes(1, 2)) * mask * (1 - raw * raw)
    return {
        "w0": x.swapaxes(1, 2) @ d_hidden,
        "b0": d_hidden.sum(1, keepdims=True),
        "w1": hidden.swapaxes(1, 2) @ d_output,
        "b1": d_output.sum(1, keepdims=True),
    }


def _penalty_gradient(weights: Mapping[str, np.ndarray], x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the gradient of the mean over a batch of (|g| - 1)^2 of each member, g the slope of its logit at x.

    With h = tanh(w0 x + b0) and u = w1 (1 - h^2) the slope is g = w0 u.
    """
    h = np.tanh(x @ weights["w0"] + weights["b0"])  # (E, B, H)
    w1 = weights["w1"].swapaxes(1, 2)  # (E, 1, H)
    u = w1 * (1 - h * h)
    g = u @ weights["w0"].swapaxes(1, 2)  # (E, B, I)
    length = np.sqrt(np.square(g).sum(-1, keepdims=True)) + np.float32(1e-8)
    d_g = 2 * (length - 1) * g / length / np.float32(x.shape[1])
    d_u = d_g @ weights["w0"]
    d_z = -2 * h * d_u * w1 * (1 - h * h)
    return {
        "w0": d_g.swapaxes(1, 2) @ u + x.swapaxes(1, 2) @ d_z,
        "b0": d_z.sum(1, keepdims=True),
        "w1": (d_u * (1 - h * h)).sum(1)[..., None],
        "b1": np.zeros_like(weights["b1"]),
    }
