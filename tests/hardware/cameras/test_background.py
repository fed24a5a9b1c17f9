"""A camera's reader never waits, never gets an old image unnoticed, and the device comes back by itself."""

import threading
import time

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, DeviceLostError, StaleObservationError
from robot_rl.hardware.cameras.background import BackgroundCamera
from robot_rl.hardware.cameras.camera import Intrinsics
from robot_rl.hardware.cameras.grabber import CameraSetup, Grabber, RawFrame
from robot_rl.hardware.cameras.views import Crop, View
from robot_rl.testing import FakeClock
from tests.waiting import eventually

SETUP = CameraSetup("wrist", 48, 64, View(size=(16, 16)))
PINHOLE = Intrinsics(48, 64, 60.0, 60.0, 31.5, 23.5)


class ScriptedSource:
    """Delivers what the script says: an image of that grey level, "silence" or "gone"; time passes 33 ms each."""

    def __init__(self, script: list[object], clock: FakeClock) -> None:
        self._script, self._clock, self.closed = script, clock, False
        self._number = 0

    def next(self) -> RawFrame | None:
        self._clock.advance(0.033)
        word = self._script.pop(0) if self._script else "silence"
        self._number += word != "again"
        if word == "again":
            return RawFrame(np.full((48, 64, 3), 99, np.uint8), self._clock.now_ns(), self._number)
        if word == "crash":
            raise RuntimeError("xioctl(VIDIOC_QBUF) failed")
        if word == "gone":
            raise DeviceLostError("wrist: got no device, expected it; plug it in.")
        if word in ("silence", "drop"):
            return None
        image = np.full((48, 64, 3), word, np.uint8)
        return RawFrame(image, self._clock.now_ns(), self._number, np.full((48, 64), 500, np.uint16))

    def intrinsics(self) -> Intrinsics | None:
        return PINHOLE

    def temperature_c(self) -> float | None:
        return 41.0

    def clock_changes(self) -> int:
        return 0

    def remarks(self) -> tuple[str, ...]:
        return ("slow cable",)

    def close(self) -> None:
        self.closed = True


class Port:
    """Where a device can be plugged in; counts how often and when it was tried."""

    def __init__(self, clock: FakeClock, script: list[object] | None = None) -> None:
        self.clock, self.script, self.tries_s = clock, script, list[float]()
        self.opened = list[ScriptedSource]()

    def open(self) -> ScriptedSource:
        self.tries_s.append(self.clock.now_s())
        if self.script is None:
            raise DeviceLostError("wrist: got no device, expected serial 42; plug it in.")
        self.opened.append(ScriptedSource(self.script, self.clock))
        return self.opened[-1]


def turns(grabber: Grabber, clock: FakeClock, seconds: float) -> None:
    """Play the thread until the clock has moved by `seconds`."""
    end_s = clock.now_s() + seconds
    while clock.now_s() < end_s:
        clock.advance(grabber.turn())


def test_only_the_newest_image_is_kept_cropped_and_counted() -> None:
    clock = FakeClock()
    grabber = Grabber(SETUP, Port(clock, [10, "drop", 20, 30]).open, clock)
    turns(grabber, clock, 4 * 0.033)
    assert grabber.latest is not None and grabber.latest.image.shape == (16, 16, 3)
    assert (grabber.latest.image == 30).all() and grabber.latest.depth_mm is not None
    health = grabber.health()
    assert (health.connected, health.frames, health.dropped, health.opened) == (True, 3, 1, 1)
    assert (health.temperature_c, health.remarks) == (41.0, ("slow cable",)) and health.trouble == ""
    assert grabber.intrinsics is not None and grabber.intrinsics.width == 16


def test_image_delivered_twice_counts_once_and_is_not_new() -> None:
    clock = FakeClock()
    grabber = Grabber(SETUP, Port(clock, [10, "again", "again"]).open, clock)
    turns(grabber, clock, 3 * 0.033)
    assert grabber.health().frames == 1 and grabber.latest is not None and (grabber.latest.image == 10).all()


