"""An image encoder from a file outside the package encodes what an agent is trained on."""

from dataclasses import replace
from pathlib import Path

import pytest

from robot_rl.build import make_encoder, pin_encoder
from robot_rl.cli import main
from robot_rl.config import TrainConfig
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import load_settings
from robot_rl.presets import preset
from robot_rl.runtime.runs.run_folder import existing_run, new_run
from tests.contracts.listings import listing

FILE = listing("lab_encoders.py")


@pytest.fixture
def kind(tmp_path: Path) -> str:
    (tmp_path / "lab_encoders.py").write_text(FILE)
    return f"{tmp_path / 'lab_encoders.py'}:Grid"


def with_grid(kind: str, cells: str = "4") -> TrainConfig:
    config = preset("pick-lift")
    return replace(config, vision=replace(config.vision, kind=kind, settings={"cells": cells}))


def test_encoder_of_a_file_is_made_from_its_settings_and_known_by_its_identity(kind: str, tmp_path: Path) -> None:
    encoder = make_encoder(with_grid(kind))
    assert encoder is not None and (encoder.identity, encoder.feature_count) == ("grid-4", 48)
    pinned = pin_encoder(with_grid(kind), new_run(tmp_path / "run"))
    assert pinned.vision.identity == "grid-4"
    with pytest.raises(ConfigError, match=r"identity grid-8, expected grid-4"):
        make_encoder(replace(pinned, vision=replace(pinned.vision, settings={"cells": "8"})))
    with pytest.raises(ConfigError, match="expected a class with `open"):
        make_encoder(with_grid("collections:OrderedDict"))


@pytest.mark.slow
def test_agent_is_trained_and_evaluated_on_its_features(kind: str, tmp_path: Path) -> None:
    flags = ["--vision.kind", kind, "--vision.settings", "cells", "2", "--demonstrations", "1", "--env-steps", "60"]
    flags += ["--learner.update-ratio.pretrain-updates", "16"]
    sizes = ["--evaluation.episodes", "1", "--evaluation.video-episodes", "0", "--agent.hidden", "16", "16"]
    where = ["--runs", str(tmp_path), "--run-name", "grid", "--minutes", "3"]
    assert main(["train", "pick-lift", *flags, *sizes, *where]) == 0
    folder = existing_run(tmp_path / "grid")
    assert load_settings(TrainConfig, folder.config_file).vision.identity == "grid-2"
    assert (folder.evaluation / "summary.json").is_file()
