"""The training loop of image encoders: Adam on a loss of images and their targets, in parts that fit the cache."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
import optax

Arrays = Mapping[str, Any]
Loss = Callable[[Arrays, Arrays], jax.Array]
"""(parameters, part of a batch) -> mean loss."""
PART = 8  # images per part of a batch


def fit(
    params: dict[str, jax.Array],
    loss: Loss,
    draw: Callable[[], Arrays],
    steps: int,
    learning_rate: float,
    progress: Callable[[int, float], None] = lambda n, loss: None,
    part: int = PART,
) -> dict[str, np.ndarray]:
    """Return the parameters after `steps` of Adam with a one-cycle cosine schedule.

    Args:
        params: initial parameters; their memory is given away.
        draw: returns a batch, arrays of one length, a multiple of `part`.
        progress: called every 50 steps with their number and the loss.
        part: length of the parts whose gradients are added.
    """
    schedule = optax.cosine_onecycle_schedule(steps, learning_rate)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
    moments = optimiser.init(params)
    step = jax.jit(partial(_step, optimiser=optimiser, loss=loss, part=part), donate_argnums=(0, 1))
    for number in range(steps):
        params, moments, value = step(params, moments, draw())
        if number % 50 == 0:
            progress(min(50, steps - number), float(value))
    return {name: np.asarray(value) for name, value in params.items()}


def _step(
    params: dict[str, jax.Array],
    moments: Any,
    batch: Arrays,
    optimiser: optax.GradientTransformation,
    loss: Loss,
    part: int,
) -> tuple[dict[str, jax.Array], Any, jax.Array]:
    """One optimiser step; its gradient is the mean of the parts'."""
    parts = jax.tree.map(lambda x: x.reshape(-1, part, *x.shape[1:]), dict(batch))
    value, gradient = jax.tree.map(
        lambda x: x.mean(0), jax.lax.map(lambda rows: jax.value_and_grad(loss)(params, rows), parts)
    )
    updates, moments = optimiser.update(gradient, moments, params)
    return optax.apply_updates(params, updates), moments, value
