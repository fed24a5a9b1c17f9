"""The sheet shows each camera's image with its crop, and beside it exactly what the policy gets."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import save_settings
from robot_rl.hardware.cameras.config import CameraSet
from robot_rl.hardware.cameras.contact_sheet import GAP, LABEL_HEIGHT, ROW_HEIGHT, Sheet, contact_sheet, save_png
from robot_rl.hardware.cameras.views import Crop, View, apply
from robot_rl.hardware.cameras.webcam import WebcamConfig

IMAGE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
CROP = View(Crop(100, 120, 240, 240), (60, 60))
RED = (255, 60, 60)


def test_each_row_holds_the_whole_image_and_the_policys_view() -> None:
    sheet = contact_sheet([Sheet("wrist", IMAGE, CROP), Sheet("side", IMAGE, View(size=(100, 200)))])
    assert sheet.shape == (2 * (LABEL_HEIGHT + ROW_HEIGHT), 640 + GAP + 960, 3)
    whole = sheet[LABEL_HEIGHT : LABEL_HEIGHT + ROW_HEIGHT, :640]
    np.testing.assert_array_equal(whole[380:, 60:90], IMAGE[380:, 60:90])  # away from ruler and crop
    seen = sheet[LABEL_HEIGHT : LABEL_HEIGHT + ROW_HEIGHT, 640 + GAP : 640 + GAP + ROW_HEIGHT]
    np.testing.assert_array_equal(seen[4::8, 4::8], apply(CROP, IMAGE))


def test_crop_is_drawn_where_it_lies() -> None:
    whole = contact_sheet([Sheet("wrist", IMAGE, CROP)])[LABEL_HEIGHT:]
    for row, column in ((120, 200), (359, 200), (200, 100), (200, 339)):
        assert tuple(whole[row, column]) == RED


@pytest.fixture
def cameras(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "shot_0.png"), IMAGE[..., ::-1])
    webcam = WebcamConfig("side", str(tmp_path / "shot_%d.png"), view=CROP)
    save_settings(tmp_path / "cameras.json", CameraSet((webcam,)))
    return tmp_path / "cameras.json"


def test_look_saves_the_sheet_of_a_files_cameras(cameras: Path, capsys: pytest.CaptureFixture[str]) -> None:
    png = cameras.with_name("look.png")
    assert main(["look", str(cameras), "--png", str(png)]) == 0
    assert f"{png}: side" in capsys.readouterr().out
    sheet = cv2.imread(str(png))[..., ::-1]
    np.testing.assert_array_equal(
        sheet, contact_sheet([Sheet(f"side (webcam {cameras.parent}/shot_%d.png)", IMAGE, CROP)])
    )


def test_look_names_the_next_step_without_cameras(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_settings(tmp_path / "cameras.json", CameraSet(()))
    assert main(["look", str(tmp_path / "cameras.json")]) == 2
    assert "robot-rl doctor cameras" in capsys.readouterr().err


def test_sheet_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a path that can be written"):
        save_png(tmp_path / "none" / "look.png", IMAGE)
