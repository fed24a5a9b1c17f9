"""HIL-SERL's ResNet-10 from its file, against the same network in XLA's own operations; the weights are drawn."""

import collections
import pickle
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robot_rl.core.errors import ConfigError
from robot_rl.vision.encoder import EncoderContext, open_encoder

CHANNELS = (64, 128, 256, 512)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def drawn(seed: int = 0) -> dict[str, Any]:
    """Return weights as Flax names them."""
    rng = np.random.default_rng(seed)

    def conv(rows: int, inputs: int, outputs: int) -> dict[str, np.ndarray]:
        spread = np.sqrt(2.0 / (rows * rows * inputs))
        return {"kernel": rng.normal(0.0, spread, (rows, rows, inputs, outputs)).astype(np.float32)}

    def norm(channels: int) -> dict[str, np.ndarray]:
        scale, bias = rng.normal(1.0, 0.2, channels), rng.normal(0.0, 0.2, channels)
        return {"scale": scale.astype(np.float32), "bias": bias.astype(np.float32)}

    tree: dict[str, Any] = {"conv_init": conv(7, 3, 64), "norm_init": norm(64)}
    inputs = 64
    for i, outputs in enumerate(CHANNELS):
        block = {"Conv_0": conv(3, inputs, outputs), "Conv_1": conv(3, outputs, outputs)}
        block |= {"MyGroupNorm_0": norm(outputs), "MyGroupNorm_1": norm(outputs)}
        if i > 0:
            block |= {"conv_proj": conv(1, inputs, outputs), "norm_proj": norm(outputs)}
        tree[f"ResNetBlock_{i}"], inputs = block, outputs
    return tree


def oracle(tree: dict[str, Any], image: np.ndarray) -> np.ndarray:
    """Return the last maps (4, 4, 512) of an image (128, 128, 3) uint8."""

    def conv(x: Any, kernel: Any, stride: int = 1, padding: Any = "SAME") -> Any:
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, kernel["kernel"], (stride, stride), padding, dimension_numbers=layout)

    def norm(x: Any, weights: Any) -> Any:
        groups = x.reshape(*x.shape[:3], 4, -1)
        centred = groups - groups.mean((1, 2, 4), keepdims=True)
        scaled = centred / jnp.sqrt((centred**2).mean((1, 2, 4), keepdims=True) + 1e-5)
        return scaled.reshape(x.shape) * weights["scale"] + weights["bias"]

    x = jnp.asarray((image / 255.0 - MEAN) / STD, jnp.float32)[None]
    x = jax.nn.relu(norm(conv(x, tree["conv_init"], 2, [(3, 3), (3, 3)]), tree["norm_init"]))
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
    for i in range(4):
        block, stride = tree[f"ResNetBlock_{i}"], 1 if i == 0 else 2
        y = jax.nn.relu(norm(conv(x, block["Conv_0"], stride), block["MyGroupNorm_0"]))
        y = norm(conv(y, block["Conv_1"]), block["MyGroupNorm_1"])
        x = norm(conv(x, block["conv_proj"], stride), block["norm_proj"]) if i > 0 else x
        x = jax.nn.relu(x + y)
    return np.asarray(x[0])


def written(folder: Path, tree: Any) -> Path:
    path = folder / "resnet10_params.pkl"
    path.write_bytes(pickle.dumps(tree))
    return path


def opened(path: Path | None, *cameras: str, variants: int = 1, grid: str = "4"):
    return open_encoder("resnet10", {"grid": grid}, EncoderContext(cameras or ("top",), variants, path))


def test_features_are_the_networks_last_maps(tmp_path: Path) -> None:
    tree = drawn()
    image = np.random.default_rng(1).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    encoder = opened(written(tmp_path, tree))
    encoded = encoder.encode({"top": image}, np.random.default_rng(0))["top"]
    maps = oracle(tree, image)
    assert encoded.shape == (1, 512 * 16) == (1, encoder.feature_count) and encoded.dtype == np.float16
    np.testing.assert_allclose(encoded[0].reshape(512, 4, 4), maps.transpose(2, 0, 1), rtol=2e-3, atol=2e-3)


def test_other_sizes_become_128_by_128_and_variants_differ(tmp_path: Path) -> None:
    encoder = opened(written(tmp_path, drawn()), variants=2, grid="1")
    image = np.random.default_rng(1).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    small = np.asarray(jax.image.resize(jnp.asarray(image, jnp.float32), (128, 128, 3), "bilinear"))
    clean, shifted = encoder.encode({"top": image}, np.random.default_rng(0))["top"]
    np.testing.assert_allclose(clean, oracle(drawn(), small).mean((0, 1)), rtol=5e-3, atol=5e-3)
    assert not np.array_equal(clean, shifted)


def test_arrays_of_jax_are_read_as_those_of_numpy_and_have_one_identity(tmp_path: Path) -> None:
    tree = drawn()
    plain = opened(written(tmp_path, tree)).identity
    assert opened(written(tmp_path, jax.tree.map(jnp.asarray, tree))).identity == plain
    assert opened(written(tmp_path, collections.OrderedDict(tree))).identity == plain
    assert opened(written(tmp_path, drawn(1))).identity != plain


class Harmful:
    """An object whose unpickling runs something."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_files_that_are_no_such_network_are_refused_and_run_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"got no weights, expected HIL-SERL's resnet10_params\.pkl"):
        opened(None)
    with pytest.raises(ConfigError, match=r"absent \(no such file\)"):
        opened(tmp_path / "absent")
    harmful = written(tmp_path, {"conv_init": Harmful(tmp_path / "ran")})
    with pytest.raises(ConfigError, match=r"is no array.*expected HIL-SERL's"):
        opened(harmful)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ConfigError, match="expected HIL-SERL's"):
        opened(written(tmp_path, drawn() | {"conv_init": {"kernel": np.full((7, 7, 3, 64), "text")}}))
    for change in ({"norm_init": {"scale": np.ones(64)}}, {"conv_init": {"kernel": np.ones((7, 7, 3, 32))}}):
        with pytest.raises(ConfigError, match=r"got (none|shape \(7, 7, 3, 32\)) for .*_init/(bias|kernel).*expected"):
            opened(written(tmp_path, drawn() | change))
    (tmp_path / "junk.pkl").write_bytes(b"hello, not weights\n")
    with pytest.raises(ConfigError, match=r"junk\.pkl \(damaged, or no pickle of arrays\), expected HIL-SERL's"):
        opened(tmp_path / "junk.pkl")
    whole = written(tmp_path, drawn()).read_bytes()
    for length in (0, 1, 100, len(whole) // 2):
        (tmp_path / "torn.pkl").write_bytes(whole[:length])
        with pytest.raises(ConfigError, match="expected HIL-SERL's"):
            opened(tmp_path / "torn.pkl")
