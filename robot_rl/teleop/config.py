"""Settings of the human in the loop: the input device, and the scripted operator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from robot_rl.core import checks
from robot_rl.teleop.devices import DEVICE_HELP, check_device
from robot_rl.teleop.devices.scripted_config import ScriptedHumanConfig

SAVE_MAX_S = 120.0


@dataclass(frozen=True)
class HumanConfig:
    """The human in the loop.

    Raises:
        UnknownNameError: an input device that there is not.
        ConfigError: a time to save out of its range.
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
    save_s: float = 20.0
    """Time before a person's request to save the last seconds, as an episode, that is saved, task time [s]; 0: none is
    kept."""
    save_to: Path | None = None
    """Folder of what is saved; None: `saved` in the run's folder, `saved/TASK` here without a run."""

    def __post_init__(self) -> None:
        check_device("human.kind", self.kind, "none")
        check_device("human.motion_device", self.motion_device)
        checks.within(self, 0, SAVE_MAX_S, "save_s")

    def settings_of(self, name: str) -> Mapping[str, str] | ScriptedHumanConfig:
        """Return the settings of a device; `settings` belong to `kind`, or to any device where `kind` uses none."""
        if name == "scripted":
            return self.scripted
        return self.settings if self.kind in (name, "scripted", "none") else {}
