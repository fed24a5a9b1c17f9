"""The camera's node under a real ROS 2, heard by a stranger's node in a process of its own."""

import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from robot_rl.core.errors import StaleObservationError
from robot_rl.hardware.cameras.factory import make_cameras
from robot_rl.hardware.cameras.realsense import RealSenseSource
from robot_rl.hardware.cameras.realsense_config import RealSenseConfig
from robot_rl.hardware.cameras.ros_topic import TopicConfig
from robot_rl.hardware.cameras.views import Crop, View
from robot_rl.hardware.graph.dds_wire import DdsWire
from robot_rl.testing import FakeClock
from tests.hardware.cameras.soft_realsense import FX, PPX, PPY, Bus, Shooting, SoftRealSense
from tests.nodes.ros_processes import Program, ros_environment
from tests.waiting import eventually

pytestmark = [pytest.mark.ros, pytest.mark.slow]
LISTENER = str(Path(__file__).with_name("listen_to_camera.py"))


def node(*parameters: str, words: Sequence[str] = ()) -> Program:
    words = [*words, *(word for parameter in parameters for word in ("-p", parameter))]
    return Program(["-m", "robot_rl.nodes.camera", "--ros-args", *words])


def heard(listener: Program, topic: str) -> list[dict[str, Any]]:
    return [line for line in listener.heard() if line["topic"] == topic]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (640, 480))
    for _ in range(30):
        writer.write(np.full((480, 640, 3), (20, 60, 200), np.uint8))  # BGR
    writer.release()
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Half a second of a RealSense, recorded by librealsense."""
    path, bus, device = tmp_path / "wrist.db3", Bus(), SoftRealSense("111")
    bus.plug(device)
    config = RealSenseConfig("wrist", "111", depth=True, record=path, view=View(size=None))
    source = RealSenseSource(config, bus.context, FakeClock())
    with Shooting(device, grey=90, depth=650):
        for _ in range(15):
            eventually(source.next)
    source.close()
    return path


def test_recorded_realsense_is_published_with_depth_intrinsics_and_pose(recording: Path) -> None:
    with (
        Program([LISTENER, "wrist"]) as listener,
        node("camera:=wrist", f"playback:={recording}", "parent_frame:=hand", "xyz:=[0.0, 0.05, -0.1]"),
    ):
        for topic in ("colour", "depth", "info", "place", "health"):
            eventually(lambda topic=topic: heard(listener, topic))  # type: ignore[misc]
        # One exposure has one stamp. A computer under load loses images of either stream.
        eventually(
            lambda: set.intersection(*({line["stamp"] for line in heard(listener, t)} for t in ("colour", "depth")))
        )
    colour, depth, info = (heard(listener, topic) for topic in ("colour", "depth", "info"))
    assert {line["encoding"] for line in colour} == {"rgb8"} and {line["encoding"] for line in depth} == {"16UC1"}
    assert all(line["mean"] == [90.0] * 3 for line in colour) and depth[-1]["median"] == 650.0
    assert {line["frame"] for line in (*colour, *depth, *info)} == {"wrist_color_optical_frame"}
    assert info[-1]["k"] == [FX, 0.0, PPX, 0.0, FX, PPY, 0.0, 0.0, 1.0] and info[-1]["model"] == "plumb_bob"
    place = heard(listener, "place")[0]
    assert (place["parent"], place["child"]) == ("hand", "wrist_color_optical_frame")
    assert place["xyz"] == [0.0, 0.05, -0.1]


def test_video_streams_with_fresh_stamps_jpeg_and_a_healthy_rate(video: Path) -> None:
    with (
        Program([LISTENER, "side"]) as listener,
        node("camera:=side", "kind:=webcam", f"device:={video}", "rate_hz:=15", "jpeg_quality:=80"),
    ):
        eventually(lambda: [h for h in heard(listener, "health") if float(h["values"]["fps"]) > 3.0])
        eventually(lambda: heard(listener, "jpeg"))
    colour = heard(listener, "colour")
    np.testing.assert_allclose(colour[-1]["mean"], [200, 60, 20], atol=4)
    assert all(-0.01 < line["age_s"] < 20.0 for line in colour)
    stamps = [line["stamp"] for line in colour]
    assert stamps == sorted(stamps) and len(set(stamps)) == len(stamps)
    assert heard(listener, "jpeg")[0]["start"] == [0xFF, 0xD8]
    assert heard(listener, "health")[-1]["level"] == 0 and heard(listener, "info")[-1]["k"] == [0.0] * 9


def test_policys_camera_reads_the_node_over_plain_dds_and_refuses_images_once_it_is_gone(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The actor's virtual environment needs no ROS: `TopicConfig` over Cyclone DDS, the node over rclpy."""
    environment = ros_environment()
    monkeypatch.setenv("CYCLONEDDS_URI", environment["CYCLONEDDS_URI"])
    wire = DdsWire("actor", "left", int(environment["ROS_DOMAIN_ID"]))
    remap = ["-r", "__ns:=/left"]
    try:
        with node("camera:=side", "kind:=webcam", f"device:={video}", words=remap) as program:
            config = TopicConfig("side", view=View(Crop(0, 0, 480, 480), (128, 128)), max_age_s=2.0)
            camera = make_cameras([config], wire, ready_s=30.0)[0]
            frame = camera.read()
            np.testing.assert_allclose(frame.image.mean(axis=(0, 1)), [200, 60, 20], atol=4)
            assert frame.image.shape == (128, 128, 3) and 0 <= time.monotonic_ns() - frame.stamp_ns < 2e9
            program.kill()
            time.sleep(2.1)
            with pytest.raises(StaleObservationError, match="hold the arm"):
                camera.read()
    finally:
        wire.close()


