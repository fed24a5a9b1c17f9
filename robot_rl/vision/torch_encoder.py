"""Image encoder in PyTorch: the function, random shifts, and the actor's frozen encoder."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from robot_rl.vision.architecture import MAX_SHIFT, SHARED, EncoderArchitecture


def apply_encoder(
    params: Mapping[str, Tensor], images: Tensor, architecture: EncoderArchitecture, prefix: str = SHARED
) -> Tensor:
    """Encode images.

    Shapes: images (B, H, W, 3), uint8 or float in 0..255; returns (B, 3 C) float32.
    """
    x = images.permute(0, 3, 1, 2).float() / 255.0 - 0.5
    x = functional.avg_pool2d(x, architecture.pool) if architecture.pool > 1 else x
    for i, layer in enumerate(architecture.layers):
        kernel, bias = params[f"{prefix}/conv{i}/kernel"], params[f"{prefix}/conv{i}/bias"]
        x = convolve(x, kernel, layer.stride) + bias[:, None, None]
        x = torch.relu(x) if layer.relu else x
    return soft_argmax_max(x, architecture.softmax_temperature)


def convolve(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Convolve with padding that keeps size / stride; an odd rest of the padding goes below and to the right.

    Shapes: x (B, I, H, W), kernel (k, k, I, O); returns (B, O, H / stride, W / stride).
    """
    size, (height, width) = kernel.shape[0], x.shape[2:]
    down, right = (max((-(-extent // stride) - 1) * stride + size - extent, 0) for extent in (height, width))
    x = functional.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
    return functional.conv2d(x, kernel.permute(3, 2, 0, 1), stride=stride)


def soft_argmax_max(maps: Tensor, temperature: float = 1.0) -> Tensor:
    """Read out the place and value of each map's maximum.

    Shapes: maps (B, C, h, w); returns (B, 3 C): x, then y in [-1, 1], then the maximum, each for all channels.
    """
    height, width = maps.shape[2:]
    weight = torch.softmax(maps.flatten(2) / temperature, dim=2).unflatten(2, (height, width))
    x = weight.sum(2) @ torch.linspace(-1.0, 1.0, width, device=maps.device)
    y = weight.sum(3) @ torch.linspace(-1.0, 1.0, height, device=maps.device)
    return torch.cat([x, y, maps.amax((2, 3))], dim=1)


def shift_images(images: Tensor, offsets: Tensor, max_shift: int = MAX_SHIFT) -> Tensor:
    """Shift each image by its own whole pixels; uncovered borders repeat the edge.

    Shapes: images (B, H, W, C), offsets (B, 2) int (down, right) in -max_shift..max_shift; returns (B, H, W, C).
    """
    batch, height, width = images.shape[:3]
    rows, columns = (torch.arange(extent, device=images.device) for extent in (height, width))
    rows = (rows - offsets[:, :1]).clamp(0, height - 1)  # (B, H)
    columns = (columns - offsets[:, 1:]).clamp(0, width - 1)
    return images[torch.arange(batch, device=images.device)[:, None, None], rows[:, :, None], columns[:, None, :]]


@torch.inference_mode()
def encode_cameras(
    params: Mapping[str, Tensor],
    images: tuple[np.ndarray, ...],
    offsets: np.ndarray,
    architecture: EncoderArchitecture,
    owners: tuple[str, ...],
) -> np.ndarray:
    """Encode each camera clean and shifted: images of (H, W, 3), offsets (cameras, V, 2) -> (cameras, V, F) float16."""
    features = []
    for image, shifts, owner in zip(images, torch.from_numpy(offsets), owners, strict=True):
        variants = torch.from_numpy(np.ascontiguousarray(image)).expand(len(shifts), *image.shape)
        features.append(apply_encoder(params, shift_images(variants, shifts), architecture, owner))
    encoded: np.ndarray = torch.stack(features).half().numpy()
    return encoded
