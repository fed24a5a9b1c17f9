"""Hidden layers of the JAX backend: the gradients that are written by hand are those of autodiff."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
from robot_rl.agents.jax.hidden_units import NORM_EPSILON, hidden_units  # noqa: E402

SHAPES = {"layer": ((8, 16), (1, 16)), "ensemble": ((3, 8, 16), (3, 1, 16)), "entries": ((8, 3, 16), (1, 3, 16))}


def by_autodiff(x, scale, bias, activation):
    scaled = jax.nn.standardize(x, epsilon=NORM_EPSILON) * scale + bias
    return jax.numpy.tanh(scaled) if activation == "tanh" else jax.nn.relu(scaled)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_hidden_units_are_those_of_autodiff(shape: str, activation: str) -> None:
    rng, (inner, shared) = np.random.default_rng(0), SHAPES[shape]
    x, scale, bias, slope = (rng.standard_normal(size, dtype=np.float32) for size in (inner, shared, shared, inner))
    results = []
    for units in (by_autodiff, hidden_units):
        y, pull = jax.vjp(lambda *inputs, units=units: units(*inputs, activation), x, scale, bias)
        results.append((y, *pull(jax.numpy.asarray(slope))))
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, atol=2e-5)
