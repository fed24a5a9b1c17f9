"""LayerNorm and activation of a hidden layer, with a gradient of its own.

    y = activation(n scale + bias),   n = (x - mean) / sqrt(variance + 1e-6) over the last axis

PyTorch's LayerNorm takes one scale, so that an ensemble's scales would cost further passes over all values. On a CPU
each member passes both kernels while its values are in the core's cache.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

NORM_EPSILON = 1e-6
_norm_gradient = torch.ops.aten.native_layer_norm_backward.default
_tanh_gradient = torch.ops.aten.tanh_backward.default
_relu_gradient = torch.ops.aten.threshold_backward.default


def hidden_units(x: Tensor, scale: Tensor, bias: Tensor, activation: str) -> Tensor:
    """Return the activation, "tanh" or "relu", of the scaled and shifted norm.

    Shapes: x (B, H), scale and bias (H,); or x (E, B, H), scale and bias (E, H); returns the shape of x.
    """
    if x.device.type == "cpu":
        y: Tensor = _HiddenUnits.apply(x, scale, bias, activation)
        return y
    normed = functional.layer_norm(x, x.shape[-1:], eps=NORM_EPSILON)
    scaled = torch.addcmul(bias.unsqueeze(-2), normed, scale.unsqueeze(-2))
    return torch.tanh(scaled) if activation == "tanh" else torch.relu(scaled)


class _HiddenUnits(torch.autograd.Function):
    """The function on a CPU, member by member."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, bias: Tensor, activation: str) -> Tensor:
        y, moments = torch.empty_like(x), []
        activate = _tanh if activation == "tanh" else partial(torch.clamp, min=0.0)
        for one, out, gain, shift in zip(*map(_members, (x, y)), *map(_rows, (scale, bias)), strict=True):
            normed, mean, inverse_std = torch.native_layer_norm(one, one.shape[-1:], gain, shift, NORM_EPSILON)
            moments.append((mean, inverse_std))
            activate(normed, out=out)
        ctx.save_for_backward(x, y, scale, bias)
        ctx.moments, ctx.activation = moments, activation
        return y

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        x, y, scale, bias = ctx.saved_tensors
        slope = _tanh_gradient(slope, y) if ctx.activation == "tanh" else _relu_gradient(slope, y, 0.0)
        wanted, gradients = list(ctx.needs_input_grad[:3]), [torch.empty_like(value) for value in (x, scale, bias)]
        parts = zip(*map(_members, (slope, x, gradients[0])), *map(_rows, (scale, bias, *gradients[1:])), strict=True)
        for (mean, inverse_std), (g, one, dx, gain, shift, *rest) in zip(ctx.moments, parts, strict=True):
            results = _norm_gradient(g, one, one.shape[-1:], mean, inverse_std, gain, shift, wanted)
            for out, result in zip((dx, *rest), results, strict=True):
                if result is not None:
                    out.copy_(result)
        return (*(value if needed else None for value, needed in zip(gradients, wanted, strict=True)), None)


def _tanh(x: Tensor, out: Tensor) -> Tensor:
    """Write tanh(x) = 2 sigmoid(2 x) - 1, several times as fast as PyTorch's tanh; x is overwritten."""
    return torch.sigmoid(x.mul_(2.0), out=out).mul_(2.0).sub_(1.0)


def _members(x: Tensor) -> tuple[Tensor, ...]:
    """Return the members (B, H) of (E, B, H), or of (B, H) itself."""
    return x.unbind() if x.ndim == 3 else (x,)


def _rows(x: Tensor) -> tuple[Tensor, ...]:
    """Return the members (H,) of (E, H), or of (H,) itself."""
    return x.unbind() if x.ndim == 2 else (x,)
