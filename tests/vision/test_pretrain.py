"""Training the encoder from random scenes: labels move with the images, key points are found, the file is whole."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.sim.random_scenes import LABELS
from robot_rl.sim.scene import CAMERAS
from robot_rl.vision.architecture import ConvLayer, EncoderArchitecture, load_encoder
from robot_rl.vision.jax_encoder import shift_images
from robot_rl.vision.pretrain import (
    KEY_POINTS,
    _key_point_loss,
    _shift_labels,
    draw_datasets,
    train_camera,
)
from robot_rl.vision.training_config import PretrainConfig

SMALL = EncoderArchitecture(32, 32, (ConvLayer(8, 4, 8), ConvLayer(3, 1, 12, relu=False)))


def nothing_known(count: int = 1) -> np.ndarray:
    return np.full((count, len(LABELS)), np.nan, np.float32)


@pytest.mark.parametrize("offset", [(0, 0), (3, -2), (-4, 4)])
def test_a_label_moves_with_the_image_that_is_shifted(offset: tuple[int, int]) -> None:
    size, (row, column) = 32, (14, 17)
    image = np.zeros((1, size, size, 3), np.float32)
    image[0, row, column] = 1.0
    labels = nothing_known()
    where = [LABELS.index("tip_u"), LABELS.index("tip_v")]
    labels[0, where] = np.array([column, row]) * 2.0 / size - 1.0
    moved = np.asarray(shift_images(jnp.asarray(image), jnp.array([offset])))[0, ..., 0]
    shifted = np.asarray(_shift_labels(jnp.asarray(labels), jnp.array([offset]), size))[0]
    found = np.array(np.unravel_index(moved.argmax(), moved.shape))[::-1]
    np.testing.assert_allclose((shifted[where] + 1.0) / 2.0 * size, found, atol=1e-4)


def test_a_key_points_channel_is_judged_by_its_own_map_and_where_it_is_known() -> None:
    labels = nothing_known()
    labels[0, [LABELS.index("hole_u"), LABELS.index("hole_v")]] = (1.0, -1.0)  # right, top
    maps = np.zeros((1, 5, 5, len(KEY_POINTS)), np.float32)
    channel = KEY_POINTS.index("hole")
    right, wrong, elsewhere = maps.copy(), maps.copy(), maps.copy()
    right[0, 0, 4, channel] = wrong[0, 4, 0, channel] = elsewhere[0, 4, 0, channel - 1] = 10.0
    plain, good, bad, other = (float(_key_point_loss(m, jnp.asarray(labels))) for m in (maps, right, wrong, elsewhere))
    assert good < 0.01 < plain < bad
    assert plain == pytest.approx(np.log(25.0), rel=1e-5)
    assert other == pytest.approx(plain)  # its own key point is not in the image


@pytest.mark.slow
def test_a_short_training_finds_the_hand() -> None:
    config = PretrainConfig(scenes=500, steps=600, batch=16, architecture=SMALL)
    data = draw_datasets(config)["side"]
    assert data.images.shape == (500, 32, 32, 3)
    _, errors = train_camera(config, "side", data)
    spread = dict(zip(LABELS, np.nanstd(data.labels, axis=0), strict=True))
    names = [f"{point}_{axis}" for point in ("grip", "finger", "tip") for axis in "uv"]
    # One that sees nothing gives the mean: 1.
    assert np.mean([errors[name] / spread[name] for name in names]) < 0.8


@pytest.mark.slow
def test_the_command_writes_a_file_that_loads(tmp_path: Path) -> None:
    out, size = tmp_path / "small.safetensors", ["--architecture.height", "32", "--architecture.width", "32"]
    assert main(["train-encoder", "--out", str(out), "--scenes", "20", "--steps", "2", "--batch", "8", *size]) == 0
    encoder = load_encoder(out)
    assert encoder.cameras == CAMERAS and encoder.architecture.height == 32
    assert encoder.dataset_card["scenes"] == 20 and encoder.dataset_card["steps"] == 2
