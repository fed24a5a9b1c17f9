"""A kind of camera from a file outside the package works wherever cameras are named."""

import json
from pathlib import Path
from typing import Any

import pytest

from robot_rl.cli import main
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import from_json, load_settings, save_settings
from robot_rl.hardware.cameras import KINDS, camera_kind
from robot_rl.hardware.cameras.config import CameraSet
from robot_rl.hardware.cameras.factory import close_cameras, make_cameras
from robot_rl.nodes.camera_parameters import kind_parameters, node_settings
from tests.contracts.listings import listing

FILE = (
    listing("lab_cameras.py")
    + '''

from robot_rl.hardware.cameras.camera import Frame


class Still:
    """The least that a camera must have."""

    Config = PatternConfig

    def __init__(self, config, context):
        self.name, self.height, self.width, self.clock = config.name, config.height, config.width, context.clock

    @classmethod
    def open(cls, config, context):
        return cls(config, context)

    def read(self):
        return Frame(np.zeros((self.height, self.width, 3), np.uint8), self.clock.now_ns())

    def close(self):
        pass
'''
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lab_cameras.py"
    path.write_text(FILE)
    return path


def write_set(folder: Path, *cameras: dict[str, Any]) -> Path:
    path = folder / "cameras.json"
    path.write_text(json.dumps({"cameras": cameras}))
    return path


def test_look_and_doctor_take_a_kind_from_a_file(file: Path, tmp_path: Path, capsys) -> None:
    path = write_set(
        tmp_path,
        {"kind": f"{file}:Pattern", "name": "top", "grey": 120, "max_age_s": 2.0, "rate_hz": 20.0},
        {"kind": f"{file}:Still", "name": "bottom", "width": 64, "height": 48},
    )
    png = tmp_path / "look.png"
    assert main(["look", str(path), "--png", str(png)]) == 0 and png.stat().st_size > 1000
    main(["doctor", "cameras", str(path), "--seconds", "0.5"])
    output = " ".join(capsys.readouterr().out.split())
    assert "ok top" in output and "images/s, 0 dropped" in output and "a pattern" in output
    assert "ok bottom delivers 64 x 48" in output


def test_its_settings_survive_a_file_and_open_as_a_camera(file: Path, tmp_path: Path) -> None:
    cameras = load_settings(
        CameraSet, write_set(tmp_path, {"kind": f"{file}:Pattern", "name": "top", "grey": 7, "max_age_s": 2.0})
    )
    save_settings(tmp_path / "again.json", cameras)
    assert load_settings(CameraSet, tmp_path / "again.json") == cameras
    opened = make_cameras(cameras.cameras)
    try:
        assert (opened[0].read().image == 7).all()
    finally:
        close_cameras(opened)


def test_node_has_its_settings_as_parameters(file: Path) -> None:
    kind = f"{file}:Pattern"
    parameters = kind_parameters(kind)
    assert parameters["grey"].text == "Of each pixel." and parameters["grey"].default == 90
    values = {"camera": "top", "kind": kind, "jpeg_quality": 0, "parent_frame": "", "grey": 12}
    assert node_settings(values).config.grey == 12  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_the_table_has_settings_of_its_name(name: str) -> None:
    config = camera_kind(name).Config("wrist")
    assert config.kind == name and config.view.size == (128, 128) and config.max_age_s > 0


def test_mistakes_are_refused_with_what_there_is(file: Path) -> None:
    for camera, text in (
        ({"kind": f"{file}:Patern", "name": "top"}, "did you mean 'Pattern'"),
        ({"kind": f"{file}:Pattern", "name": "top", "gray": 1}, "did you mean 'grey'"),
        ({"kind": f"{file}:Source", "name": "top"}, "expected a class with `Config` and `open`"),
        ({"kind": f"{file}:Pattern", "name": "top", "grey": -1}, "top.grey: got -1"),
    ):
        with pytest.raises(ConfigError, match=text):
            from_json(CameraSet, {"cameras": [camera]})
