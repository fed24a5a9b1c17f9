"""Parameters of layers, by name: shapes and first values, whatever computes with them."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class ParameterSpec:
    """Shape and first values of one parameter: `value + std * normal`, float32."""

    shape: tuple[int, ...]
    value: float = 0.0
    std: float = 0.0


Named = list[tuple[str, ParameterSpec]]
Lead = tuple[int, ...]


def dense(name: str, fan_in: int, fan_out: int, lead: Lead = ()) -> Named:
    """Return the parameters of an output layer, or of as many as the leading axes hold.

    The kernel has a tenth of the usual size: outputs start small, as values and actions near 0.
    """
    kernel = ParameterSpec((*lead, fan_in, fan_out), std=0.1 / math.sqrt(fan_in))
    return [(f"{name}/kernel", kernel), (f"{name}/bias", ParameterSpec((*lead, fan_out)))]


def normed_dense(name: str, fan_in: int, fan_out: int, lead: Lead = ()) -> Named:
    """Return the parameters of a hidden layer: Dense without bias, and LayerNorm, whose bias stands for Dense's."""
    kernel = ParameterSpec((*lead, fan_in, fan_out), std=1.0 / math.sqrt(fan_in))
    scale, bias = ParameterSpec((*lead, fan_out), 1.0), ParameterSpec((*lead, fan_out))
    return [(f"{name}/kernel", kernel), (f"{name}/norm_scale", scale), (f"{name}/norm_bias", bias)]


def mlp(name: str, fan_in: int, hidden: tuple[int, ...], lead: Lead = ()) -> Named:
    """Return the parameters of hidden layers of these widths."""
    widths = (fan_in, *hidden)
    layers = [normed_dense(f"{name}/dense{i}", widths[i], widths[i + 1], lead) for i in range(len(hidden))]
    return [parameter for layer in layers for parameter in layer]
