"""The doctor's questions about cameras: each answer is ok, or says what to do."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import save_settings
from robot_rl.doctor.cameras import CameraProbes, examine_cameras
from robot_rl.doctor.finding import Finding, State
from robot_rl.hardware.cameras.config import CameraSet
from robot_rl.hardware.cameras.realsense import RealSense
from robot_rl.hardware.cameras.ros_topic import TopicConfig
from robot_rl.hardware.cameras.webcam import WebcamConfig
from tests.hardware.cameras.soft_realsense import Bus, SoftRealSense


def found_package(package: str, extra: str, otherwise: State) -> Finding:
    return Finding("ok", package, "2.59.1.11053" if package == "pyrealsense2" else "5.0.0.93")


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine's root folder with a webcam, and a RealSense on its USB."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/video0").touch()
    label, usb = tmp_path / "sys/class/video4linux/video0", tmp_path / "sys/bus/usb/devices/2-1"
    label.mkdir(parents=True)
    usb.mkdir(parents=True)
    (label / "name").write_text("HD Pro Webcam C920\n")
    (usb / "idVendor").write_text("8086\n")
    (usb / "product").write_text("Intel(R) RealSense(TM) Depth Camera 435\n")
    return tmp_path


def examined(bus: Bus, root: Path, **probes: Any) -> dict[str, Finding]:
    def devices(kind: Any) -> Any:
        if kind is RealSense:
            return RealSense.devices(root, lambda: bus.context)
        return kind.devices(root) if hasattr(kind, "devices") else ()

    ways = CameraProbes(**{"package": found_package, "devices": devices, **probes})
    return {finding.name: finding for finding in examine_cameras((), 0.1, ways)}


def test_devices_are_listed_with_serial_usb_and_firmware(bus: Bus, machine: Path) -> None:
    device = SoftRealSense("128422270679")
    bus.plug(device)
    found = examined(bus, machine)
    assert {finding.state for finding in found.values()} == {"ok"}
    text = found["128422270679"].value
    assert "Soft D435, USB 3.2, firmware 5.16.0.1 (recommended: 5.17.0.10" in text
    assert found["/dev/video0"].value == "HD Pro Webcam C920"


def test_slow_usb_is_reported_with_the_next_step(bus: Bus, machine: Path) -> None:
    device = SoftRealSense("1", usb="2.1")
    bus.plug(device)
    found = examined(bus, machine)["1"]
    assert found.state == "missing" and "USB 2.1" in found.value and "use a USB 3 port" in found.value


def test_realsense_that_is_plugged_in_and_not_usable_needs_udev_rules(bus: Bus, machine: Path) -> None:
    found = examined(bus, machine)["RealSense on USB"]
    assert found.state == "missing" and "1 plugged in, 0 usable" in found.value and "udev rules" in found.value


def test_machine_without_cameras_is_no_fault(bus: Bus, tmp_path: Path) -> None:
    found = examined(bus, tmp_path)
    assert found["RealSense"].state == found["webcams"].state == "optional"


def test_without_the_library_no_devices_are_listed(bus: Bus, machine: Path) -> None:
    def none(package: str, extra: str, otherwise: State) -> Finding:
        return Finding(otherwise, package, "not installed; try: pip install")

    found = examined(bus, machine, package=none)
    assert "RealSense on USB" not in found and found["pyrealsense2"].state == "optional"


def test_library_that_does_not_load_is_named_and_hides_no_other_camera(bus: Bus, machine: Path) -> None:
    def devices(kind: Any) -> Any:
        if kind is RealSense:
            raise ConfigError("pyrealsense2: got libusb-1.0.so.0: cannot open shared object file")
        return kind.devices(machine) if hasattr(kind, "devices") else ()

    found = examined(bus, machine, devices=devices)
    assert found["realsense"].state == "missing" and "libusb" in found["realsense"].value
    assert found["/dev/video0"].state == "ok"


def test_version_that_was_not_tested_is_named_as_such(bus: Bus, machine: Path) -> None:
    other = examined(bus, machine, package=lambda package, extra, otherwise: Finding("ok", package, "2.55.1"))
    assert other["pyrealsense2"].value == "2.55.1 (tested: 2.59.1)"


@pytest.mark.slow
def test_cameras_of_a_file_are_measured_or_their_errors_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(3):
        cv2.imwrite(str(tmp_path / f"shot_{k}.png"), np.zeros((48, 64, 3), np.uint8))
    video = WebcamConfig("side", str(tmp_path / "shot_%d.png"), width=64, height=48, rate_hz=20.0)
    wrong = WebcamConfig("wrong", str(tmp_path / "shot_%d.png"), width=640, height=480)
    save_settings(tmp_path / "cameras.json", CameraSet((video, wrong, TopicConfig("front"))))
    assert main(["doctor", "cameras", str(tmp_path / "cameras.json"), "--seconds", "1"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "ok side" in out and "images/s, 0 dropped" in out
    assert "missing wrong wrong: got images of 64 x 48, expected 640 x 480" in out
    assert "ros2 topic hz front/color/image_raw" in out


@pytest.mark.slow
def test_camera_below_its_rate_is_reported_with_the_next_step(bus: Bus, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "shot_0.png"), np.zeros((48, 64, 3), np.uint8))
    # A source of 10 Hz in the place of one that should make 30.
    slow = WebcamConfig("side", str(tmp_path / "shot_%d.png"), width=64, height=48, rate_hz=10.0)
    asked = WebcamConfig("side", slow.device, width=64, height=48, rate_hz=30.0)
    probes = CameraProbes(found_package, lambda kind: (), open=lambda config: CameraProbes().open(slow))
    found = {finding.name: finding for finding in examine_cameras((asked,), 1.0, probes)}["side"]
    assert found.state == "missing" and "expected 30 images/s: try another port" in found.value
