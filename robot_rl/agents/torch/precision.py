"""Precision of the matrix products and convolutions of an update."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor


@contextmanager
def products(precision: str, device: torch.device) -> Iterator[None]:
    """Make products round their float32 operands to bfloat16 where `precision` says so; sums stay float32.

    Results are rounded too, then continue as float32. A processor without bfloat16 computes in float32. The CPU's
    setting is the process's.
    """
    if precision == "float32":
        yield
    elif device.type == "cpu":
        yield from _rounded_on_cpu()
    else:
        with torch.autocast(device.type, torch.bfloat16):
            yield


def _rounded_on_cpu() -> Iterator[None]:
    kinds = torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv  # type: ignore[attr-defined]
    before = [kind.fp32_precision for kind in kinds]
    try:
        for kind in kinds:
            kind.fp32_precision = "bf16"
        yield
    finally:
        for kind, precision in zip(kinds, before, strict=True):
            kind.fp32_precision = precision


def product(x: Tensor, kernel: Tensor, added: Tensor | None = None) -> Tensor:
    """Return x W, plus `added` in the same pass.

    Shapes: x (B, I) or (E, B, I), kernel (I, O) or (E, I, O), added (.., B or 1, O); returns (B, O) or (E, B, O).
    """
    if x.device.type == "cpu" and torch.backends.mkldnn.matmul.fp32_precision == "bf16" and _has_bfloat16():  # type: ignore[attr-defined]
        rounded: Tensor = _RoundedProduct.apply(x, kernel)
        return rounded if added is None else added + rounded
    if kernel.ndim == 2:
        return torch.mm(x, kernel) if added is None else torch.addmm(added, x, kernel)
    x = x.expand(len(kernel), *x.shape) if x.ndim == 2 else x
    return torch.bmm(x, kernel) if added is None else torch.baddbmm(added, x, kernel)


class _RoundedProduct(torch.autograd.Function):
    """x W of operands rounded once, instead of inside each product as oneDNN does of itself, at twice the time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        x, kernel = x.bfloat16(), kernel.bfloat16()
        ctx.save_for_backward(x, kernel)
        return _multiplied(x, kernel).float()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (x, kernel), slope, of_x, of_kernel = ctx.saved_tensors, slope.bfloat16(), None, None
        if ctx.needs_input_grad[0]:
            of_x = _multiplied(slope, kernel.mT)
            of_x = of_x.float() if of_x.ndim == x.ndim else of_x.sum(0, dtype=torch.float32)
        if ctx.needs_input_grad[1]:
            of_kernel = _multiplied(x.mT, slope).float()
        return of_x, of_kernel


def _multiplied(x: Tensor, kernel: Tensor) -> Tensor:
    if kernel.ndim == 2:
        return torch.mm(x, kernel)
    return torch.bmm(x.expand(len(kernel), *x.shape) if x.ndim == 2 else x, kernel)


@cache
def _has_bfloat16() -> bool:
    supported: bool = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return supported