def test_restarted_node_is_received_by_the_same_reader(video: Path) -> None:
    parameters = ("camera:=side", "kind:=webcam", f"device:={video}")
    with Program([LISTENER, "side"]) as listener:
        with node(*parameters) as first:
            eventually(lambda: len(heard(listener, "colour")) > 5)
            first.kill()
        time.sleep(0.5)
        before = len(heard(listener, "colour"))
        time.sleep(0.5)
        assert len(heard(listener, "colour")) == before
        with node(*parameters):
            eventually(lambda: len(heard(listener, "colour")) > before + 5)


def test_absent_camera_is_an_error_in_the_diagnostics_and_no_image() -> None:
    with (
        Program([LISTENER, "side"]) as listener,
        node("camera:=side", "kind:=webcam", "device:=/dev/video77"),
    ):
        health = eventually(lambda: [h for h in heard(listener, "health") if h["level"] == 2])[-1]
        assert "got no /dev/video77" in health["text"] and heard(listener, "colour") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_node_ends_cleanly_on_request(video: Path, number: int) -> None:
    with Program([LISTENER, "side"]) as listener, node("camera:=side", "kind:=webcam", f"device:={video}") as program:
        eventually(lambda: heard(listener, "colour"))
        program.interrupt(number)
        assert program.ended() == 0
        assert not any("Traceback" in line for line in program.lines), program.lines


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (("kind:=webcams",), "did you mean 'webcam'"),
        (("width:=-5",), "width"),
        (("kind:=webcam", "exposure_s:=7.0"), "exposure_s"),
        (("parent_frame:=hand", "quat_xyzw:=[0.0, 0.0, 0.0, 2.0]"), "quat_xyzw: got"),
        (("playback:=/nowhere/wrist.db3",), "expected a file"),
    ],
)
def test_parameters_that_cannot_work_cost_one_clear_line(parameters: tuple[str, ...], message: str) -> None:
    with node(*parameters) as program:
        assert program.ended() == 2
    assert len(program.lines) == 1 and message in program.lines[0], program.lines
