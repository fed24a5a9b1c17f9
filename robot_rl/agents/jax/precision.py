"""Products of an update in float32, or of operands rounded to bfloat16."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp

BFLOAT16 = "bfloat16"
BFLOAT16_BITS = (8, 7)
"""Of exponent and mantissa."""


def products(precision: str) -> AbstractContextManager[Any]:
    """Return the context in which updates are traced and called; bfloat16 rounds on a GPU convolutions, too."""
    return jax.default_matmul_precision(BFLOAT16) if precision == BFLOAT16 else nullcontext()


def product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Return x W in float32. Shapes: x (B, I) or (E, B, I); kernel (I, O) or (E, I, O); returns (B, O) or (E, B, O)."""
    if jax.config.jax_default_matmul_precision != BFLOAT16:  # type: ignore[attr-defined]
        # Repeated for each member: the gradient in the kernels is then a batched product, faster on a CPU.
        x = jnp.broadcast_to(x, (len(kernel), *x.shape)) if x.ndim < kernel.ndim else x
        return jnp.matmul(x, kernel)
    if kernel.ndim == 2:
        return rounded_product(x, kernel)
    # One product for each member: XLA's batched product on a CPU is several times slower.
    return jnp.stack([rounded_product(x if x.ndim == 2 else x[e], kernel[e]) for e in range(len(kernel))])


@jax.custom_vjp
def rounded_product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Return x W of operands rounded to bfloat16, summed in float32; its gradients are such products too.

    Shapes: x (B, I), kernel (I, O); returns (B, O) float32.
    """
    if jax.default_backend() == "cpu":  # XLA has no such product of bfloat16 there in every place of a program
        return jnp.matmul(*(jax.lax.reduce_precision(operand, *BFLOAT16_BITS) for operand in (x, kernel)))
    return jnp.matmul(x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16), preferred_element_type=jnp.float32)


def _forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return rounded_product(x, kernel), (x, kernel)


def _backward(operands: tuple[jax.Array, jax.Array], slope: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = operands
    return rounded_product(slope, kernel.T), rounded_product(x.T, slope)


rounded_product.defvjp(_forward, _backward)
