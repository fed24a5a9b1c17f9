"""Products of operands rounded to bfloat16: their errors are those of the rounding, and nothing else changes.

The unit roundoff of bfloat16 is u = 2^-8 (8 significant bits), so a product of rounded operands differs from the exact
one by at most (2 u + u^2) |x| |W|, entry by entry. Sums in float32 add less than a tenth of that here; a result that is
rounded, too, adds u |x W|.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from robot_rl.agents.backend import make_backend
from robot_rl.agents.config import FRAMEWORKS, AgentConfig
from robot_rl.bench.learner import cached_definition
from robot_rl.core.settings import from_json, to_json
from tests.agents.conftest import MakeBackend
from tests.agents.samples import random_batch, small_agent
from tests.agents.test_updates import gradients

ROUNDOFF = 2.0**-8
PRODUCTS_ON_A_PATH = 8
"""Of critic and actor alike: projection, two hidden layers and the output, forward and backward."""
AGENT = small_agent(precision="bfloat16")
Product = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


def jax_product(x: np.ndarray, kernel: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x W, and the gradients of its sum weighted by `slope`."""
    jax = pytest.importorskip("jax")
    from robot_rl.agents.jax.precision import product, products

    with products("bfloat16"):
        value, pull = jax.vjp(product, x, kernel)
        return tuple(np.asarray(array) for array in (value, *pull(jax.numpy.asarray(slope))))


def torch_product(x: np.ndarray, kernel: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x W, and the gradients of its sum weighted by `slope`."""
    torch = pytest.importorskip("torch")
    from robot_rl.agents.torch.precision import product, products

    leaves = [torch.tensor(array, requires_grad=True) for array in (x, kernel)]
    with products("bfloat16", torch.device("cpu")):
        value = product(*leaves)
        value.backward(torch.tensor(slope))
    return tuple(tensor.detach().numpy() for tensor in (value, *(leaf.grad for leaf in leaves)))


@pytest.mark.slow
def test_an_agent_of_the_presets_size_learns_with_rounded_products(backend: MakeBackend) -> None:
    agent = cached_definition(num_critics=2)
    agent = replace(agent, config=replace(agent.config, precision="bfloat16"))
    metrics = backend(agent, 0).learner().update(random_batch(agent, updates=2, batch=256))
    assert all(np.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize("product", [jax_product, torch_product])
@pytest.mark.parametrize("members", [(), (3,)])
def test_error_of_a_product_is_that_of_its_rounded_operands(product: Product, members: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    shapes = (*members, 32, 48), (*members, 48, 40), (*members, 32, 40)
    x, kernel, slope = (rng.standard_normal(shape, dtype=np.float32) for shape in shapes)
    over, under = np.swapaxes(x, -1, -2), np.swapaxes(kernel, -1, -2)
    results = zip(product(x, kernel, slope), [(x, kernel), (slope, under), (over, slope)], strict=True)
    for got, (left, right) in results:
        error = np.abs(got - np.float64(left) @ np.float64(right))
        assert got.dtype == np.float32
        assert (error <= 1.1 * (2 * ROUNDOFF + ROUNDOFF**2) * (np.abs(left) @ np.abs(right))).all()


@pytest.mark.parametrize("product", [jax_product, torch_product])
def test_sums_of_rounded_products_are_float32(product: Product) -> None:
    """4096 ones and halves: exact in float32; a sum in bfloat16 stops growing at 256."""
    x, kernel = np.ones((64, 4096), np.float32), np.full((4096, 64), 0.5, np.float32)
    assert (product(x, kernel, np.ones((64, 64), np.float32))[0] == 2048.0).all()


def test_update_differs_from_float32_by_the_rounding_of_its_products(backend: MakeBackend) -> None:
    """Each product on the way adds at most about 2 u, relative to the gradient's norm."""
    batch, states = random_batch(AGENT, batch=64), []
    batch.terminated[:] = 1.0  # no minimum or greedy choice that a rounding may flip
    for precision in ("float32", "bfloat16"):
        learner = backend(small_agent(precision=precision), 0).learner()
        learner.load_state_dict({**learner.state_dict(), "step": np.int64(1)})  # the actor learns, too
        before = learner.state_dict()
        metrics = learner.update(batch)
        states.append((metrics, gradients(before, learner.state_dict())))
    (exact, expected), (rounded, got) = states
    for name, value in exact.items():
        assert rounded[name] == pytest.approx(value, rel=0.1, abs=0.05), name
    for group in ("critic", "discrete", "actor"):
        names = AGENT.group_names(group)
        whole, other = (np.concatenate([np.ravel(side[name]) for name in names]) for side in (expected, got))
        assert np.linalg.norm(other - whole) < PRODUCTS_ON_A_PATH * 2 * ROUNDOFF * np.linalg.norm(whole), group


def test_training_with_rounded_products_continues_bit_for_bit(backend: MakeBackend) -> None:
    first, second = backend(AGENT, 0).learner(), backend(AGENT, 99).learner()
    first.update(random_batch(AGENT, updates=2))
    second.load_state_dict(first.state_dict())
    for learner in (first, second):
        learner.update(random_batch(AGENT, updates=2, seed=1))
    one, two = first.state_dict(), second.state_dict()
    assert all(np.array_equal(value, two[name]) for name, value in one.items())


@pytest.mark.parametrize(("first", "second"), [("bfloat16", "float32"), ("float32", "bfloat16")])
def test_a_run_continues_in_the_other_precision(backend: MakeBackend, first: str, second: str) -> None:
    start, end = (backend(small_agent(precision=precision)).learner() for precision in (first, second))
    start.update(random_batch(AGENT))
    end.load_state_dict(start.state_dict())
    assert end.update(random_batch(AGENT, seed=1))["critic_loss"] > 0.0
    assert all(value.dtype == np.float32 for value in end.policy_parameters().values())


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_precision_ends_with_the_update(name: str) -> None:
    """Others in the process compute as before."""
    pytest.importorskip(name)
    make_backend(replace(AGENT, config=replace(AGENT.config, backend=name)), 0).learner().update(random_batch(AGENT))
    x = np.random.default_rng(0).standard_normal((64, 64), dtype=np.float32)
    if name == "jax":
        from robot_rl.agents.jax.precision import product as matmul

        result = np.asarray(matmul(x, x))
    else:
        import torch

        result = torch.matmul(torch.tensor(x), torch.tensor(x)).numpy()
    np.testing.assert_allclose(result, np.float64(x) @ np.float64(x), atol=1e-4)


def test_settings_of_an_older_run_are_float32() -> None:
    saved = to_json(AgentConfig())
    del saved["precision"]
    assert from_json(AgentConfig, saved).precision == "float32"
    assert small_agent(precision="bfloat16").schema_hash() == small_agent().schema_hash()
