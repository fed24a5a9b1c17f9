"""Settings of a RealSense."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from robot_rl.core.errors import ConfigError
from robot_rl.hardware.cameras.config import SensorConfig, check_camera

DepthFilter = Literal["spatial", "temporal", "hole-filling"]


@dataclass(frozen=True)
class RealSenseConfig(SensorConfig):
    """A RealSense by its serial number.

    Raises:
        ConfigError: a setting that no device could take.
    """

    name: str
    """Name of its image in the observation, as in `wrist`."""
    serial: str = ""
    """As printed on the device and by `robot-rl doctor cameras`; a `_` before the digits keeps YAML from reading a
    number; empty: the only one there is."""
    kind: Literal["realsense"] = "realsense"
    rate_hz: int = 30
    """Images a second. At 10 Hz policy steps 30 Hz make an image at most 33 ms old when it arrives."""
    depth: bool = False
    """Whether depth is measured, too, in the colour image's pixels."""
    gain: float = 64.0
    """Of the colour image, in the device's unit. Source: the D435's default."""
    depth_exposure_s: float = 0.0085
    """Of the stereo pair [s]. Source: the D435's default."""
    depth_gain: float = 16.0
    """Of the stereo pair, in the device's unit. Source: the D435's default."""
    depth_filters: tuple[DepthFilter, ...] = ()
    """Depth filters of librealsense before alignment, in this order: `spatial` smooths along edges, `temporal`
    averages over time (and so shows what is gone), `hole-filling` invents what was not measured."""
    emitter: bool = True
    """Project the infrared pattern, which depth needs on plain surfaces; two cameras see each other's."""
    laser_power_mw: float | None = None
    """Power of the pattern [mW]; None: not touched."""
    power_line_hz: Literal[0, 50, 60] = 50
    """Frequency of the mains, against flicker of lamps while the exposure is automatic [Hz]; 0: off."""
    global_time: bool = True
    """Let the library translate the device's stamps to this machine's clock; otherwise arrival times are used."""
    record: Path | None = None
    """Write all images to this file (`.db3`, rosbag2) at full size; a number is added where the file exists."""
    playback: Path | None = None
    """Play a recording in a loop instead of a device."""

    def __post_init__(self) -> None:
        check_camera(self)
        for path in (self.record, self.playback):
            if path is not None and path.suffix != ".db3":
                raise ConfigError(f"{self.name}: got {path}, expected a file that ends in .db3; rename it.")
        if self.record is not None and self.playback is not None:
            raise ConfigError(f"{self.name}: got record and playback, expected one of them; remove the other.")
