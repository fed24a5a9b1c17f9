"""3Dconnexion's SpaceMouse as a teleoperation device, over hidapi.

A report begins with its id: 1 translation (and, with twelve bytes, rotation), 2 rotation, 3 buttons as bits. Axes are
int16, little-endian, about +-350 at full deflection, in a frame with x right, y towards the user, z down. Reports of
motion come about every 8 to 16 ms while the cap is deflected, and one of zeros when it is let go.
Source: spacenavd (Linux, src/dev_usb.c, src/proto_x11.c); PySpaceMouse (devices.toml).
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.teleop.devices.handheld import HandheldConfig, HandheldDevice
from robot_rl.teleop.devices.plugged import check_functions
from robot_rl.teleop.engagement import EngageConfig

FULL_SCALE = 350.0
OPERATOR_FROM_DEVICE = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
"""Turns the device's frame into the operator's: x forward, y left, z up."""
TRANSLATION_REPORT, ROTATION_REPORT, BUTTON_REPORT = 1, 2, 3
BUTTONS_MAX = 32
VENDOR, LOGITECH = 0x256F, 0x046D
LOGITECH_DEVICES = range(0xC603, 0xC62C)  # sold by Logitech before 2013
MULTI_AXIS = (1, 8)  # HID usage page and usage
REPORT_BYTES, REPORTS_MAX = 64, 1000
SILENT_S = 0.5
"""A cap that was deflected and reports nothing for so long counts as let go [s]."""
RULE_ADVICE = (
    f"sudo cp {Path(__file__).with_name('60-robot-rl-spacemouse.rules')} /etc/udev/rules.d/ && "
    "sudo udevadm control --reload && sudo udevadm trigger"
)
HELP = """\
  SpaceMouse: push, pull, lift and twist the cap as the tool should move; letting it go hands control back.
  Forward and left turn with the gripper; as it starts, forward points away from the robot's base. Buttons: {buttons}"""


class Handle(Protocol):
    """An open HID device, as hidapi has it."""

    def read(self, max_length: int) -> Sequence[int]:
        """Return the next report, empty where there is none; raises OSError when the device is gone."""

    def close(self) -> None:
        """Close it."""


class Hid(Protocol):
    """The part of hidapi that is used."""

    def enumerate(self) -> Iterable[Mapping[str, Any]]:
        """Return the HID devices of this computer."""

    def open(self, path: bytes) -> Handle:
        """Open one for reading without waiting; raises OSError."""


class HidApi:
    """hidapi over the kernel's hidraw, which needs no driver to be detached; elsewhere over the system's own HID.

    Raises:
        ConfigError: it is not installed.
    """

    def __init__(self) -> None:
        try:
            try:
                import hidraw as library
            except ImportError:
                import hid as library
        except ImportError as error:
            raise ConfigError("spacemouse: got no hidapi, expected it; pip install 'robot-rl[spacemouse]'.") from error
        self._library: Any = library

    def enumerate(self) -> Iterable[Mapping[str, Any]]:
        """See `Hid`."""
        devices: Iterable[Mapping[str, Any]] = self._library.enumerate()
        return devices

    def open(self, path: bytes) -> Handle:
        """See `Hid`."""
        handle = self._library.device()
        handle.open_path(path)
        handle.set_nonblocking(True)
        opened: Handle = handle
        return opened


