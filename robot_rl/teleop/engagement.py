"""Engagement rule of input devices: hold, toggle or deflection with dead-band and hysteresis."""

from dataclasses import dataclass
from typing import Literal, get_args

from robot_rl.core import checks
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import ConfigError

EngageMode = Literal["hold", "toggle", "deflection"]


@dataclass(frozen=True)
class EngageConfig:
    """How the human engages a device.

    Raises:
        ConfigError: thresholds out of order, or an unknown mode.
    """

    mode: EngageMode = "hold"
    """`hold`: while the button is pressed. `toggle`: each press changes it. `deflection`: while the device is moved."""
    deflection_on: float = 0.15
    """Deflection in [0, 1] above which the human takes charge; below it is dead-band."""
    deflection_off: float = 0.05
    """Deflection below which the device releases; smaller than `deflection_on`, so that noise cannot flutter."""
    release_s: float = 0.3
    """How long the deflection must stay below `deflection_off` until the device releases [s]."""

    def __post_init__(self) -> None:
        checks.one_of(self, get_args(EngageMode), "mode")
        checks.at_least(self, 0, "release_s")
        if not 0.0 <= self.deflection_off <= self.deflection_on <= 1.0:
            raise ConfigError(
                f"deflection_off, deflection_on: got {self.deflection_off}, {self.deflection_on}, "
                "expected 0 <= off <= on <= 1; 0.05 and 0.15 suit most devices."
            )


class Engagement:
    """Turns a button and a deflection into `engaged`; one per device."""

    def __init__(self, config: EngageConfig) -> None:
        self._config = config
        self._engaged = False
        self._was_pressed = False
        self._moved_ns = 0

    def update(self, pressed: bool, deflection: float, now_ns: int) -> bool:
        """Return whether the human is engaged now.

        Args:
            pressed: the engage button.
            deflection: largest absolute axis of the device, in [0, 1].
            now_ns: the present moment [ns].
        """
        rising, self._was_pressed = pressed and not self._was_pressed, pressed
        if self._config.mode == "hold":
            self._engaged = pressed
        elif self._config.mode == "toggle":
            self._engaged ^= rising
        else:
            self._engaged = self._deflected(deflection, now_ns)
        return self._engaged

    def release(self) -> None:
        """Release, as when the device is lost."""
        self._engaged = False

    def _deflected(self, deflection: float, now_ns: int) -> bool:
        config = self._config
        if deflection > config.deflection_on or (self._engaged and deflection >= config.deflection_off):
            self._moved_ns = now_ns
            return True
        return self._engaged and now_ns - self._moved_ns < config.release_s * NS_PER_S
