"""Settings of a robot's cameras, as in a `cameras.json`: each has its kind, its name, its view and its kind's own.

    {"kind": "realsense", "name": "wrist", "serial": "128422270679"}

`max_age_s` belongs to the camera and holds wherever its images are read; `robot.image_age_ms` belongs to a run on the
graph, and bounds what an observation is made of, whichever camera took it.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.hardware.cameras import camera_kind
from robot_rl.hardware.cameras.views import MAX_AGE_S, View

LARGEST = {"width": 8192, "height": 8192, "rate_hz": 300, "exposure_s": 5.0, "depth_exposure_s": 5.0}
"""Settings that are more than 0, where a kind has them, and their largest values [pixels, Hz, s]."""


class CameraConfig:
    """Common settings of every kind of camera; each kind's `Config` declares them as fields."""

    name: str
    kind: str
    view: View
    max_age_s: float

    @classmethod
    def settings_type(cls, value: Any, where: str) -> type:
        """Return the dataclass that `value`, read from a file, describes: that of its kind.

        Raises:
            ConfigError: an unknown kind.
        """
        if dataclasses.is_dataclass(cls) or not isinstance(value, Mapping):
            return cls
        kind: type = camera_kind(str(value.get("kind", "")), f"{where}.kind").Config
        return kind


@dataclass(frozen=True, kw_only=True)
class SensorConfig(CameraConfig):
    """Settings that cameras on this machine have in common."""

    width: int = 640
    """Of the device's image, before crop and resize [pixels]."""
    height: int = 480
    """Of the device's image [pixels]."""
    auto_exposure: bool = False
    """Let the device choose exposure and gain; a policy then sees the same scene in changing brightness."""
    exposure_s: float = 0.01
    """Of the colour image [s]; a webcam's driver may ignore it: see `robot-rl doctor cameras`. Source: one period of
    lamps at 50 Hz mains (100 Hz); at 60 Hz take 1/120."""
    auto_white_balance: bool = False
    """Let the device choose the white balance."""
    white_balance_k: float = 4600.0
    """Colour temperature of the light [K]. Source: the D435's default."""
    view: View = field(default_factory=View)
    """Crop and size of what the policy sees."""
    max_age_s: float = MAX_AGE_S
    """Older images are refused, and the arm holds [s]; see `robot.image_age_ms`. Source: two periods of 10 Hz."""


@dataclass(frozen=True)
class CameraSet:
    """All cameras of one robot; also the form of a `cameras.json`.

    Raises:
        ConfigError: two cameras of one name.
    """

    start: ClassVar[str] = "docs/cameras.md has one to start from"
    cameras: tuple[CameraConfig, ...] = ()

    def __post_init__(self) -> None:
        check_names(self.cameras)


def check_names(configs: Sequence[CameraConfig]) -> None:
    """Check that no two cameras share a name.

    Raises:
        ConfigError: two do.
    """
    twice = [name for name, count in Counter(config.name for config in configs).items() if count > 1]
    if twice:
        raise ConfigError(f"cameras: got {twice[0]!r} twice, expected names that differ; rename one.")


def check_camera(config: Any) -> None:
    """Check what holds for every camera: the name is a word, the view lies within the image, no number is negative.

    Raises:
        ConfigError: they do not.
    """
    if not config.name.isidentifier():
        raise ConfigError(f"camera name: got {config.name!r}, expected a word such as 'wrist'; rename it.")
    if hasattr(config, "height"):
        config.view.window(config.height, config.width)
    checks.positive(config, "max_age_s")
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        if isinstance(value, int | float) and not isinstance(value, bool) and not (math.isfinite(value) and value >= 0):
            raise ConfigError(f"{config.name}.{entry.name}: got {value}, expected 0 or more; correct it.")
    for name, largest in LARGEST.items():
        value = getattr(config, name, largest)
        if not 0 < value <= largest:
            raise ConfigError(f"{config.name}.{name}: got {value}, expected more than 0, at most {largest}; change it.")