def test_absent_device_is_tried_with_pauses_that_grow_to_two_seconds() -> None:
    clock = FakeClock()
    port = Port(clock)
    turns(Grabber(SETUP, port.open, clock), clock, 10.0)
    pauses = np.diff(port.tries_s)
    np.testing.assert_allclose(pauses[:5], [0.1, 0.2, 0.4, 0.8, 1.6], rtol=1e-6)
    np.testing.assert_allclose(pauses[5:], 2.0, rtol=1e-6)


@pytest.mark.parametrize("loss", [["gone"], ["crash"], ["silence"] * 40])
def test_lost_device_is_closed_and_opened_again_and_pauses_start_anew(loss: list[object]) -> None:
    clock = FakeClock()
    port = Port(clock, [10, *loss, 20, 30])
    grabber = Grabber(SETUP, port.open, clock)
    turns(grabber, clock, 2.0)
    assert port.opened[0].closed and grabber.health().opened >= 2
    assert grabber.latest is not None and (grabber.latest.image == 30).all()
    assert grabber.error is None or "no image for 1 s" in str(grabber.error)


def test_whatever_a_driver_throws_becomes_the_reason_that_readers_get() -> None:
    clock = FakeClock()
    grabber = Grabber(SETUP, Port(clock, ["crash"]).open, clock)
    turns(grabber, clock, 0.05)
    assert isinstance(grabber.error, DeviceLostError) and "xioctl(VIDIOC_QBUF) failed" in grabber.health().trouble


def test_images_of_another_size_are_a_settings_error_with_both_sizes() -> None:
    clock = FakeClock()
    grabber = Grabber(SETUP._replace(width=640, height=480), Port(clock, [10]).open, clock)
    turns(grabber, clock, 0.05)
    assert isinstance(grabber.error, ConfigError) and "got images of 64 x 48, expected 640 x 480" in str(grabber.error)
    assert grabber.latest is None


class HangingSource(ScriptedSource):
    """Delivers its script, then hangs as a driver may, until it is let go."""

    def __init__(self, script: list[object], clock: FakeClock, depth: bool = True) -> None:
        super().__init__(script, clock)
        self.release, self._depth = threading.Event(), depth

    def next(self) -> RawFrame | None:
        if not self._script:
            self.release.wait(30.0)
            raise DeviceLostError("let go")
        frame = super().next()
        return frame if self._depth or frame is None else frame._replace(depth_mm=None)


def after_one_image(source: HangingSource, clock: FakeClock) -> BackgroundCamera:
    camera = BackgroundCamera(SETUP, lambda: source, clock)
    while camera.health().frames == 0:  # a real thread, which nothing keeps waiting
        time.sleep(0.001)
    return camera


def test_reader_of_a_hanging_driver_gets_the_last_image_then_an_error_and_never_waits() -> None:
    clock = FakeClock()
    source = HangingSource([10], clock)
    camera = after_one_image(source, clock)
    try:
        camera.wait_ready()
        assert (camera.read().image == 10).all()
        clock.advance(5.0)
        with pytest.raises(StaleObservationError, match="hold the arm"):  # while the thread still hangs
            camera.read()
        assert not source.closed
    finally:
        source.release.set()
        camera.close()
    assert source.closed


def test_absent_camera_gives_its_reason_when_read_or_awaited() -> None:
    clock = FakeClock()
    camera = BackgroundCamera(SETUP, Port(clock).open, clock)
    try:
        with pytest.raises(DeviceLostError, match="expected serial 42; plug it in"):
            camera.wait_ready(3.0)
        with pytest.raises(DeviceLostError, match="got no image yet"):
            camera.read()
    finally:
        camera.close()


