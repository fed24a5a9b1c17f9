"""Cameras are named in the settings by kind; what cannot work is refused with the nearest name or the rule."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, DeviceLostError, UnknownNameError
from robot_rl.core.settings import from_json, load_settings, save_settings, to_json
from robot_rl.hardware.cameras.config import CameraSet
from robot_rl.hardware.cameras.factory import close_cameras, make_cameras
from robot_rl.hardware.cameras.realsense_config import RealSenseConfig
from robot_rl.hardware.cameras.ros_topic import TopicConfig
from robot_rl.hardware.cameras.views import Crop, View
from robot_rl.hardware.cameras.webcam import WebcamConfig

SET = CameraSet(
    (
        RealSenseConfig("wrist", "128422270679", exposure_s=0.008, view=View(Crop(80, 0, 480, 480), (128, 128))),
        WebcamConfig("side", "/dev/v4l/by-id/usb-046d_C920-video-index0", gain=12.0),
        TopicConfig("front", topic="/zed/left/image_rect_color"),
    )
)


def written(**camera: Any) -> CameraSet:
    return from_json(CameraSet, {"cameras": [camera]})


def test_set_of_cameras_survives_its_file(tmp_path: Path) -> None:
    save_settings(tmp_path / "cameras.json", SET)
    assert load_settings(CameraSet, tmp_path / "cameras.json") == SET
    kinds = [camera["kind"] for camera in json.loads((tmp_path / "cameras.json").read_text())["cameras"]]
    assert kinds == ["realsense", "webcam", "topic"]


def test_little_needs_to_be_written_down() -> None:
    assert written(kind="realsense", name="wrist").cameras == (RealSenseConfig("wrist"),)


@pytest.mark.parametrize(
    ("camera", "advice"),
    [
        ({"kind": "realsence", "name": "wrist"}, r"cameras\[0\]\.kind: got 'realsence'.*did you mean 'realsense'"),
        ({"kind": "webcam", "name": "side", "exposure": 1.0}, "got 'exposure'.*did you mean 'exposure_s'"),
        ({"kind": "realsense", "name": "wrist", "crop": [1]}, r"cameras\[0\] key: got 'crop'"),
        ({"name": "wrist"}, r"cameras\[0\]\.kind: got '', expected one of 'realsense', 'topic', 'webcam'"),
    ],
)
def test_unknown_kinds_and_keys_name_the_nearest(camera: dict[str, Any], advice: str) -> None:
    with pytest.raises(UnknownNameError, match=advice):
        written(**camera)


@pytest.mark.parametrize(
    ("camera", "rule"),
    [
        ({"kind": "realsense"}, r"cameras\[0\]\.name: got nothing, expected a value"),
        ({"kind": "realsense", "name": "the wrist"}, "expected a word"),
        ({"kind": "realsense", "name": "wrist", "exposure_s": 0.0}, r"wrist\.exposure_s: got 0"),
        ({"kind": "realsense", "name": "wrist", "gain": float("nan")}, r"wrist\.gain: got nan"),
        ({"kind": "realsense", "name": "wrist", "serial": 128422270679}, "type str, in quotes"),
        ({"kind": "webcam", "name": "side", "fourcc": "MJPEG"}, "four letters"),
        ({"kind": "topic", "name": "front", "max_age_s": -1.0}, "max_age_s"),
        (
            {"kind": "webcam", "name": "side", "view": {"crop": {"left": 0, "top": 0, "width": 700, "height": 9}}},
            "640 x 480",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_where_they_are_written(camera: dict[str, Any], rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        written(**camera)


def test_two_cameras_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="got 'side' twice"):
        CameraSet((WebcamConfig("side", "0"), WebcamConfig("side", "2")))


def videos(folder: Path) -> list[WebcamConfig]:
    for name, grey in (("a", 40), ("b", 80)):
        cv2.imwrite(str(folder / f"{name}_0.png"), np.full((48, 64, 3), grey, np.uint8))
    return [WebcamConfig(name, str(folder / f"{name}_%d.png"), width=64, height=48, rate_hz=30.0) for name in "ab"]


def test_cameras_are_made_in_order_and_ready(tmp_path: Path) -> None:
    cameras = make_cameras(videos(tmp_path))
    try:
        assert [(camera.name, int(camera.read().image[0, 0, 0])) for camera in cameras] == [("a", 40), ("b", 80)]
        assert [(camera.height, camera.width) for camera in cameras] == [(128, 128)] * 2
    finally:
        close_cameras(cameras)


def test_when_one_camera_fails_its_own_reason_is_raised() -> None:
    with pytest.raises(DeviceLostError, match="c: got no image yet, expected one; c: got no /dev/video77"):
        make_cameras([WebcamConfig("c", "/dev/video77")], ready_s=0.3)


def test_topic_needs_a_connection_to_the_graph() -> None:
    with pytest.raises(ConfigError, match="front: got a topic and no connection to the ROS graph"):
        make_cameras([TopicConfig("front")])


def test_a_missing_file_of_cameras_is_refused_with_where_one_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json, expected a JSON file; docs/cameras\.md has one"):
        load_settings(CameraSet, tmp_path / "absent.json")
    assert "start" not in to_json(CameraSet())
