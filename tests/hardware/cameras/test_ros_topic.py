"""Images over the graph: their bytes, their age, and what is counted."""

from typing import Any

import numpy as np
import pytest

from controllers.ros import graph
from robot_rl.core.errors import BadMessageError, DeviceLostError, StaleObservationError
from robot_rl.hardware.cameras.ros_topic import GraphCamera, TopicConfig
from robot_rl.hardware.cameras.views import View
from robot_rl.hardware.graph.messages import image_message, read_image
from robot_rl.testing import FakeClock
from tests.hardware.graph.memory_wire import Graph, MemoryWire

TOPIC = graph.image_topic("wrist")
IMAGE = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
WHOLE = TopicConfig("wrist", view=View(size=(6, 8)))


class Bench:
    """A camera and a publisher of its images."""

    def __init__(self, config: TopicConfig = WHOLE) -> None:
        self.clock = FakeClock(5.0)
        self.graph = Graph(self.clock)
        self.wire = MemoryWire(self.graph)
        self.camera = GraphCamera(MemoryWire(self.graph), self.clock, config)

    def send(self, image: np.ndarray = IMAGE, age_s: float = 0.0, **changes: Any) -> None:
        message = image_message(self.wire, image, self.wire.now_ns() - round(age_s * 1e9), "wrist_color_optical_frame")
        for name, value in changes.items():
            setattr(message, name, value)
        self.wire.publisher(TOPIC).publish(message)


def test_newest_image_comes_without_waiting() -> None:
    bench = Bench()
    bench.send(np.zeros_like(IMAGE))
    bench.clock.advance(0.033)
    bench.send(age_s=0.01)
    before_ns = bench.clock.now_ns()
    frame = bench.camera.read()
    np.testing.assert_array_equal(frame.image, IMAGE)
    assert frame.stamp_ns == before_ns - 10_000_000 and bench.clock.now_ns() == before_ns


def test_image_is_cropped_and_resized() -> None:
    bench = Bench(TopicConfig("wrist", view=View(size=(3, 3))))
    bench.send()
    assert bench.camera.read().image.shape == (3, 3, 3) == (bench.camera.height, bench.camera.width, 3)


def test_old_image_is_refused_and_counted() -> None:
    bench = Bench()
    bench.send()
    bench.clock.advance(0.3)
    with pytest.raises(StaleObservationError, match=r"wrist: got an image 0.300 s old"):
        bench.camera.read()
    bench.send()
    bench.camera.read()
    counters = bench.camera.counters()
    assert (counters.refused, counters.ages.count) == (1, 1)


def test_image_from_the_future_is_refused() -> None:
    bench = Bench()
    bench.send(age_s=-1.0)
    with pytest.raises(StaleObservationError):
        bench.camera.read()


@pytest.mark.parametrize("jump_s", [3.0, -3.0])
def test_jump_of_the_clock_is_named_and_only_spoils_what_came_unnoticed(jump_s: float) -> None:
    bench = Bench()
    bench.send()
    bench.camera.read()
    bench.graph.offset_ns += round(jump_s * 1e9)
    bench.send()  # its stamp cannot be understood yet
    with pytest.raises(StaleObservationError):
        bench.camera.read()
    assert f"clock: got a jump of {jump_s:.3f} s" in bench.camera.problems()[-1]
    bench.send()
    assert bench.camera.read().stamp_ns == bench.clock.now_ns()


def test_stamp_of_an_image_does_not_change_while_the_clocks_drift() -> None:
    bench = Bench()
    bench.send()
    first = bench.camera.read().stamp_ns
    bench.graph.offset_ns += 1_000_000
    assert bench.camera.read().stamp_ns == first


def test_dropped_images_are_counted_by_their_stamps() -> None:
    bench = Bench()
    for gap_s in (0.0, 0.033, 0.1, 0.034):
        bench.clock.advance(gap_s)
        bench.send()
    counters = bench.camera.counters()
    assert (counters.received, counters.dropped) == (4, 2)


def test_camera_that_never_sends_is_announced_and_then_lost(capsys: pytest.CaptureFixture[str]) -> None:
    bench = Bench()
    with pytest.raises(DeviceLostError, match=r"wrist/color/image_raw: got no image for 10.0 s"):
        bench.camera.read()
    assert capsys.readouterr().out.count("no image on wrist/color/image_raw: waiting at most 10 s") == 1


def test_topic_may_have_another_name() -> None:
    bench = Bench(TopicConfig("wrist", view=View(size=(6, 8)), topic="/usb_cam/image"))
    message = image_message(bench.wire, IMAGE, bench.wire.now_ns(), "camera")
    bench.wire.publisher(TOPIC._replace(name="/usb_cam/image")).publish(message)
    np.testing.assert_array_equal(bench.camera.read().image, IMAGE)


def _encoded(encoding: str, pixels: np.ndarray, padding: int) -> Any:
    height, width = pixels.shape[:2]
    rows = np.zeros((height, pixels[0].size + padding), np.uint8)
    rows[:, : pixels[0].size] = pixels.reshape(height, -1)
    wire = MemoryWire(Graph(FakeClock()))
    return wire.make(
        "sensor_msgs/msg/Image",
        height=height,
        width=width,
        encoding=encoding,
        step=rows.shape[1],
        data=rows.reshape(-1),
    )


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "mono8"])
def test_encodings_and_padded_rows_give_the_same_rgb(encoding: str, padding: int) -> None:
    pixels = IMAGE[:, :, ::-1] if encoding.startswith("bgr") else IMAGE
    if encoding.endswith("a8"):
        pixels = np.dstack([pixels, np.full(IMAGE.shape[:2], 255, np.uint8)])
    if encoding == "mono8":
        pixels = IMAGE[:, :, :1]
    expected = np.repeat(IMAGE[:, :, :1], 3, axis=2) if encoding == "mono8" else IMAGE
    np.testing.assert_array_equal(read_image(_encoded(encoding, pixels, padding)), expected)


def test_messages_that_are_no_images_are_refused() -> None:
    with pytest.raises(BadMessageError, match="encoding: got '16UC1'"):
        read_image(_encoded("16UC1", IMAGE, 0))
    short = _encoded("rgb8", IMAGE, 0)
    short.data = short.data[:-1]
    with pytest.raises(BadMessageError, match="image: got 143 bytes"):
        read_image(short)
    narrow = _encoded("rgb8", IMAGE, 0)
    narrow.step = 4
    with pytest.raises(BadMessageError, match="image"):
        read_image(narrow)
