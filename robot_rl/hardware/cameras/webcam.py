"""A webcam as a camera, through OpenCV; a video file or a numbered series of images can stand in for it."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.hardware.cameras import CameraContext, DeviceReport
from robot_rl.hardware.cameras.background import BackgroundCamera
from robot_rl.hardware.cameras.camera import Intrinsics
from robot_rl.hardware.cameras.config import SensorConfig, check_camera
from robot_rl.hardware.cameras.grabber import CameraSetup, RawFrame

EXPOSURE_UNIT_S = 100e-6
"""Unit of V4L2's `exposure_time_absolute` [s], and so of OpenCV's exposure on Linux."""
V4L2_MANUAL, V4L2_APERTURE_PRIORITY = 1.0, 3.0
"""V4L2's `auto_exposure` menu; the second lets the driver choose the time, as all webcams have it."""


VIDEO_ADVICE = "sudo usermod -aG video $USER, then log in again"


@dataclass(frozen=True)
class WebcamConfig(SensorConfig):
    """A webcam, or a video file in its place, through OpenCV.

    Raises:
        ConfigError: a setting that no device could take.
    """

    name: str
    """Name of its image in the observation."""
    device: str = "0"
    """Its number, its path, or a video file, played in a loop. Numbers change with each start; `/dev/v4l/by-id/...`
    stays with the device, but two of one model may share it; `/dev/v4l/by-path/...` stays with the USB port."""
    kind: Literal["webcam"] = "webcam"
    rate_hz: float = 30.0
    """Images a second."""
    fourcc: str = "MJPG"
    """Image format over USB: `MJPG`, or `YUYV` without loss and with a lower rate; empty: the driver's choice."""
    gain: float | None = None
    """In the driver's unit; None: not touched."""

    def __post_init__(self) -> None:
        check_camera(self)
        if self.fourcc and len(self.fourcc) != 4:
            raise ConfigError(f"{self.name}.fourcc: got {self.fourcc!r}, expected four letters or none; try MJPG.")


class Webcam:
    """The kind `webcam`."""

    Config = WebcamConfig
    packages: ClassVar[dict[str, str]] = {"opencv-python": "camera"}

    @staticmethod
    def open(config: WebcamConfig, context: CameraContext) -> BackgroundCamera:
        """Return the webcam; it is opened in the background.

        Raises:
            ConfigError: OpenCV is not installed.
        """
        return open_webcam(config, context.clock)

    @staticmethod
    def present() -> list[WebcamConfig]:
        """Return the settings of each webcam of this machine."""
        return [WebcamConfig(path.name, str(path)) for path in list_webcams()]

    @staticmethod
    def devices(root: Path) -> Iterator[DeviceReport]:
        """Yield each webcam below `root`, and whether it may be opened."""
        paths = list_webcams(root / "dev")
        for path in paths:
            label = root / "sys/class/video4linux" / path.name / "name"
            text = label.read_text().strip() if label.is_file() else "unnamed"
            text += "".join(f", {link}" for link in stable_names(path, root))
            if os.access(path, os.R_OK | os.W_OK):
                yield DeviceReport(f"/dev/{path.name}", text)
            else:
                yield DeviceReport(f"/dev/{path.name}", f"{text}: no permission; {VIDEO_ADVICE}", "missing")
        if not paths:
            yield DeviceReport("webcams", "no /dev/video*", "optional")

    @staticmethod
    def label(config: WebcamConfig) -> str:
        """Return the device's number or path."""
        return config.device

    @staticmethod
    def identity(config: WebcamConfig, root: Path = Path("/")) -> dict[str, str]:
        """Return the webcam's model and USB port, which stay when its number changes."""
        if is_video(config.device):
            return {"device": config.device}
        path = _path(config.device, root)
        port = next((name for name in stable_names(path, root) if "/by-path/" in name), config.device)
        return {"model": _model(path, root)[0], "port": port}


def open_webcam(config: WebcamConfig, clock: Clock | None = None) -> BackgroundCamera:
    """Start a webcam; it is opened in the background and may come later.

    Raises:
        ConfigError: OpenCV is not installed.
    """
    import_opencv()
    clock = clock or SystemClock()
    sensor = not is_video(config.device)
    setup = CameraSetup(config.name, config.height, config.width, config.view, config.max_age_s, sensor)
    return BackgroundCamera(setup, lambda: WebcamSource(config, clock), clock)


def import_opencv() -> Any:
    """Return the library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise ConfigError(
            "cv2: got no such package, expected it for images; run: pip install -c constraints.txt -e '.[camera]'."
        ) from error
    return cv2


def is_video(device: str) -> bool:
    """Return whether a device's name is that of a video file or of a numbered series, as in `shot_%03d.png`."""
    return not device.isdecimal() and (Path(device).is_file() or "%" in device or bool(Path(device).suffix))


