"""Products of an update in float32, or of operands rounded to bfloat16."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp

BFLOAT16 = "bfloat16"


def products(precision: str) -> AbstractContextManager[Any]:
    """Return the context in which updates are traced and called; bfloat16 rounds on a GPU convolutions, too."""
    return jax.default_matmul_precision(BFLOAT16) if precision == BFLOAT16 else nullcontext()


def product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Return x W in float32. Shapes: x (B, I) or (E, B, I); kernel (I, O) or (E, I, O); returns (B, O) or (E, B, O)."""
    if jax.config.jax_default_matmul_precision != BFLOAT16:  # type: ignore[attr-defined]
        # Repeated for each member: the gradient in the kernels is then a batched product, faster on a CPU.
        x = jnp.broadcast_to(x, (len(kernel), *x.shape)) if x.ndim < kernel.ndim else x
        return jnp.matmul(x, kernel)
    return rounded_product(x, kernel)


@jax.custom_vjp
def rounded_product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Return x W of operands rounded to bfloat16, summed in float32; its gradients are such products too."""
    return _forward(x, kernel)[0]


def _forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _rounded(f"{_axes(x)}i,{_axes(kernel, '')}io->{_axes(kernel)}o", x, kernel), (x, kernel)


def _backward(operands: tuple[jax.Array, jax.Array], slope: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = operands
    of_x = _rounded(f"{_axes(kernel)}o,{_axes(kernel, '')}io->{_axes(x)}i", slope, kernel)
    if x.ndim == kernel.ndim and jax.default_backend() == "cpu":
        # Transposed on its own: XLA multiplies columns by columns in float32 there.
        x = jax.lax.optimization_barrier(x.mT)
        return of_x, _rounded(f"{_axes(x, 'i')}b,{_axes(kernel)}o->{_axes(kernel, 'i')}o", x, slope)
    return of_x, _rounded(f"{_axes(x)}i,{_axes(kernel)}o->{_axes(kernel, 'i')}o", x, slope)


def _axes(array: jax.Array, last: str = "b") -> str:
    return f"e{last}" if array.ndim == 3 else last


def _rounded(axes: str, x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.einsum(axes, x.astype(jnp.bfloat16), y.astype(jnp.bfloat16), preferred_element_type=jnp.float32)


rounded_product.defvjp(_forward, _backward)
