"""Residual networks in PyTorch, with the parameters' names of the public weights.

Source: He et al. 2016, Deep residual learning (basic blocks); the names are torchvision's, which timm's files share.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from robot_rl.vision.torch_encoder import shift_images

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's images in 0..1, by which the public weights expect theirs normalised."""


def resnet(params: Mapping[str, Tensor], images: Tensor, blocks: Sequence[int]) -> Tensor:
    """Return the last maps of a network of basic blocks. Shapes: (B, H, W, 3) uint8 -> (B, 512, H / 32, W / 32)."""
    x = ((images.float() / 255.0 - torch.tensor(MEAN)) / torch.tensor(STD)).permute(0, 3, 1, 2)
    x = torch.relu(_norm(params, "bn1", functional.conv2d(x, params["conv1.weight"], stride=2, padding=3)))
    x = functional.max_pool2d(x, 3, 2, 1)
    for stage, count in enumerate(blocks, 1):
        for number in range(count):
            x = _block(params, f"layer{stage}.{number}", x, 2 if stage > 1 and number == 0 else 1)
    return x


def _block(params: Mapping[str, Tensor], name: str, x: Tensor, stride: int) -> Tensor:
    y = functional.conv2d(x, params[f"{name}.conv1.weight"], stride=stride, padding=1)
    y = functional.conv2d(torch.relu(_norm(params, f"{name}.bn1", y)), params[f"{name}.conv2.weight"], padding=1)
    if (shortcut := params.get(f"{name}.downsample.0.weight")) is not None:
        x = _norm(params, f"{name}.downsample.1", functional.conv2d(x, shortcut, stride=stride))
    return torch.relu(x + _norm(params, f"{name}.bn2", y))


def _norm(params: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    mean, var, weight, bias = (params[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return functional.batch_norm(x, mean, var, weight, bias)


@torch.inference_mode()
def encode_shifted(
    params: Mapping[str, Tensor], image: np.ndarray, offsets: np.ndarray, blocks: Sequence[int], grid: int
) -> np.ndarray:
    """Return the pooled maps of an image, shifted. Shapes: (H, W, 3), (V, 2) -> (V, 512 grid^2) float16."""
    variants = torch.from_numpy(np.ascontiguousarray(image)).expand(len(offsets), *image.shape)
    maps = resnet(params, shift_images(variants, torch.from_numpy(offsets)), blocks)
    features: np.ndarray = functional.adaptive_avg_pool2d(maps, grid).flatten(1).half().numpy()
    return features