def test_settings_are_checked_before_a_thread_starts() -> None:
    clock = FakeClock()
    threads = threading.active_count()
    with pytest.raises(ConfigError, match="64 x 48"):
        BackgroundCamera(SETUP._replace(view=View(Crop(0, 0, 65, 48))), Port(clock).open, clock)
    with pytest.raises(ConfigError, match="max_age_s"):
        BackgroundCamera(SETUP._replace(max_age_s=0.0), Port(clock).open, clock)
    assert threading.active_count() == threads


class StuckSource(ScriptedSource):
    """A device that is gone, and whose close does not return before it is let go, as librealsense 7252 tells."""

    def __init__(self, clock: FakeClock, release: threading.Event) -> None:
        super().__init__(["gone"], clock)
        self._release = release

    def close(self) -> None:
        self._release.wait(60.0)


@pytest.mark.slow
def test_a_close_that_hangs_hides_no_reason_and_the_device_is_reset_and_comes_back() -> None:
    clock, release, resets = FakeClock(), threading.Event(), list[str]()
    sources = iter([StuckSource(clock, release), ScriptedSource([10] * 1000, clock)])
    camera = BackgroundCamera(SETUP, lambda: next(sources), clock, lambda: resets.append("reset"))
    try:
        eventually(lambda: "expected it; plug it in" in camera.health().trouble, limit_s=25.0)  # while it hangs
        assert not camera.health().connected
        with pytest.raises(DeviceLostError, match="got no device"):
            camera.read()
        eventually(lambda: bool(clock.advance(0.05)) or camera.health().frames > 0)
        assert resets == ["reset"] and camera.health().opened == 2
    finally:
        camera.close()
        release.set()


def test_a_device_that_is_there_and_silent_is_reset_at_the_second_silence_and_an_absent_one_never() -> None:
    clock, resets = FakeClock(), list[float]()
    port = Port(clock, [10])
    turns(Grabber(SETUP, port.open, clock, lambda: resets.append(clock.now_s())), clock, 20.0)
    assert len(port.opened) >= 4 and len(resets) == (len(port.opened) - 1) // 2
    absent = list[float]()
    turns(Grabber(SETUP, Port(clock).open, clock, lambda: absent.append(0.0)), clock, 20.0)
    assert absent == []


def test_a_refused_reset_is_a_reason_and_the_device_is_opened_again() -> None:
    def refuse() -> None:
        raise DeviceLostError("wrist: got an error, expected a reset; unplug it.")

    clock = FakeClock()
    port = Port(clock, [10])
    grabber = Grabber(SETUP, port.open, clock, refuse)
    turns(grabber, clock, 3.0)
    assert "expected a reset" in grabber.health().trouble
    turns(grabber, clock, 10.0)
    assert len(port.opened) >= 4


def test_a_driver_that_does_not_return_is_in_the_health_at_once() -> None:
    clock = FakeClock()
    source = HangingSource([10], clock)
    camera = after_one_image(source, clock)
    try:
        clock.advance(5.0)
        health = camera.health()
        assert not health.connected and health.trouble == "its driver has not returned for 5 s"
        with pytest.raises(StaleObservationError, match="its driver has not returned"):
            camera.read()
    finally:
        source.release.set()
        camera.close()


def test_an_image_that_is_sent_again_with_fresh_stamps_is_noticed() -> None:
    """A sensor's is a lost device; of a topic it is a remark, since a simulated scene may stand still."""
    clock = FakeClock()
    port = Port(clock, [10] * 300)
    sensor = Grabber(SETUP._replace(sensor=True), port.open, clock)
    turns(sensor, clock, 2.5)
    assert "got the same image for 2 s" in sensor.health().trouble and sensor.health().opened >= 1
    topic = Grabber(SETUP, Port(clock, [10] * 300).open, clock)
    turns(topic, clock, 2.5)
    health = topic.health()
    assert health.connected and health.trouble == "" and "has not changed for 2 s" in health.remarks[-1]
    changing = Grabber(SETUP._replace(sensor=True), Port(clock, [*range(200)]).open, clock)
    turns(changing, clock, 5.0)
    assert changing.health().trouble == "" and changing.health().remarks == ("slow cable",)
