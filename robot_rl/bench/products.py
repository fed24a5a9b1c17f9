"""Physical limit of an update: how fast this computer makes its matrix products alone."""

from typing import Any

import jax

from robot_rl.agents.batches import random_batch
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax.learner import JaxLearner
from robot_rl.agents.jax.precision import product, products
from robot_rl.bench.timing import time_calls

MEMBERS, BATCH, WIDTH, CALLS = 10, 256, 256, 50
"""A hidden layer of the ensemble."""


def gflop_per_s(precision: str) -> float:
    """Return the rate of a hidden layer of 10 critics at batch 256, the best of 50 calls [GFLOP/s]."""
    keys = jax.random.split(jax.random.key(0))
    x, kernel = (jax.random.normal(key, (MEMBERS, side, WIDTH)) for key, side in zip(keys, (BATCH, WIDTH), strict=True))
    with products(precision):
        layer = jax.jit(lambda x, kernel: product(x, kernel))
        durations_s = time_calls(lambda: jax.block_until_ready(layer(x, kernel)), CALLS)
    return 2e-9 * MEMBERS * BATCH * WIDTH * WIDTH / float(durations_s.min())


def limits(definitions: dict[str, AgentDefinition], rates: dict[str, Any], precision: str) -> dict[str, float]:
    """Return the products' rate, and for each definition the work of an update and its share of that rate.

    Args:
        definitions: by the name of their rate.
        rates: updates a second by that name.
        precision: of the products.
    """
    limit = gflop_per_s(precision)
    result = {"products_gflop_per_s": round(limit, 1)}
    for name, definition in definitions.items():
        gflop = 1e-9 * JaxLearner(definition, 0).flop(random_batch(definition, 1, BATCH))
        result[f"gflop_per_update_{name}"] = round(gflop, 2)
        result[f"share_of_products_{name}"] = round(gflop * rates[f"updates_per_s_{name}"] / limit, 2)
    return result
