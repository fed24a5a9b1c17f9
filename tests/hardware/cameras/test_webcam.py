"""A webcam's code path through OpenCV itself; videos stand in for the device."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import ConfigError, DeviceLostError, StaleObservationError
from robot_rl.hardware.cameras.background import BackgroundCamera
from robot_rl.hardware.cameras.views import Crop, View
from robot_rl.hardware.cameras.webcam import (
    Webcam,
    WebcamConfig,
    WebcamSource,
    list_webcams,
    open_webcam,
    unstable_name,
)
from robot_rl.testing import FakeClock
from tests.waiting import eventually

FRAMES = 6


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Six images, red on the left and blue on the right, brighter from one to the next."""
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (64, 48))
    for k in range(FRAMES):
        image = np.zeros((48, 64, 3), np.uint8)
        image[:, :32, 2], image[:, 32:, 0] = 100 + 20 * k, 100 + 20 * k  # BGR
        writer.write(image)
    writer.release()
    return path


def config(device: Path | str, **settings: object) -> WebcamConfig:
    plain = WebcamConfig("side", str(device), width=64, height=48, rate_hz=60.0, view=View(size=None))
    return replace(plain, **settings)  # type: ignore[arg-type]


def test_images_are_rgb_in_order_and_the_video_loops(video: Path) -> None:
    source = WebcamSource(config(video), FakeClock())
    frames = [source.next() for _ in range(2 * FRAMES)]
    source.close()
    images = [frame.image for frame in frames if frame is not None]
    reds = [int(image[:, 4:28, 0].mean()) for image in images]
    np.testing.assert_allclose(reds, [100 + 20 * (k % FRAMES) for k in range(2 * FRAMES)], atol=3)
    assert all(image[:, 36:60, 2].mean() > 90 and image[:, 36:60, 0].mean() < 12 for image in images)


def test_video_is_paced_at_the_rate_of_the_settings_and_stamped_at_the_grab(video: Path) -> None:
    clock = FakeClock(5.0)
    source = WebcamSource(config(video, rate_hz=20.0), clock)
    frames = [source.next() for _ in range(8)]
    source.close()
    stamps_s = [frame.stamp_ns / NS_PER_S for frame in frames if frame is not None]
    np.testing.assert_allclose(stamps_s, 5.0 + 0.05 * np.arange(8), atol=1e-6)


def test_camera_delivers_the_crop_with_a_stamp_of_now(
    video: Path, kept: Callable[[BackgroundCamera], BackgroundCamera]
) -> None:
    camera = kept(open_webcam(config(video, view=View(Crop(0, 0, 32, 48), (24, 16)), max_age_s=20.0)))
    camera.wait_ready()
    frame = camera.read()
    assert frame.image.shape == (camera.height, camera.width, 3) == (24, 16, 3)
    assert frame.image[:, :14, 0].mean() > 90 and frame.image[:, :14, 2].mean() < 12
    assert 0 <= time.monotonic_ns() - frame.stamp_ns < 20 * NS_PER_S
    assert camera.intrinsics() is None


def test_numbered_images_play_as_a_video(tmp_path: Path) -> None:
    for k in range(3):
        cv2.imwrite(str(tmp_path / f"shot_{k:02d}.png"), np.full((48, 64, 3), 10 * k, np.uint8))
    source = WebcamSource(config(tmp_path / "shot_%02d.png"), FakeClock())
    frames = [source.next() for _ in range(4)]
    source.close()
    assert [int(frame.image[0, 0, 0]) for frame in frames if frame is not None] == [0, 10, 20, 0]


def test_camera_that_goes_away_turns_stale_and_comes_back_by_itself(
    video: Path, kept: Callable[[BackgroundCamera], BackgroundCamera]
) -> None:
    camera = kept(open_webcam(config(video)))
    camera.wait_ready()
    away = video.rename(video.with_name("away.avi"))  # noticed where the video ends
    eventually(lambda: not camera.health().connected)
    time.sleep(0.25)
    with pytest.raises(StaleObservationError, match=r"hold the arm: side: got no .*video\.avi, expected a webcam"):
        camera.read()
    away.rename(video)
    eventually(lambda: camera.health().connected)
    assert camera.wait_newer(time.monotonic_ns(), 30.0) is not None and camera.health().opened == 2


