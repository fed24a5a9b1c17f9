"""A RealSense through the real librealsense: its pipeline, syncer and alignment, with devices made of software."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyrealsense2 as rs
import pytest

from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError, DeviceLostError, StaleObservationError
from robot_rl.hardware.cameras.background import BackgroundCamera
from robot_rl.hardware.cameras.grabber import RawFrame
from robot_rl.hardware.cameras.realsense import RealSenseSource, open_realsense_camera
from robot_rl.hardware.cameras.realsense_config import RealSenseConfig
from robot_rl.hardware.cameras.realsense_devices import RealSenseDevice, list_devices, refusal
from robot_rl.hardware.cameras.views import Crop, View
from robot_rl.testing import FakeClock
from tests.hardware.cameras.soft_realsense import FX, PPX, PPY, Bus, Shooting, SoftRealSense
from tests.waiting import eventually

WRIST = RealSenseConfig("wrist", "111", depth=True, view=View(Crop(160, 120, 320, 240), (120, 160)))
FULL = replace(WRIST, view=View(size=None))
HARDWARE, SYSTEM, GLOBAL = (rs.timestamp_domain(k) for k in range(3))


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def device(bus: Bus) -> SoftRealSense:
    device = SoftRealSense("111")
    bus.plug(device)
    return device


@pytest.fixture
def opened(
    bus: Bus, kept: Callable[[BackgroundCamera], BackgroundCamera]
) -> Callable[[RealSenseConfig], BackgroundCamera]:
    return lambda config: kept(open_realsense_camera(config, lambda: bus.context))


def next_shot(source: RealSenseSource, device: SoftRealSense, stamp_ms: float, domain: object, **what: Any) -> RawFrame:
    device.expose(stamp_ms, domain, **what)
    for _ in range(20):
        frame = source.next()
        if frame is not None and frame.number == device.number:
            return frame
    raise AssertionError("no image came")


def test_colour_and_depth_come_together_cropped_and_resized(
    device: SoftRealSense, opened: Callable[[RealSenseConfig], BackgroundCamera]
) -> None:
    camera = opened(WRIST)
    with Shooting(device, grey=77, depth=640):
        camera.wait_ready()
        frame = camera.wait_newer(0, 30.0)
    assert (
        frame is not None
        and frame.depth_mm is not None
        and frame.image.shape == (120, 160, 3)
        and (frame.image == 77).all()
    )
    assert frame.depth_mm.shape == (120, 160) and set(np.unique(frame.depth_mm)) <= {0, 640}
    assert (frame.depth_mm == 640).mean() > 0.95  # the library's rounding leaves lines without depth
    assert 0 <= time.monotonic_ns() - frame.stamp_ns < 5e9
    pinhole = camera.intrinsics()
    assert pinhole is not None and (pinhole.fx, pinhole.model) == (FX / 2, "plumb_bob")
    assert pinhole.cx == pytest.approx((PPX - 160 + 0.5) / 2 - 0.5) and pinhole.cy == pytest.approx(59.5)
    assert PPY == 239.5 and camera.health().temperature_c == 37.0


def test_several_cameras_are_distinguished_by_serial(
    bus: Bus, device: SoftRealSense, opened: Callable[[RealSenseConfig], BackgroundCamera]
) -> None:
    other = SoftRealSense("222")
    bus.plug(other)
    side, wrist = opened(RealSenseConfig("side", "222")), opened(WRIST)
    with Shooting(device, grey=10), Shooting(other, grey=20):
        for camera in (side, wrist):
            camera.wait_ready()
        assert (side.read().image == 20).all() and (wrist.read().image == 10).all()
    assert [found.serial for found in list_devices(bus.context)] == ["111", "222"]


def test_exposure_gain_and_white_balance_are_fixed_and_auto_is_off(bus: Bus, device: SoftRealSense) -> None:
    source = RealSenseSource(
        replace(WRIST, exposure_s=0.008, gain=32.0, white_balance_k=5000.0), bus.context, FakeClock()
    )
    source.close()
    got = {option: device.colour.get_option(option) for option in (rs.option.exposure, rs.option.gain)}
    assert got == {rs.option.exposure: 80.0, rs.option.gain: 32.0}  # in 100 us
    assert device.colour.get_option(rs.option.white_balance) == 5000.0
    assert device.colour.get_option(rs.option.enable_auto_exposure) == 0.0
    assert device.colour.get_option(rs.option.enable_auto_white_balance) == 0.0
    assert device.colour.get_option(rs.option.global_time_enabled) == 1.0


def test_auto_modes_are_on_on_request_and_then_nothing_is_fixed(bus: Bus, device: SoftRealSense) -> None:
    RealSenseSource(replace(WRIST, auto_exposure=True, auto_white_balance=True), bus.context, FakeClock()).close()
    assert device.colour.get_option(rs.option.enable_auto_exposure) == 1.0
    assert device.colour.get_option(rs.option.enable_auto_white_balance) == 1.0
    assert device.colour.get_option(rs.option.exposure) == 156.0


def test_colour_of_a_stereo_module_is_exposed_in_that_sensors_unit(bus: Bus) -> None:
    d405 = SoftRealSense("405", one_sensor=True)
    bus.plug(d405)
    RealSenseSource(replace(WRIST, serial="405", exposure_s=0.008, gain=32.0), bus.context, FakeClock()).close()
    assert d405.stereo.get_option(rs.option.exposure) == 8000.0  # in 1 us
    assert d405.stereo.get_option(rs.option.gain) == 32.0


@pytest.mark.parametrize(("setting", "word"), [({"exposure_s": 2.0}, "exposure 20000"), ({"gain": 200.0}, "gain 200")])
def test_value_that_the_device_refuses_is_an_error_with_its_range(
    bus: Bus, device: SoftRealSense, setting: dict[str, float], word: str
) -> None:
    with pytest.raises(
        ConfigError, match=rf"wrist: got {word} in the device's unit, expected \d+ to \d+ in steps of 1"
    ):
        RealSenseSource(replace(WRIST, **setting), bus.context, FakeClock())  # type: ignore[arg-type]


def test_missing_serial_lists_the_devices_that_are_there(bus: Bus, device: SoftRealSense) -> None:
    with pytest.raises(DeviceLostError, match=r"wrist: got '111' \(Soft D435\), expected serial '999'; plug it in"):
        RealSenseSource(replace(WRIST, serial="999"), bus.context, FakeClock())
    bus.pull(device)
    with pytest.raises(DeviceLostError, match="got no RealSense at all"):
        RealSenseSource(WRIST, bus.context, FakeClock())


def test_a_serial_written_with_an_underscore_is_the_same_device(bus: Bus, device: SoftRealSense) -> None:
    RealSenseSource(replace(WRIST, serial="_111"), bus.context, FakeClock()).close()


def test_serial_may_be_left_out_for_the_only_device_and_not_for_two(bus: Bus, device: SoftRealSense) -> None:
    RealSenseSource(replace(WRIST, serial=""), bus.context, FakeClock()).close()
    other = SoftRealSense("222")
    bus.plug(other)
    with pytest.raises(ConfigError, match=r"got no serial, expected one of '111' .*'222'"):
        RealSenseSource(replace(WRIST, serial=""), bus.context, FakeClock())


def test_mode_that_the_device_lacks_is_an_error_with_those_it_has(bus: Bus, device: SoftRealSense) -> None:
    with pytest.raises(ConfigError, match=r"got 640x480@90 with depth, expected a mode .*: 640x480@30\."):
        RealSenseSource(replace(WRIST, rate_hz=90), bus.context, FakeClock())


def test_mode_that_needs_usb_3_is_refused_on_usb_2(bus: Bus) -> None:
    slow = SoftRealSense("333", usb="2.1")
    bus.plug(slow)
    with pytest.raises(ConfigError, match=r"over USB 2\.1 \(use a USB 3 port and a USB 3 cable"):
        RealSenseSource(replace(WRIST, serial="333", rate_hz=60), bus.context, FakeClock())


def test_device_in_use_is_an_error_that_names_the_reason(bus: Bus, device: SoftRealSense) -> None:
    first = RealSenseSource(WRIST, bus.context, FakeClock())
    with pytest.raises(DeviceLostError, match=r"it is in use \(.*\): close the other program"):
        RealSenseSource(WRIST, bus.context, FakeClock())
    first.close()


def test_device_that_does_not_start_names_the_next_step() -> None:
    found = RealSenseDevice("111", "D435", "2.1", "5.16.0.1", "")
    assert "connected as USB 2.1" in str(refusal("wrist", found, "640x480@30", RuntimeError("no bandwidth")))
    assert "plug it in again" in str(refusal("wrist", found._replace(usb="3.2"), "640x480@30", RuntimeError("odd")))


def test_stamps_follow_the_devices_change_from_its_own_clock_to_global_time(bus: Bus, device: SoftRealSense) -> None:
    clock = SystemClock()
    source = RealSenseSource(FULL, bus.context, clock)
    try:
        first = next_shot(source, device, 1000.0, HARDWARE)
        second = next_shot(source, device, 1033.0, HARDWARE)
        assert 0 < second.stamp_ns - first.stamp_ns <= 33_000_001
        exposed_ns, wall_ms = clock.now_ns(), time.time_ns() / 1e6
        third = next_shot(source, device, wall_ms, GLOBAL)
        assert abs(third.stamp_ns - exposed_ns) < 2_000_000  # a double of milliseconds since 1970 holds 0.2 us
        fourth = next_shot(source, device, time.time_ns() / 1e6, SYSTEM)
        assert third.stamp_ns <= fourth.stamp_ns <= clock.now_ns() and source.clock_changes() == 2
    finally:
        source.close()


def test_depth_of_another_unit_becomes_millimetres(bus: Bus) -> None:
    fine = SoftRealSense("405", depth_units=0.0001)
    bus.plug(fine)
    source = RealSenseSource(replace(FULL, serial="405"), bus.context, SystemClock())
    try:
        frame = next_shot(source, fine, 1000.0, HARDWARE, depth=2504)
        assert frame.depth_mm is not None and frame.depth_mm.dtype == np.uint16 and np.median(frame.depth_mm) == 250
    finally:
        source.close()


def test_depth_lies_on_the_colour_pixels_of_the_same_things(bus: Bus) -> None:
    """Seen from 15 mm beside, a block at 0.5 m appears 600 px * 15 mm / 500 mm = 18 pixels further on."""
    beside = SoftRealSense("15", baseline_m=0.015)
    bus.plug(beside)
    source = RealSenseSource(replace(FULL, serial="15"), bus.context, SystemClock())
    block = np.zeros((480, 640), np.uint16)
    block[200:280, 300:340] = 500
    try:
        frame = next_shot(source, beside, 1000.0, HARDWARE, depth=block)
    finally:
        source.close()
    assert frame.depth_mm is not None
    rows, columns = np.nonzero(frame.depth_mm)
    assert abs(columns.min() - 318) <= 1 and abs(columns.max() - 357) <= 1
    assert abs(rows.min() - 200) <= 1 and abs(rows.max() - 279) <= 1


def test_filters_of_depth_are_librealsenses_own(bus: Bus, device: SoftRealSense) -> None:
    hole = np.full((480, 640), 500, np.uint16)
    hole[200:204, 300:304] = 0
    for filters, least in ((("hole-filling",), 490), (("spatial", "temporal"), 0)):
        source = RealSenseSource(replace(FULL, depth_filters=filters), bus.context, SystemClock())  # type: ignore[arg-type]
        try:
            frame = next_shot(source, device, 1000.0, HARDWARE, depth=hole)
        finally:
            source.close()
        assert frame.depth_mm is not None and np.median(frame.depth_mm) == 500
        assert np.median(frame.depth_mm[200:204, 300:304]) >= least


def test_lost_images_are_counted(device: SoftRealSense, opened: Callable[[RealSenseConfig], BackgroundCamera]) -> None:
    camera = opened(replace(WRIST, depth=False))

    def delivers() -> bool:
        device.expose(1000.0 + device.number, HARDWARE)
        return camera.wait_newer(0, 0.02) is not None

    def drained() -> bool:
        newest = camera.wait_newer(0, 1.0)
        return newest is not None and camera.wait_newer(newest.stamp_ns, 0.1) is None

    eventually(delivers)
    eventually(drained)
    before = camera.health().dropped
    device.expose(9000.0, HARDWARE, skip=5)
    eventually(lambda: camera.health().dropped == before + 5)


@pytest.mark.slow
def test_unplugged_camera_goes_stale_without_blocking_and_comes_back_by_itself(
    bus: Bus, device: SoftRealSense, opened: Callable[[RealSenseConfig], BackgroundCamera]
) -> None:
    camera = opened(WRIST)
    with Shooting(device):
        camera.wait_ready()
    bus.pull(device)
    eventually(lambda: "no RealSense at all" in camera.health().trouble)
    start_s = time.monotonic()
    with pytest.raises(StaleObservationError, match=r"hold the arm: wrist: got no RealSense at all, expected serial"):
        camera.read()
    assert time.monotonic() - start_s < 20.0 and not camera.health().connected
    bus.plug(device)
    with Shooting(device, grey=55):
        eventually(lambda: camera.health().opened > 1 and camera.health().connected)
        frame = camera.wait_newer(time.monotonic_ns(), 30.0)
        assert frame is not None and (frame.image == 55).all()


@pytest.mark.slow
def test_recording_plays_back_the_same_images_in_a_loop(
    tmp_path: Path, device: SoftRealSense, opened: Callable[[RealSenseConfig], BackgroundCamera]
) -> None:
    path = tmp_path / "wrist.db3"
    recording = opened(replace(FULL, record=path))
    with Shooting(device, grey=33, depth=700):
        recording.wait_ready()
        eventually(lambda: recording.health().frames >= 15)
    recording.close()
    played = opened(replace(FULL, serial="", playback=path))
    played.wait_ready()
    eventually(lambda: played.health().clock_changes >= 1)  # began again
    frame = played.wait_newer(0, 30.0)
    assert frame is not None and (frame.image == 33).all() and np.median(frame.depth_mm) == 700
    assert 0 <= time.monotonic_ns() - frame.stamp_ns < 20e9


def test_recording_never_writes_over_an_earlier_one(tmp_path: Path, bus: Bus, device: SoftRealSense) -> None:
    (tmp_path / "wrist.db3").write_bytes(b"dear")
    RealSenseSource(replace(FULL, record=tmp_path / "wrist.db3"), bus.context, FakeClock()).close()
    assert (tmp_path / "wrist.db3").read_bytes() == b"dear" and (tmp_path / "wrist-2.db3").is_file()


def test_recording_that_is_missing_or_lacks_the_mode_is_refused(tmp_path: Path, bus: Bus) -> None:
    with pytest.raises(ConfigError, match=r"got playback .*, expected a file"):
        open_realsense_camera(replace(FULL, playback=tmp_path / "none.db3"), lambda: bus.context)
    with pytest.raises(ConfigError, match=r"ends in \.db3"):
        replace(FULL, record=tmp_path / "video.bag")
