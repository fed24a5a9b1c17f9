"""ResNet-10 of HIL-SERL, frozen, from its own file: `--vision.kind resnet10 --vision.encoder resnet10_params.pkl`.

Source: github.com/rail-berkeley/hil-serl, serl_launcher/vision/resnet_v1.py (architecture, names, preprocessing).
"""

import importlib.util
import pickle  # nosec B403 # a reader that finds nothing but arrays, see _ArraysOnly
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.vision.averaged_maps import AveragedMaps, MapNetwork
from robot_rl.vision.encoder import EncoderContext

CHANNELS = (64, 128, 256, 512)
"""Of each block."""
GROUPS = 4
EPSILON = 1e-5
SIZE = (128, 128)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PLAIN = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    ("collections", "OrderedDict"),
}
"""Objects that a file of arrays needs; no other is unpickled."""


@dataclass(frozen=True)
class ResNet10Settings:
    """Size of the features."""

    grid: int = 2
    """The 4 x 4 last maps of 512 channels are averaged to so many places in each direction."""

    def __post_init__(self) -> None:
        checks.within(self, 1, 4, "grid")


class ResNet10(AveragedMaps):
    """ResNet-10 with group normalisation, trained on ImageNet.

    Raises:
        ConfigError: no file of weights, one of another network, or one that holds objects other than arrays; or the
            features of a transition would be too large.
    """

    Settings = ResNet10Settings

    @classmethod
    def open(cls, context: EncoderContext) -> Self:
        """Return the network with the weights of a file."""
        grid = context.settings.grid
        return cls(_network(context.weights), context.cameras, context.variants, grid, f"resnet10 {grid}")


def _network(path: Path | None) -> MapNetwork:
    if importlib.util.find_spec("torch") is None:
        raise ConfigError("resnet10: got no PyTorch, expected it; run: pip install -e '.[torch]'.")
    import torch

    if path is None:
        raise ConfigError(
            "resnet10: got no weights, expected HIL-SERL's resnet10_params.pkl; it lies in ~/.serl where HIL-SERL has "
            "run; add --vision.encoder FILE."
        )
    found = _read(path)
    for name, shape in _shapes():
        if name not in found or found[name].shape != shape:
            got = f"shape {found[name].shape}" if name in found else "none"
            raise ConfigError(
                f"resnet10: got {got} for {name} in {path}, expected shape {shape}; take HIL-SERL's "
                "resnet10_params.pkl."
            )
    weights = {name: torch.from_numpy(_as_torch_lays_out(found[name])) for name, _ in _shapes()}
    return MapNetwork(partial(_maps, weights), weights, CHANNELS[-1], MEAN, STD, SIZE, antialias=True)


def _as_torch_lays_out(array: np.ndarray) -> np.ndarray:
    """Return an array with the outputs of a kernel first, its rows and columns last."""
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array)


def _maps(weights: Mapping[str, Any], images: Any) -> Any:
    """Return the last maps (V, 512, 4, 4) of images (V, 3, 128, 128)."""
    from torch.nn import functional

    def norm(x: Any, name: str) -> Any:
        return functional.group_norm(x, GROUPS, weights[f"{name}/scale"], weights[f"{name}/bias"], EPSILON)

    def conv(x: Any, name: str, stride: int = 1) -> Any:
        kernel = weights[f"{name}/kernel"]
        return functional.conv2d(_padded(x, kernel.shape[-1], stride), kernel, stride=stride)

    first = functional.conv2d(images, weights["conv_init/kernel"], stride=2, padding=3)
    x = functional.relu(norm(first, "norm_init"))
    x = functional.max_pool2d(_padded(x, 3, 2), 3, 2)  # zeros as padding: nothing is negative
    for i in range(len(CHANNELS)):
        block, stride = f"ResNetBlock_{i}", 1 if i == 0 else 2
        y = functional.relu(norm(conv(x, f"{block}/Conv_0", stride), f"{block}/MyGroupNorm_0"))
        y = norm(conv(y, f"{block}/Conv_1"), f"{block}/MyGroupNorm_1")
        if i > 0:
            x = norm(conv(x, f"{block}/conv_proj", stride), f"{block}/norm_proj")
        x = functional.relu(x + y)
    return x


def _padded(x: Any, kernel: int, stride: int) -> Any:
    """Return maps with zeros around them as XLA's `SAME` adds them: of an odd number the larger half behind."""
    from torch.nn import functional

    missing = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in (x.shape[-1], x.shape[-2])]
    return functional.pad(x, [part for n in missing for part in (n // 2, n - n // 2)])


def _shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield name and shape of each array."""
    yield "conv_init/kernel", (7, 7, 3, CHANNELS[0])
    yield from _norm("norm_init", CHANNELS[0])
    inputs = CHANNELS[0]
    for i, outputs in enumerate(CHANNELS):
        block = f"ResNetBlock_{i}"
        yield f"{block}/Conv_0/kernel", (3, 3, inputs, outputs)
        yield f"{block}/Conv_1/kernel", (3, 3, outputs, outputs)
        yield from _norm(f"{block}/MyGroupNorm_0", outputs)
        yield from _norm(f"{block}/MyGroupNorm_1", outputs)
        if i > 0:
            yield f"{block}/conv_proj/kernel", (1, 1, inputs, outputs)
            yield from _norm(f"{block}/norm_proj", outputs)
        inputs = outputs


def _norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}/scale", (channels,)
    yield f"{name}/bias", (channels,)


class _NoArrayError(pickle.UnpicklingError):
    """An object that is no array."""


class _ArraysOnly(pickle.Unpickler):
    """Reader of a tree of arrays of NumPy, JAX or Flax, which runs nothing else that a file names."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] in ("jax", "jaxlib") and "reconstruct" in name:
            return _host_array
        if (module, name) == ("flax.core.frozen_dict", "FrozenDict"):
            return dict
        if (module, name) not in PLAIN:
            raise _NoArrayError(f"{module}.{name} is no array")
        return super().find_class(module, name)


def _host_array(make: Any, arguments: Any, state: Any, _: Any) -> np.ndarray:
    """Return a pickled array of JAX as one of NumPy."""
    array: np.ndarray = make(*arguments)
    array.__setstate__(state)
    return array


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file:
            return dict(_flat(_ArraysOnly(file).load()))
    except Exception as error:  # a damaged file raises what its bytes happen to be taken for
        why = {_NoArrayError: str(error), FileNotFoundError: "no such file", PermissionError: "not readable"}
        raise ConfigError(
            f"resnet10: got {path} ({why.get(type(error), 'damaged, or no pickle of arrays')}), expected HIL-SERL's "
            "resnet10_params.pkl: a tree of arrays."
        ) from error


def _flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays of a tree with their names."""
    for name, value in tree.items() if isinstance(tree, Mapping) else ():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", np.asarray(value, np.float32)
