"""`robot-rl snapshot`: one image of what each camera sees, before and after its crop."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from robot_rl.core.errors import ConfigError, RobotRLError
from robot_rl.core.settings import load_settings
from robot_rl.hardware.cameras import all_kinds, camera_kind
from robot_rl.hardware.cameras.config import CameraConfig, CameraSet
from robot_rl.hardware.cameras.factory import close_cameras, make_cameras
from robot_rl.hardware.cameras.views import View


@dataclass(frozen=True)
class Arguments:
    """Save one image of all cameras: each as it delivers, with the crop drawn in and pixels ticked; beside
    it what the policy sees. Choose crops with it, then write them into the file of cameras and run it again.

    Without a file: every camera of this machine with its defaults.

    example: robot-rl snapshot cameras.json --png snapshot.png
    """

    cameras: Positional[Path | None] = None
    """File of the cameras."""
    png: Path = Path("cameras.png")
    """Path of the image; an existing file is overwritten."""


def run(arguments: Arguments) -> int:
    """Open the cameras, take one image of each, and save them as one."""
    file = arguments.cameras
    configs = present_cameras() if file is None else load_settings(CameraSet, file).cameras
    shown = [config for config in configs if not getattr(camera_kind(config.kind), "on_graph", False)]
    for config in configs:
        if config not in shown:
            print(f"{config.name}: a topic; view it with rqt_image_view")
    if not shown:
        raise ConfigError("cameras: got none, expected one or more; see `robot-rl doctor cameras`.")
    save_sheet(shown, arguments.png)
    print(f"{arguments.png}: {', '.join(config.name for config in shown)}")
    return 0


def save_sheet(configs: Sequence[CameraConfig], path: Path) -> None:
    """Take one image with each camera and save the sheet.

    Raises:
        DeviceLostError: a camera does not deliver.
        ConfigError: settings that cannot work, or a path that cannot be written.
    """
    from robot_rl.hardware.cameras.contact_sheet import Sheet, contact_sheet, save_png

    whole: list[Any] = list(configs)
    cameras = make_cameras([replace(config, view=View(size=None)) for config in whole])
    try:
        images = [camera.read().image for camera in cameras]
    finally:
        close_cameras(cameras)
    rows = [Sheet(_label(config), image, config.view) for config, image in zip(configs, images, strict=True)]
    save_png(path, contact_sheet(rows))


def present_cameras() -> tuple[CameraConfig, ...]:
    """Return the settings of each camera of this machine, of every kind that can list them."""
    found: list[CameraConfig] = []
    for name, kind in all_kinds().items():
        try:
            found += kind.present() if hasattr(kind, "present") else ()
        except RobotRLError as error:
            print(f"{name}: {error}", file=sys.stderr)
    return tuple(found)


def _label(config: CameraConfig) -> str:
    kind = camera_kind(config.kind)
    return f"{config.name} ({config.kind} {kind.label(config)})" if hasattr(kind, "label") else config.name
