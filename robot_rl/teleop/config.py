"""Settings of the human in the loop: the input device, and the scripted operator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from robot_rl.teleop.devices import DEVICE_HELP, check_device
from robot_rl.teleop.devices.scripted_config import ScriptedHumanConfig


@dataclass(frozen=True)
class HumanConfig:
    """The human in the loop.

    Raises:
        UnknownNameError: an input device that there is not.
    """

    kind: Annotated[str, tyro.conf.arg(help=f"Input device: none, {DEVICE_HELP}")] = "scripted"
    settings: dict[str, str] = field(default_factory=dict)
    """Settings of the device, as in `port /dev/ttyUSB0`; those of `scripted` are under `human.scripted`."""
    scripted: ScriptedHumanConfig = field(default_factory=ScriptedHumanConfig)
    """When and for how long the scripted human intervenes, and its action noise."""
    motion_device: Annotated[str, tyro.conf.arg(help=f"Moves the arm while a pendant enables it: {DEVICE_HELP}")] = (
        "expert"
    )
    motion_settings: dict[str, str] = field(default_factory=dict)
    """Settings of the motion device."""

    def __post_init__(self) -> None:
        check_device("human.kind", self.kind, "none")
        check_device("human.motion_device", self.motion_device)

    def settings_of(self, name: str) -> Mapping[str, str] | ScriptedHumanConfig:
        """Return the settings of a device; `settings` belong to `kind`, or to any device where `kind` uses none."""
        if name == "scripted":
            return self.scripted
        return self.settings if self.kind in (name, "scripted", "none") else {}
