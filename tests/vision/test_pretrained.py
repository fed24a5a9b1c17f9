"""A residual network with public weights encodes images; the weights here are drawn by the test."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from robot_rl.core.errors import ConfigError, SchemaMismatchError
from robot_rl.vision.encoder import EncoderContext, open_encoder
from robot_rl.vision.pretrained import parameter_shapes

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    drawn = {
        name: (rng.uniform(0.5, 1.5, shape) if len(shape) == 1 else rng.normal(0.0, 0.05, shape)).astype(np.float32)
        for name, shape in parameter_shapes("resnet18").items()
    }
    save_file(drawn | {"fc.weight": np.zeros((10, 512), np.float32)}, path)
    return path


def opened(weights: Path | None, *cameras: str, **settings: str):
    return open_encoder("pretrained", settings, EncoderContext(cameras or ("top",), 3, weights))


class Block(torch.nn.Module):
    """A basic block by modules, with the public names."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1, self.bn2 = torch.nn.BatchNorm2d(channels), torch.nn.BatchNorm2d(channels)
        self.conv2 = torch.nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        shortcut = torch.nn.Conv2d(before, channels, 1, stride, bias=False), torch.nn.BatchNorm2d(channels)
        self.downsample = torch.nn.Sequential(*shortcut) if before != channels else torch.nn.Identity()

    def forward(self, x):
        return torch.relu(self.downsample(x) + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class Network(torch.nn.Module):
    """The whole network by modules, as an oracle."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = torch.nn.Conv2d(3, 64, 7, 2, 3, bias=False), torch.nn.BatchNorm2d(64)
        for stage, (before, channels) in enumerate(((64, 64), (64, 128), (128, 256), (256, 512)), 1):
            first = Block(before, channels, 1 if stage == 1 else 2)
            setattr(self, f"layer{stage}", torch.nn.Sequential(first, Block(channels, channels, 1)))

    def forward(self, x):
        x = torch.nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def test_features_are_those_of_the_network_by_modules(weights: Path) -> None:
    from safetensors.torch import load_file

    network = Network().eval()
    missing, unexpected = network.load_state_dict(load_file(weights), strict=False)
    assert unexpected == ["fc.weight"] and all(name.endswith("num_batches_tracked") for name in missing)
    image = np.random.default_rng(1).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = torch.tensor(((image / 255.0 - mean) / std).astype(np.float32).transpose(2, 0, 1)[None])
    maps = network(pixels).detach().numpy()[0]  # (512, 2, 3)
    encoded = opened(weights, grid="1").encode({"top": image}, np.random.default_rng(0))["top"]
    assert encoded.shape == (3, 512) and encoded.dtype == np.float16
    np.testing.assert_allclose(encoded[0], maps.mean((1, 2)), rtol=0.02, atol=0.02 * np.abs(maps).mean())
    assert not np.array_equal(encoded[0], encoded[1])


def test_identity_follows_weights_and_preprocessing(weights: Path, tmp_path: Path) -> None:
    encoder = opened(weights, "top", "side")
    assert encoder.feature_count == 2048 and encoder.cameras == ("side", "top")
    assert encoder.identity == opened(weights).identity != opened(weights, grid="1").identity
    with pytest.raises(SchemaMismatchError, match="image of camera 'side': got none"):
        encoder.encode({"top": np.zeros((64, 64, 3), np.uint8)}, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("file", "settings", "text"),
    [
        (None, {}, "got no weights of resnet18, expected a safetensors file"),
        ("missing", {}, "expected safetensors with the weights of resnet18"),
        ("resnet18", {"model": "resnet34"}, r"got layer1\.2\.conv1\.weight None in .*, expected \(64, 64, 3, 3\)"),
        ("resnet18", {"model": "resnet99"}, "model: got 'resnet99'"),
    ],
)
def test_missing_weights_and_those_of_another_network_are_refused(weights: Path, file, settings, text) -> None:
    path = None if file is None else weights.with_name(f"{file}.safetensors")
    with pytest.raises(ConfigError, match=text):
        opened(path, **settings)
