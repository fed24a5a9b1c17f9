"""Precision of the matrix products and convolutions of an update."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def products(precision: str, device: torch.device) -> Iterator[None]:
    """Make products round their float32 operands to bfloat16 where `precision` says so; sums stay float32.

    On a CPU results stay float32 and oneDNN rounds inside its kernels: fast with AMX; a processor without bfloat16
    computes in float32. On a GPU results are rounded too. The CPU's setting is the process's.
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
