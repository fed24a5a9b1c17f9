"""What every real camera keeps, whatever it is made of."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from controllers.ros import graph
from robot_rl.core.clock import SystemClock
from robot_rl.hardware.cameras.camera import Camera
from robot_rl.hardware.cameras.factory import close_cameras, make_cameras
from robot_rl.hardware.cameras.realsense import open_realsense_camera
from robot_rl.hardware.cameras.realsense_config import RealSenseConfig
from robot_rl.hardware.cameras.ros_topic import TopicConfig
from robot_rl.hardware.cameras.views import Crop, View, apply
from robot_rl.hardware.cameras.webcam import WebcamConfig
from robot_rl.hardware.graph.messages import image_message
from tests.hardware.cameras.soft_realsense import Bus, Shooting, SoftRealSense
from tests.hardware.graph.memory_wire import Graph, MemoryWire
from tests.waiting import eventually

VIEW = View(Crop(160, 120, 320, 240), (60, 80))
MAX_AGE_S = 30.0  # a busy machine is slow, not wrong
GREY = 90


class Rig(NamedTuple):
    camera: Camera
    expose: Callable[[], None]
    """Makes sure that a newer image comes."""


@pytest.fixture(params=["realsense", "webcam", "topic"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    build = {"realsense": _realsense, "webcam": _webcam, "topic": _topic}[request.param]
    yield from build(tmp_path)


def _await_newer(camera: Camera) -> None:
    before_ns = camera.read().stamp_ns
    eventually(lambda: camera.read().stamp_ns > before_ns)


def _realsense(folder: Path) -> Iterator[Rig]:
    bus, device = Bus(), SoftRealSense("111")
    bus.plug(device)
    config = RealSenseConfig("wrist", "111", view=VIEW, max_age_s=MAX_AGE_S)
    camera = open_realsense_camera(config, lambda: bus.context)
    with Shooting(device, grey=GREY):
        camera.wait_ready()
        yield Rig(camera, lambda: _await_newer(camera))
    camera.close()


def _webcam(folder: Path) -> Iterator[Rig]:
    cv2.imwrite(str(folder / "shot_0.png"), np.full((480, 640, 3), GREY, np.uint8))
    config = WebcamConfig("wrist", str(folder / "shot_%d.png"), view=VIEW, max_age_s=MAX_AGE_S)
    cameras = make_cameras([config])
    yield Rig(cameras[0], lambda: _await_newer(cameras[0]))
    close_cameras(cameras)


def _topic(folder: Path) -> Iterator[Rig]:
    network = Graph(SystemClock())  # type: ignore[arg-type]  # time passes by itself here
    client, server = MemoryWire(network), MemoryWire(network)
    publisher = server.publisher(graph.image_topic("wrist"))
    image = np.full((480, 640, 3), GREY, np.uint8)

    def expose() -> None:
        publisher.publish(image_message(server, image, server.now_ns(), "wrist_color_optical_frame"))

    camera = _while_publishing(expose, client)
    yield Rig(camera, expose)
    camera.close()


def _while_publishing(expose: Callable[[], None], wire: MemoryWire) -> Camera:
    """An image is on its way before the camera waits for its first."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.02):
            expose()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        return make_cameras([TopicConfig("wrist", view=VIEW, max_age_s=MAX_AGE_S)], wire)[0]
    finally:
        over.set()
        thread.join()


def test_image_is_cropped_resized_and_stamped_with_a_moment_that_has_passed(rig: Rig) -> None:
    frame = rig.camera.read()
    assert frame.image.shape == (rig.camera.height, rig.camera.width, 3) == (60, 80, 3)
    assert frame.image.dtype == np.uint8 and rig.camera.name == "wrist"
    np.testing.assert_array_equal(frame.image, apply(VIEW, np.full((480, 640, 3), GREY, np.uint8)))
    assert 0 <= time.monotonic_ns() - frame.stamp_ns < MAX_AGE_S * 1e9


def test_later_images_have_later_stamps_and_do_not_change_earlier_ones(rig: Rig) -> None:
    first = rig.camera.read()
    kept = first.image.copy()
    rig.expose()
    second = rig.camera.read()
    assert second.stamp_ns > first.stamp_ns
    np.testing.assert_array_equal(first.image, kept)
    assert not np.shares_memory(first.image, second.image)


def test_repeated_reads_process_each_image_once(rig: Rig) -> None:
    start_s = time.monotonic()
    for _ in range(1000):
        rig.camera.read()
    assert time.monotonic() - start_s < 30.0  # at 30 Hz, waiting for each would take 33 s
