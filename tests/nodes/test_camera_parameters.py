"""The camera node's parameters become the camera's settings, or an error that names the rule."""

from pathlib import Path
from typing import Any

import pytest

from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.hardware.cameras.realsense_config import RealSenseConfig
from robot_rl.hardware.cameras.views import View
from robot_rl.hardware.cameras.webcam import WebcamConfig
from robot_rl.nodes.camera_parameters import PARAMETERS, kind_parameters, node_settings

TABLE = PARAMETERS | kind_parameters("realsense")
DEFAULTS = {name: parameter.default for name, parameter in TABLE.items()}


def test_each_parameter_says_what_it_is_and_its_default_lies_within_its_bounds() -> None:
    for name, parameter in (TABLE | kind_parameters("webcam")).items():
        assert parameter.text.endswith("."), name
        if parameter.least is not None and parameter.most is not None:
            assert parameter.least <= parameter.default <= parameter.most, name


def test_defaults_are_those_of_the_settings_with_depth_and_the_whole_image() -> None:
    settings = node_settings(DEFAULTS)
    assert settings.config == RealSenseConfig("camera", depth=True, view=View(size=None))
    assert settings.extrinsics is None and settings.frame_id == "camera_color_optical_frame"


def test_numbers_that_are_words_and_paths_are_taken_as_such() -> None:
    realsense = node_settings(DEFAULTS | {"serial": 128422270679, "playback": "wrist.db3"}).config
    assert isinstance(realsense, RealSenseConfig)
    assert (realsense.serial, realsense.playback) == ("128422270679", Path("wrist.db3"))
    webcam = node_settings(DEFAULTS | {"kind": "webcam", "device": 2}).config
    assert isinstance(webcam, WebcamConfig) and webcam.device == "2"


@pytest.mark.parametrize(
    "values", [{"xyz": [1.0, 2.0]}, {"xyz": [float("nan"), 0.0, 0.0]}, {"quat_xyzw": [0.0, 0.0, 0.0, 0.0]}]
)
def test_places_that_are_none_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        node_settings(DEFAULTS | {"parent_frame": "hand"} | values)


def test_values_of_another_type_are_converted_or_refused_by_the_settings() -> None:
    config = node_settings(DEFAULTS | {"kind": "webcam", "rate_hz": 15, "gain": "", "auto_exposure": True}).config
    assert isinstance(config, WebcamConfig)
    assert (config.rate_hz, config.gain, config.auto_exposure) == (15.0, None, True)
    with pytest.raises(ConfigError, match="width: got 'wide', expected a value of type int"):
        node_settings(DEFAULTS | {"width": "wide"})


def test_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'realsense'"):
        node_settings(DEFAULTS | {"kind": "real_sense"})


def test_a_serial_number_that_yaml_read_as_a_number_is_refused_with_the_way_to_write_it() -> None:
    for value in (17322071690.0, 239629351):  # 017322071690 as a double, 001622072047 as octal
        with pytest.raises(ConfigError, match=rf"serial: got the number {value}, expected text.*-p serial:=_0173"):
            node_settings(DEFAULTS | {"serial": value})
    assert node_settings(DEFAULTS | {"serial": "_017322071690"}).config.serial == "_017322071690"  # type: ignore[attr-defined]


def test_a_camera_of_a_file_has_the_files_settings_and_publishes_whole_images(tmp_path: Path) -> None:
    path = tmp_path / "cameras.json"
    path.write_text(
        '{"cameras": [{"kind": "webcam", "name": "side", "device": "video.avi", "view": {"size": [64, 64]}}]}'
    )
    settings = node_settings(DEFAULTS | {"camera": "side", "file": str(path)})
    assert settings.config == WebcamConfig("side", "video.avi", view=View(size=None))
    with pytest.raises(UnknownNameError, match="camera: got 'sied', expected one of 'side'; did you mean 'side'"):
        node_settings(DEFAULTS | {"camera": "sied", "file": str(path)})
