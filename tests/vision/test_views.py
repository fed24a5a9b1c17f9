"""An encoder learned from some views of the cameras is refused for others, with both sides."""

from dataclasses import replace
from pathlib import Path

import pytest

from robot_rl.build import make_encoder, make_origin
from robot_rl.core.errors import ConfigError
from robot_rl.presets import preset
from robot_rl.vision.architecture import load_encoder, save_encoder
from robot_rl.vision.frozen import SHIPPED_ENCODER
from tests.contracts.listings import listing

CROPPED = "\n[cameras.side]\ncrop = { left = 0, top = 0, width = 200, height = 200 }\n"


def test_encoder_of_another_crop_is_refused_and_of_the_same_is_not(tmp_path: Path) -> None:
    config = preset("pick-lift")
    shipped, file = load_encoder(SHIPPED_ENCODER), tmp_path / "own.safetensors"
    save_encoder(file, replace(shipped, dataset_card={"views": dict(make_origin(config).cameras)}))
    own = replace(config, vision=replace(config.vision, encoder=file))
    encoder = make_encoder(own)
    assert encoder is not None and encoder.identity == shipped.identity
    (tmp_path / "lift.toml").write_text(listing("gentle_lift.toml") + CROPPED)
    both = r"for camera side: 128 x 128, crop none, expected 128 x 128, crop Crop\(left=0"
    with pytest.raises(ConfigError, match=both):
        make_encoder(replace(own, task=str(tmp_path / "lift.toml")))
