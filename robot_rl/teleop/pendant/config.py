"""Settings of the pendant: port, heartbeats, time-outs."""

from dataclasses import dataclass

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError


@dataclass(frozen=True)
class PendantConfig:
    """Port, heartbeats and time-outs of the pendant.

    Raises:
        ConfigError: a time that is not positive, or a heartbeat too slow for the device.
    """

    port: str = "/dev/robot-rl-pendant"
    """Serial device (the name that the udev rule gives), or `socket://127.0.0.1:PORT` for one under QEMU."""
    heartbeat_s: float = 0.04
    """Time between two heartbeats [s]. The device opens its relay 0.18 s after the last one it accepted."""
    silence_s: float = 0.25
    """Without a valid frame for so long the pendant counts as lost [s]; it sends one every 0.01 s."""
    vouch_s: float = 10.0
    """How long after a `read` heartbeats still go out [s]: a program that hangs opens the relay, and a reset of the
    environment must fit."""
    arm_on_request: bool = True
    """Answer the re-arm gesture (undo held for 0.8 s, grip released) by arming; otherwise only `Pendant.arm` does."""

    def __post_init__(self) -> None:
        checks.positive(self, "heartbeat_s", "silence_s", "vouch_s")
        if self.heartbeat_s > 0.09:
            raise ConfigError(
                f"heartbeat_s: got {self.heartbeat_s}, expected at most 0.09, "
                "so that one may be lost before the relay opens; 0.04 is usual."
            )
