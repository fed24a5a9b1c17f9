"""Frozen encoders that were trained on public images, by their names in timm: `--vision.kind pretrained`."""

import difflib
import importlib.util
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from safetensors import SafetensorError

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.vision.averaged_maps import AveragedMaps, MapNetwork
from robot_rl.vision.encoder import EncoderContext


@dataclass(frozen=True)
class PretrainedSettings:
    """Network and size of its features."""

    model: str = "resnet18"
    """Name in timm, such as resnet18, tf_efficientnet_lite0 or vit_small_patch14_dinov2.lvd142m."""
    grid: int = 2
    """The last maps are averaged to so many places in each direction: channels times grid^2 numbers a camera and
    variant."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "grid")


class Pretrained(AveragedMaps):
    """Network of timm, whose weights come from a file or, without one, from timm's download into its cache.

    Raises:
        ConfigError: timm is missing, the name is unknown, the weights are missing or those of another network, or the
            features of a transition would be larger than `TRANSITION_BYTES_MAX`.
    """

    Settings = PretrainedSettings

    @classmethod
    def open(cls, context: EncoderContext) -> Self:
        """Return the network of a name, with its weights."""
        settings = context.settings
        network = _network(settings.model, context.weights)
        return cls(network, context.cameras, context.variants, settings.grid, str(settings))


def import_timm() -> Any:
    """Return timm.

    Raises:
        ConfigError: it is not installed.
    """
    if importlib.util.find_spec("timm") is None:
        raise ConfigError("pretrained: got no timm, expected it; run: pip install -e '.[vision]'.")
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # PyPI's torchvision beside a CPU build of PyTorch lacks its compiled operators. No encoder uses one, but its
        # import ends at the two that it describes to PyTorch, unless they are declared.
        for operator in ("nms", "qnms"):
            torch.library.define(f"torchvision::{operator}", "() -> ()")
    import timm

    return timm


def _network(name: str, weights: Path | None) -> MapNetwork:
    """Return a network up to its last maps, with its weights."""
    timm = import_timm()
    known = {*timm.list_models(), *timm.list_models(pretrained=True)}
    if name not in known:
        nearest = ", ".join(map(repr, difflib.get_close_matches(name, known, n=3, cutoff=0.0)))
        raise UnknownNameError(
            f"model: got {name!r}, expected a name in timm {timm.__version__}; the nearest are {nearest}."
        )
    create = partial(timm.create_model, name, features_only=True, feature_cls="getter", out_indices=(-1,))
    try:
        try:  # transformers for any size: places in the image by interpolation
            network = create(pretrained=weights is None, dynamic_img_size=True, dynamic_img_pad=True)
            size = None
        except TypeError:
            network = create(pretrained=weights is None)
            fixed = network.pretrained_cfg["fixed_input_size"]
            size = network.pretrained_cfg["input_size"][1:] if fixed else None
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"pretrained: got no weights of {name} ({error}), expected a file; download it where there is a network, "
            f"as model.safetensors of timm/{name} at Hugging Face, and add --vision.encoder FILE."
        ) from error
    if weights is not None:
        _load(network.model, weights, name)
    network.eval()
    mean, std = (tuple(network.pretrained_cfg[name]) for name in ("mean", "std"))
    channels = network.feature_info.channels()[-1]
    return MapNetwork(lambda x: network(x)[-1], network.model.state_dict(), channels, mean, std, size)


def _load(model: Any, path: Path, name: str) -> None:
    """Load a file of weights: safetensors, or what `torch.save` wrote, without unpickling objects."""
    import torch
    from safetensors.torch import load_file

    try:
        try:
            arrays = load_file(path)
        except SafetensorError:
            saved = torch.load(path, map_location="cpu", weights_only=True)
            arrays = saved.get("state_dict", saved)
        missing = model.load_state_dict(arrays, strict=False).missing_keys
    except Exception as error:  # a file of another kind raises what its content happens to be taken for
        raise ConfigError(
            f"pretrained: got {path} ({error}), expected the weights of {name} as safetensors, or as .pth that holds "
            "nothing else; name the network by --vision.settings model NAME, or give its own weights."
        ) from error
    if missing:
        raise ConfigError(
            f"pretrained: got no {missing[0]} in {path}, expected the weights of {name}, which has {len(missing)} "
            "more than the file; name the network by --vision.settings model NAME, or give its own weights."
        )