def test_absent_device_names_those_that_are_there() -> None:
    with pytest.raises(
        DeviceLostError, match=r"side: got no /dev/video77, expected a webcam or a video file \(there are: "
    ):
        WebcamSource(config("/dev/video77"), FakeClock())


def test_webcams_are_listed_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("video10", "video2", "video0", "videodev"):
        (tmp_path / name).touch()
    assert [path.name for path in list_webcams(tmp_path)] == ["video0", "video2", "video10"]


def test_video_of_another_size_is_an_error_with_both_sizes(
    video: Path, kept: Callable[[BackgroundCamera], BackgroundCamera]
) -> None:
    camera = kept(open_webcam(config(video, width=640, height=480)))
    with pytest.raises(ConfigError, match="got images of 64 x 48, expected 640 x 480"):
        camera.wait_ready()


def test_file_that_is_not_a_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.avi").write_text("no video")
    with pytest.raises(DeviceLostError, match="which does not open"):
        WebcamSource(config(tmp_path / "notes.avi"), FakeClock())


def plug(root: Path, number: int, port: str, model: str = "HD Cam") -> None:
    """A webcam as the kernel and udev show it: two devices, links by id and by port."""
    for index in (0, 1):
        name = f"video{2 * number + index}"
        (root / "dev").mkdir(exist_ok=True)
        (root / "dev" / name).touch()
        label = root / "sys/class/video4linux" / name
        label.mkdir(parents=True)
        (label / "name").write_text(f"{model}\n")
        (label / "index").write_text(f"{index}\n")
        for by, link in (("by-id", f"usb-{model.replace(' ', '_')}"), ("by-path", f"pci-usb-{port}")):
            folder = root / "dev/v4l" / by
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{link}-video-index{index}").unlink(missing_ok=True)  # the later one of a model gets the link
            (folder / f"{link}-video-index{index}").symlink_to(f"../../{name}")


def test_two_webcams_of_one_model_are_listed_with_their_ports(tmp_path: Path) -> None:
    plug(tmp_path, 0, "0:1.2")
    plug(tmp_path, 1, "0:1.4")
    reports = {report.name: report.text for report in Webcam.devices(tmp_path)}
    assert reports["/dev/video0"] == "HD Cam, /dev/v4l/by-path/pci-usb-0:1.2-video-index0"
    assert reports["/dev/video2"].endswith("by-id/usb-HD_Cam-video-index0, /dev/v4l/by-path/pci-usb-0:1.4-video-index0")


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("0", "(1 more of its model); /dev/v4l/by-path/pci-usb-0:1.2-video-index0 is its port"),
        ("/dev/video2", "(1 more of its model); /dev/v4l/by-path/pci-usb-0:1.4-video-index0 is its port"),
        ("/dev/v4l/by-id/usb-HD_Cam-video-index0", "(1 more of its model)"),
        ("/dev/v4l/by-path/pci-usb-0:1.2-video-index0", None),
        ("4", "(numbers change); /dev/v4l/by-path/pci-usb-0:1.6-video-index0 is its port"),
        ("/dev/v4l/by-id/usb-Other-video-index0", None),
    ],
)
def test_a_name_that_another_webcam_may_have_is_remarked(tmp_path: Path, device: str, said: str | None) -> None:
    for number, (port, model) in enumerate((("0:1.2", "HD Cam"), ("0:1.4", "HD Cam"), ("0:1.6", "Other"))):
        plug(tmp_path, number, port, model)
    remarks = list(unstable_name(device, tmp_path))
    assert (remarks == []) if said is None else (len(remarks) == 1 and said in remarks[0])
