"""`robot-rl look`: a picture of what each camera sees, before and after its crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tyro.conf import Positional

from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import load_settings
from robot_rl.hardware.cameras.config import CameraConfig, CameraSet, RealSenseConfig, TopicConfig, WebcamConfig
from robot_rl.hardware.cameras.factory import close_cameras, make_cameras
from robot_rl.hardware.cameras.views import View


@dataclass(frozen=True)
class Arguments:
    """Save one image of all cameras: each as it delivers, with the crop drawn in and pixels ticked; beside
    it what the policy sees. Choose crops with it, then write them into the file of cameras and run it again.

    Without a file: every RealSense and webcam of this machine with its defaults.

    example: robot-rl look cameras.json --png look.png
    """

    cameras: Positional[Path | None] = None
    """File of the cameras."""
    png: Path = Path("cameras.png")
    """Where the image goes; what is there is written over."""


def run(arguments: Arguments) -> int:
    """Open the cameras, take one image of each, and save them as one."""
    file = arguments.cameras
    configs = present_cameras() if file is None else load_settings(CameraSet, file).cameras
    shown = [config for config in configs if not isinstance(config, TopicConfig)]
    for config in configs:
        if isinstance(config, TopicConfig):
            print(f"{config.name}: a topic; look at it with rqt_image_view")
    if not shown:
        raise ConfigError("cameras: got none, expected one or more; see `robot-rl doctor cameras`.")
    save_sheet(shown, arguments.png)
    print(f"{arguments.png}: {', '.join(config.name for config in shown)}")
    return 0


def save_sheet(configs: Sequence[RealSenseConfig | WebcamConfig], path: Path) -> None:
    """Take one picture with each camera and save the sheet.

    Raises:
        DeviceLostError: a camera does not deliver.
        ConfigError: settings that cannot work, or a path that cannot be written.
    """
    from robot_rl.hardware.cameras.contact_sheet import Sheet, contact_sheet, save_png

    cameras = make_cameras([replace(config, view=View(size=None)) for config in configs])
    try:
        images = [camera.read().image for camera in cameras]
    finally:
        close_cameras(cameras)
    rows = [Sheet(_label(config), image, config.view) for config, image in zip(configs, images, strict=True)]
    save_png(path, contact_sheet(rows))


def present_cameras() -> tuple[CameraConfig, ...]:
    """Every RealSense and webcam of this machine, with default settings."""
    from robot_rl.hardware.cameras.realsense_devices import list_devices, machine_context
    from robot_rl.hardware.cameras.webcam import list_webcams

    realsenses = [RealSenseConfig(f"realsense_{d.serial}", d.serial) for d in list_devices(machine_context())]
    return (*realsenses, *(WebcamConfig(path.name, str(path)) for path in list_webcams()))


def _label(config: RealSenseConfig | WebcamConfig) -> str:
    where = (config.serial or "the only RealSense") if isinstance(config, RealSenseConfig) else config.device
    return f"{config.name} ({config.kind} {where})"
