"""Input devices: one file each, and one line each in `DEVICES`.

A device is a class with a class method `open(context)`, which returns a `robot_rl.teleop.device.Device`. It may have:

    Settings         frozen dataclass of its settings, given as `--human.settings NAME VALUE ...`
    help             text that is printed when a person uses it
    go, clears       how a person reports with it that the scene is set, and clears a stop, as in "press n"
    missing          what it waits for where it is not alive
    devices          those that it combines
    watch            method: the state between two steps, for supervision; needed where motion goes on with each `read`
    enable           method: takes whether the dead-man of another device is held, before each `read`
    detail           text of the moment that `robot-rl doctor teleop NAME` shows
    moves            False: it enables, labels and stops only; another device moves the arm while it is engaged
    enables          False: it does not enable either; the device that moves the arm engages by its own rule
    reads_terminal   True: it needs the terminal for itself
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.clock import Clock
from robot_rl.core.errors import ConfigError
from robot_rl.core.extensions import check, resolve
from robot_rl.core.settings import from_text
from robot_rl.core.tasks import ActionScale, Outcome
from robot_rl.teleop.device import Device, Expert
from robot_rl.teleop.devices.combined import EnabledDevice

if TYPE_CHECKING:
    from controllers.ros.wire import Wire
    from robot_rl.teleop.devices.browser import BrowserInput

DEVICES = {
    "scripted": "robot_rl.teleop.devices.scripted:ScriptedHuman",
    "expert": "robot_rl.teleop.devices.scripted:ExpertDevice",
    "play": "robot_rl.teleop.devices.play:PlayDevice",
    "keyboard": "robot_rl.teleop.devices.keyboard:Keyboard",
    "keys": "robot_rl.teleop.devices.keyboard:Keys",
    "spacemouse": "robot_rl.teleop.devices.spacemouse:SpaceMouse",
    "gamepad": "robot_rl.teleop.devices.gamepad:Gamepad",
    "pedal": "robot_rl.teleop.devices.pedal:Pedal",
    "pose": "robot_rl.teleop.devices.pose:PoseDevice",
    "playback": "robot_rl.teleop.devices.playback:PlaybackDevice",
    "pendant": "robot_rl.teleop.pendant.device:Pendant",
    "browser": "robot_rl.teleop.devices.browser:Browser",
    "graph": "robot_rl.teleop.devices.ros:GraphDevice",
}
"""Name -> `module:Class`."""
DEVICE_HELP = f"{', '.join(DEVICES)}, module:Class or path/to/file.py:Class."
GROUP = "robot_rl.devices"
"""Entry points under which other packages register theirs."""


def no_page() -> BrowserInput:
    """Refuse the page as a device.

    Raises:
        ConfigError: always.
    """
    raise ConfigError("input device: got 'browser' without the operator's page, expected it; add --page.")


@dataclass(frozen=True)
class DeviceContext:
    """Context of a device's opening."""

    layout: ActionLayout
    """Parts of the action that the device returns."""
    rng: np.random.Generator
    clock: Clock
    expert: Callable[[], Expert]
    """Returns the simulator's expert; raises ConfigError on a real arm."""
    wire: Callable[[], tuple[Wire, bool]]
    """Returns a connection to the ROS graph, and whether the device closes it."""
    outcome: Callable[[], Callable[[], Outcome]]
    """Returns what tells whether the episode is won or lost now; simulator only, for a scripted human's labels."""
    scale: ActionScale | None = None
    """Displacement of an action of 1; None where the action moves no tool."""
    reads_a_step: float = 1.0
    """How many times the device is read while one action acts."""
    env_steps: int = 0
    """Steps trained before, by which a scripted human tapers."""
    settings: Any = None
    """An instance of the device's `Settings`."""
    page: Callable[[], BrowserInput] = no_page
    """Returns the input of the operator's page; raises ConfigError without one."""


@dataclass(frozen=True)
class _NoSettings:
    """Settings of a device that has none."""


def check_device(what: str, name: str, *others: str) -> None:
    """Check the name of a device in settings, without importing it.

    Args:
        others: names that stand for no device but are allowed, too.

    Raises:
        UnknownNameError: the name is unknown; the text lists the known ones and the nearest.
    """
    check(what, name, DEVICES | dict.fromkeys(others, ""), GROUP)


def device_type(name: str) -> Any:
    """Return the class of a device by name, `module:Class` or `path/to/file.py:Class`.

    Raises:
        ConfigError: an unknown name, or something that is no device.
    """
    kind = resolve("input device", name, DEVICES, GROUP)
    if not callable(getattr(kind, "open", None)):
        raise ConfigError(f"input device: got {name!r}, expected a class with `open(context)`; see docs/extending.md.")
    return kind


def open_device(name: str, settings: Mapping[str, str] | object, context: DeviceContext) -> Device:
    """Return an open device.

    Args:
        settings: texts by name, as from the command line, or an instance of the device's `Settings`.

    Raises:
        ConfigError: an unknown device, or settings that do not fit.
        DeviceLostError: the device does not answer.
    """
    kind = device_type(name)
    if isinstance(settings, Mapping):
        settings = from_text(getattr(kind, "Settings", _NoSettings), settings, f"settings of {name}")
    device: Device = kind.open(replace(context, settings=settings))
    return device


def open_enabled(
    name: str,
    settings: Mapping[str, str] | object,
    motion: str,
    motion_settings: Mapping[str, str],
    context: DeviceContext,
) -> Device:
    """Return an open device, with `motion` beside it where it does not move the arm itself; print how to use them."""
    opened: list[Device] = []
    try:
        if not getattr(device_type(name), "moves", True):
            opened.append(open_device(motion, motion_settings, context))
        opened.append(open_device(name, settings, context))
    except BaseException:
        for device in opened:
            device.close()
        raise
    for device in opened:
        if text := getattr(device, "help", ""):
            print(text, flush=True)
    return EnabledDevice(opened[1], opened[0]) if len(opened) == 2 else opened[0]


def needs_terminal(name: str, motion: str) -> bool:
    """Return whether a device, or the one that moves the arm beside it, reads the terminal."""
    kind = device_type(name)
    kinds = [kind] if getattr(kind, "moves", True) else [kind, device_type(motion)]
    return any(getattr(each, "reads_terminal", False) for each in kinds)
