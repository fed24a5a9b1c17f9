"""How the cameras of a real robot are named in the settings; `cameras.py` makes them.

In JSON each has its kind: `{"kind": "realsense", "name": "wrist", "serial": "128422270679"}`.

`max_age_s` belongs to the camera and holds wherever its pictures are read; `robot.image_age_ms` belongs to a run on the
graph, and bounds what an observation is made of, whoever took it. They stay two settings in two units because files of
both kinds exist.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.hardware.cameras.views import MAX_AGE_S, View

DepthFilter = Literal["spatial", "temporal", "hole-filling"]


@dataclass(frozen=True)
class RealSenseConfig:
    """A RealSense by its serial number.

    Raises:
        ConfigError: a setting that no device could take.
    """

    name: str
    """What the observation calls its picture, as in `wrist`."""
    serial: str = ""
    """As printed on the device and by `robot-rl doctor cameras`; empty: the only one there is."""
    kind: Literal["realsense"] = "realsense"
    width: int = 640
    """Of the device's picture, before crop and resize [pixels]."""
    height: int = 480
    """Of the device's picture [pixels]."""
    rate_hz: int = 30
    """Pictures a second. At 10 Hz policy steps 30 Hz make a picture at most 33 ms old when it arrives."""
    depth: bool = False
    """Whether depth is measured, too, in the colour picture's pixels."""
    auto_exposure: bool = False
    """Let the device choose exposure and gain; a policy then sees the same scene in changing brightness."""
    exposure_s: float = 0.01
    """Of the colour picture [s]. Source: one period of lamps at 50 Hz mains (100 Hz); at 60 Hz take 1/120."""
    gain: float = 64.0
    """Of the colour picture, in the device's unit. Source: the D435's default."""
    auto_white_balance: bool = False
    """Let the device choose the white balance."""
    white_balance_k: float = 4600.0
    """Colour temperature of the light [K]. Source: the D435's default."""
    depth_exposure_s: float = 0.0085
    """Of the stereo pair [s]. Source: the D435's default."""
    depth_gain: float = 16.0
    """Of the stereo pair, in the device's unit. Source: the D435's default."""
    depth_filters: tuple[DepthFilter, ...] = ()
    """What librealsense does to depth before it is aligned, in this order: `spatial` smooths along edges, `temporal`
    averages over time (and so shows what is gone), `hole-filling` invents what was not measured."""
    global_time: bool = True
    """Let the library translate the device's stamps to this machine's clock; otherwise arrivals tell."""
    record: Path | None = None
    """Write all pictures to this file (`.db3`, rosbag2) at full size; a number is added where the file exists."""
    playback: Path | None = None
    """Play a recording in a loop instead of a device."""
    view: View = field(default_factory=View)
    """Crop and size of what the policy sees."""
    max_age_s: float = MAX_AGE_S
    """Older pictures are refused, and the arm holds [s]; see `robot.image_age_ms`. Source: two periods of 10 Hz."""

    def __post_init__(self) -> None:
        _check(self)
        for path in (self.record, self.playback):
            if path is not None and path.suffix != ".db3":
                raise ConfigError(f"{self.name}: got {path}, expected a file that ends in .db3; rename it.")
        if self.record is not None and self.playback is not None:
            raise ConfigError(f"{self.name}: got record and playback, expected one of them; remove the other.")


@dataclass(frozen=True)
class WebcamConfig:
    """A webcam, or a film in its place, through OpenCV.

    Raises:
        ConfigError: a setting that no device could take.
    """

    name: str
    """What the observation calls its picture."""
    device: str = "0"
    """Its number, its path (better: `/dev/v4l/by-id/...` stays the same), or a video file, played in a loop."""
    kind: Literal["webcam"] = "webcam"
    width: int = 640
    """Of the device's picture, before crop and resize [pixels]."""
    height: int = 480
    """Of the device's picture [pixels]."""
    rate_hz: float = 30.0
    """Pictures a second."""
    fourcc: str = "MJPG"
    """How pictures cross the USB: `MJPG`, or `YUYV` without loss and with a lower rate; empty: as the driver likes."""
    auto_exposure: bool = False
    """Let the driver choose the exposure."""
    exposure_s: float = 0.01
    """[s]; in steps of 100 us; a driver may ignore it: `robot-rl doctor cameras` tells. Source: as RealSense."""
    gain: float | None = None
    """In the driver's unit; None: not touched."""
    auto_white_balance: bool = False
    """Let the driver choose the white balance."""
    white_balance_k: float = 4600.0
    """Colour temperature of the light [K]."""
    view: View = field(default_factory=View)
    """Crop and size of what the policy sees."""
    max_age_s: float = MAX_AGE_S
    """Older pictures are refused, and the arm holds [s]; see `robot.image_age_ms`. Source: two periods of 10 Hz."""

    def __post_init__(self) -> None:
        _check(self)
        if self.fourcc and len(self.fourcc) != 4:
            raise ConfigError(f"{self.name}.fourcc: got {self.fourcc!r}, expected four letters or none; try MJPG.")


@dataclass(frozen=True)
class TopicConfig:
    """A camera that somebody else publishes on the ROS graph.

    Raises:
        ConfigError: a setting that cannot work.
    """

    name: str
    """What the observation calls its picture, and where `topic` is empty the first word of its topics."""
    kind: Literal["topic"] = "topic"
    topic: str = ""
    """Of its pictures (sensor_msgs/Image); empty: `NAME/color/image_raw`, below the arm's namespace."""
    view: View = field(default_factory=View)
    """Crop and size of what the policy sees; the size must be given."""
    max_age_s: float = MAX_AGE_S
    """Older pictures are refused, and the arm holds [s]; see `robot.image_age_ms`. Source: two periods of 10 Hz."""

    def __post_init__(self) -> None:
        _check(self)


CameraConfig: TypeAlias = RealSenseConfig | WebcamConfig | TopicConfig


@dataclass(frozen=True)
class CameraSet:
    """All cameras of one robot; also the form of a `cameras.json`.

    Raises:
        ConfigError: two cameras of one name.
    """

    cameras: tuple[CameraConfig, ...] = ()

    def __post_init__(self) -> None:
        check_names(self.cameras)


def check_names(configs: Sequence[CameraConfig]) -> None:
    """Check that no two cameras share a name. Raises: ConfigError."""
    twice = [name for name, count in Counter(config.name for config in configs).items() if count > 1]
    if twice:
        raise ConfigError(f"cameras: got {twice[0]!r} twice, expected names that differ; rename one.")


def _check(config: CameraConfig) -> None:
    if not config.name.isidentifier():
        raise ConfigError(f"camera name: got {config.name!r}, expected a word such as 'wrist'; rename it.")
    if not isinstance(config, TopicConfig):
        config.view.window(config.height, config.width)
    checks.positive(config, "max_age_s")
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        if isinstance(value, int | float) and not isinstance(value, bool) and not (math.isfinite(value) and value >= 0):
            raise ConfigError(f"{config.name}.{entry.name}: got {value}, expected 0 or more; correct it.")
    for positive in ("width", "height", "rate_hz", "exposure_s", "depth_exposure_s"):
        if not getattr(config, positive, 1) > 0:
            raise ConfigError(f"{config.name}.{positive}: got 0, expected more than 0; correct it.")