@dataclass(frozen=True)
class SpaceMouseConfig(HandheldConfig):
    """Settings of a SpaceMouse.

    Raises:
        ConfigError: a number out of its range, an unknown function of a button, or a stop that no button lifts.
    """

    engage: EngageConfig = field(default_factory=lambda: EngageConfig("deflection"))
    """How the human engages; by default by moving the cap."""
    serial: str = ""
    """Serial number or path, as `robot-rl doctor teleop` lists them; needed where there are several."""
    buttons: tuple[str, ...] = ("close", "open")
    """Functions of the buttons, first to last: success, failure, undo, stage, stop, clear, ready, save, engage, fine,
    open, close or nothing. Of two buttons, the first is the left one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_functions("buttons", self.buttons)


@dataclass
class SpaceMouseReports:
    """What the reports say: axes in the device's frame, and buttons."""

    axes: np.ndarray = field(default_factory=lambda: np.zeros(6))
    """Translation, rotation, in [-1, 1]."""
    buttons: int = 0
    """Bits, the first button lowest."""

    def take(self, report: bytes) -> bool:
        """Take in one report; return whether it is one of motion. Others, and torn ones, change nothing."""
        kind, data = (report[0], report[1:]) if report else (0, b"")
        if kind == BUTTON_REPORT and data:
            self.buttons = int.from_bytes(data[: BUTTONS_MAX // 8], "little")
        if kind == TRANSLATION_REPORT and len(data) >= 12:
            self.axes[:] = self._scaled("<6h", data)
        elif kind in (TRANSLATION_REPORT, ROTATION_REPORT) and len(data) >= 6:
            start = 3 * (kind - TRANSLATION_REPORT)
            self.axes[start : start + 3] = self._scaled("<3h", data)
        else:
            return False
        return True

    @staticmethod
    def _scaled(layout: str, data: bytes) -> np.ndarray:
        return np.clip(np.array(struct.unpack_from(layout, data)) / FULL_SCALE, -1.0, 1.0)


class SpaceMouse(HandheldDevice[Handle]):
    """A SpaceMouse; see `HandheldDevice`.

    Args:
        hid: tests pass another.
    """

    Settings = SpaceMouseConfig

    def __init__(
        self,
        layout: ActionLayout,
        config: SpaceMouseConfig | None = None,
        clock: Clock | None = None,
        hid: Hid | None = None,
    ) -> None:
        config, clock = config or SpaceMouseConfig(), clock or SystemClock()
        self._hid, self._serial, self._functions = hid or HidApi(), config.serial, config.buttons
        self._moved_ns = clock.now_ns()
        super().__init__(layout, config, clock)
        self.help = HELP.format(buttons=", ".join(config.buttons))

    def _connect(self) -> Handle:
        self._reports = SpaceMouseReports()
        return open_spacemouse(self._hid, self._serial)

    def _motion(self, connection: Handle, now_ns: int) -> np.ndarray:
        for report in _pending(connection):
            if self._reports.take(report):
                self._moved_ns = now_ns
            held = self._reports.buttons
            self._buttons.update({name for bit, name in enumerate(self._functions) if held >> bit & 1})
        if now_ns - self._moved_ns > SILENT_S * NS_PER_S:
            self._reports.axes[:] = 0.0
        return self._reports.axes.reshape(2, 3) @ OPERATOR_FROM_DEVICE.T


def _pending(handle: Handle) -> Iterable[bytes]:
    """Yield the reports that have come.

    Raises:
        DeviceLostError: the device is gone.
    """
    for _ in range(REPORTS_MAX):
        try:
            report = handle.read(REPORT_BYTES)
        except (OSError, ValueError) as error:  # hidapi raises both for a device that is gone
            raise DeviceLostError(f"spacemouse: got '{error}', expected reports; plug it in again.") from error
        if not report:
            return
        yield bytes(report)


def spacemice(hid: Hid) -> list[Mapping[str, Any]]:
    """Return the SpaceMice of this computer, each once."""
    found = {entry["path"]: entry for entry in hid.enumerate() if _is_spacemouse(entry)}
    return [found[path] for path in sorted(found)]


def path_of(entry: Mapping[str, Any]) -> str:
    """Return the path of a device."""
    path: bytes = entry["path"]
    return path.decode(errors="replace")


def describe(entry: Mapping[str, Any]) -> str:
    """Return path and serial number of a device."""
    return f"{path_of(entry)} ({entry.get('serial_number') or 'no serial'})"


def _is_spacemouse(entry: Mapping[str, Any]) -> bool:
    maker = entry["vendor_id"] == VENDOR or (entry["vendor_id"] == LOGITECH and entry["product_id"] in LOGITECH_DEVICES)
    usage = (entry.get("usage_page", 0), entry.get("usage", 0))
    return maker and usage in (MULTI_AXIS, (0, 0))  # (0, 0): the system does not say


def open_spacemouse(hid: Hid, serial: str) -> Handle:
    """Open the SpaceMouse of a serial number or path, or the only one.

    Raises:
        DeviceLostError: none, several without a choice, or no permission.
    """
    found = spacemice(hid)
    wanted = [entry for entry in found if serial in ("", entry.get("serial_number"), path_of(entry))]
    if len(wanted) != 1:
        which = f"serial {serial!r} among " if serial else ""
        advice = "plug it in" if not wanted else "name one by --human.settings serial PATH"
        raise DeviceLostError(
            f"spacemouse: got {which}{', '.join(map(describe, found)) or 'none'}, expected one; {advice}. It must be "
            f"readable: {RULE_ADVICE}"
        )
    try:
        return hid.open(wanted[0]["path"])
    except OSError as error:
        raise DeviceLostError(
            f"spacemouse: got '{error}' from {describe(wanted[0])}, expected to read it; {RULE_ADVICE}, then plug it "
            "in again."
        ) from error
