"""Instructions for a person, in the words of the device at hand: how to go on, how to clear a stop, what is missing."""

from typing import Any

from robot_rl.teleop.device import Device

GO = "give the go at your device"
CLEAR = "clear it at the device that stopped"
MISSING = "Waiting for the person's device: is it plugged in, and its program started?"


def go_text(device: Device) -> str:
    """Return how a person reports that the scene is set."""
    return _either(device, "go") or GO


def clear_text(device: Device) -> str:
    """Return how a person clears a stop."""
    return _either(device, "clears") or CLEAR


def missing_text(device: Device) -> str:
    """Return what a device that is not alive waits for."""
    texts = [text for leaf in leaves(device) if (text := getattr(leaf, "missing", ""))]
    return texts[0] if texts else MISSING


def leaves(device: Any) -> list[Any]:
    """Return the devices in a person's hands that a device stands for; `devices` are those that one combines."""
    inner = getattr(device, "devices", ())
    return [leaf for each in inner for leaf in leaves(each)] if inner else [device]


def _either(device: Device, name: str) -> str:
    texts = dict.fromkeys(text for leaf in leaves(device) if (text := getattr(leaf, name, "")))
    return ", or ".join(texts)