class WebcamSource:
    """An open webcam or video; a `Source`. An image's stamp is the moment at which the driver delivered it.

    `ignored` names the settings that the driver did not take.

    Raises:
        DeviceLostError: not there, or in use.
    """

    def __init__(self, config: WebcamConfig, clock: Clock) -> None:
        self._cv2, self._config, self._clock = import_opencv(), config, clock
        self._video = is_video(config.device)
        self._capture = self._open()
        self._identity = () if self._video else tuple(unstable_name(config.device))
        self.ignored: tuple[str, ...] = () if self._video else tuple(self._apply())
        self._due_ns = clock.now_ns()

    def next(self) -> RawFrame | None:
        if self._video:
            self._pace()
        if not self._capture.grab() and not self._rewound():
            raise DeviceLostError(f"{self._config.name}: got nothing from {self._config.device}, expected an image.")
        stamp_ns = self._clock.now_ns()
        there, bgr = self._capture.retrieve()
        if not there:
            raise DeviceLostError(f"{self._config.name}: got an image that cannot be decoded, expected a whole one.")
        return RawFrame(np.ascontiguousarray(bgr[..., ::-1]), stamp_ns)

    def intrinsics(self) -> Intrinsics | None:
        """Return None: webcams do not report them."""
        return None

    def temperature_c(self) -> float | None:
        """Return None: webcams do not report it."""
        return None

    def clock_changes(self) -> int:
        """Return 0: stamps are this machine's own."""
        return 0

    def remarks(self) -> tuple[str, ...]:
        return (*self._identity, *(f"the driver ignores {name}" for name in self.ignored))

    def close(self) -> None:
        self._capture.release()

    def _open(self) -> Any:
        cv2, device = self._cv2, self._config.device
        if not device.isdecimal() and "%" not in device and not Path(device).exists():
            raise self._absent(f"no {device}")
        if self._video:
            capture = cv2.VideoCapture(device)
        else:
            capture = cv2.VideoCapture(int(device) if device.isdecimal() else device, cv2.CAP_V4L2)
        if not capture.isOpened():
            raise self._absent(f"{device}, which does not open")
        return capture

    def _apply(self) -> Iterator[str]:
        """Set what the settings name, in the order that drivers want; yield what the driver did not take."""
        cv2, config = self._cv2, self._config
        settings = [
            ("fourcc", cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*config.fourcc) if config.fourcc else None),
            ("width", cv2.CAP_PROP_FRAME_WIDTH, config.width),
            ("height", cv2.CAP_PROP_FRAME_HEIGHT, config.height),
            ("rate_hz", cv2.CAP_PROP_FPS, config.rate_hz),
            ("buffer", cv2.CAP_PROP_BUFFERSIZE, 1),
            ("auto_exposure", cv2.CAP_PROP_AUTO_EXPOSURE, _exposure_mode(config)),
            ("exposure_s", cv2.CAP_PROP_EXPOSURE, _unless(config.auto_exposure, config.exposure_s / EXPOSURE_UNIT_S)),
            ("gain", cv2.CAP_PROP_GAIN, config.gain),
            ("auto_white_balance", cv2.CAP_PROP_AUTO_WB, float(config.auto_white_balance)),
            (
                "white_balance_k",
                cv2.CAP_PROP_WB_TEMPERATURE,
                _unless(config.auto_white_balance, config.white_balance_k),
            ),
        ]
        for name, key, value in settings:
            if value is not None and not (self._capture.set(key, value) and abs(self._capture.get(key) - value) < 1.0):
                yield name

    def _pace(self) -> None:
        """A file would deliver as fast as it is read."""
        self._clock.sleep_until(self._due_ns)
        period_ns = round(NS_PER_S / self._config.rate_hz)
        self._due_ns = max(self._due_ns + period_ns, self._clock.now_ns())  # late images are not made up for

    def _rewound(self) -> bool:
        if not self._video:
            return False
        self._capture.release()
        self._capture = self._open()
        return bool(self._capture.grab())

    def _absent(self, what: str) -> DeviceLostError:
        others = ", ".join(" = ".join([str(path), *stable_names(path)]) for path in list_webcams()) or "none"
        return DeviceLostError(
            f"{self._config.name}: got {what}, expected a webcam or a video file (there are: {others}); plug it in, "
            "close the program that uses it, or join the group `video`."
        )


def list_webcams(folder: Path = Path("/dev")) -> list[Path]:
    """Return the video devices of this machine. A webcam has two: images and metadata."""
    with contextlib.suppress(OSError):
        return sorted(folder.glob("video[0-9]*"), key=lambda path: (len(path.name), path.name))
    return []


def stable_names(device: Path, root: Path = Path("/")) -> list[str]:
    """Return the links that udev made for a device: by its id, which two of one model may share, and by its port."""
    links = [link for by in ("by-id", "by-path") for link in sorted((root / "dev/v4l" / by).glob("*"))]
    return [f"/{link.relative_to(root)}" for link in links if link.resolve() == device.resolve()]


def unstable_name(device: str, root: Path = Path("/")) -> Iterator[str]:
    """Yield a warning about a name that may be another device's after a restart."""
    if device.startswith("/dev/v4l/by-path"):
        return
    path = _path(device, root)
    ports = [name for name in stable_names(path, root) if "/by-path/" in name]
    others = (other for other in list_webcams(root / "dev") if other != path)
    twins = [other for other in others if _model(other, root) == _model(path, root)]
    if ports and (twins or not device.startswith("/dev/v4l")):
        why = f"{len(twins)} more of its model" if twins else "numbers change"
        yield f"its name may be another device's after a restart ({why}); {ports[0]} is its port"


def _path(device: str, root: Path) -> Path:
    """Return the device file of a number or path."""
    return (root / (f"dev/video{device}" if device.isdecimal() else device.removeprefix("/"))).resolve()


def _model(path: Path, root: Path) -> list[str]:
    """Return a device's name and number within its webcam: 0 delivers images, 1 describes them."""
    folder = root / "sys/class/video4linux" / path.name
    return [part.read_text().strip() for part in (folder / "name", folder / "index") if part.is_file()] or [path.name]


def _exposure_mode(config: WebcamConfig) -> float:
    return V4L2_APERTURE_PRIORITY if config.auto_exposure else V4L2_MANUAL


def _unless(auto: bool, value: float) -> float | None:
    return None if auto else value
