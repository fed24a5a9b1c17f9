"""Protocol of input devices: keyboard, pendant, recording, scripted operator."""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from robot_rl.core.action_layout import ROTATION, TRANSLATION, ActionLayout
from robot_rl.core.pose import GRIPPER_DOWN


@dataclass(frozen=True, slots=True, eq=False)
class DeviceState:
    """State of an input device at one moment.

    Shapes: action (A,) float32 in [-1, 1], or None while no motion is commanded.
    """

    action: np.ndarray | None = None
    engaged: bool = False  # the dead-man is held: the human requests control
    labels: tuple[str, ...] = ()  # since the last read, oldest first; names of core.records.LABELS
    estop: bool = False
    alive: bool = True  # False once the device stopped answering
    stamp_ns: int | None = None  # monotonic, of the device's last sign of life; None: it cannot go silent
    cleared: bool = False  # the person cleared the stop since the last read
    ready: bool = False  # the person said since the last read that the scene is set
    paused: bool = False  # the person lets the arm rest, until they are ready
    save: bool = False  # the person asked since the last read to save the last seconds

    @property
    def stopped(self) -> bool:
        """Whether the arm must stand still: a stop is pressed, or the device is lost."""
        return self.estop or not self.alive


@runtime_checkable
class Device(Protocol):
    """An input device of a human, real or scripted."""

    def reset(self) -> None:
        """Begin an episode; the environment has just been reset."""

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the present state without waiting; called once a step.

        Args:
            proposed: the policy's action (A,) for this step, which some humans judge; None when there is none.
        """

    def close(self) -> None:
        """Release the device; a second call does nothing."""


def watch(device: Device) -> DeviceState:
    """Return a device's state for supervision, between two steps.

    A device whose motion goes on with each `read` has `watch()` as well, which leaves the motion where it is.
    """
    state: DeviceState = getattr(device, "watch", device.read)()
    return state


def tool_action(action: np.ndarray, layout: ActionLayout) -> np.ndarray:
    """Return an operator's action as an action along the axes of a tool that points down.

    The operator's frame is x forward, y left, z up, turned with the gripper about the vertical: an operator who pushes
    a device up moves the tool up, although its z axis points at the table.

    Shapes: (A,) float32.
    """
    signs = np.ones(layout.size, np.float32)
    for name, axes in layout.slices.items():
        if name.endswith((TRANSLATION, ROTATION)):
            signs[axes] = np.diag(GRIPPER_DOWN)[: axes.stop - axes.start]
    return signs * action + np.float32(0.0)  # no negative zeros


class JudgingDevice(Device):
    """A device of a person who labels and stops, and whose motion does not count."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.devices = (device,)

    def reset(self) -> None:
        """Begin an episode."""
        self.device.reset()

    def close(self) -> None:
        """Release the device."""
        self.device.close()

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the present state without a motion."""
        return replace(self.device.read(), action=None, engaged=False)


class ScriptedDevice(Device):
    """A device without a person behind it: the arm need not move in real time for it."""

    def close(self) -> None:
        """Do nothing: nothing is held."""


@runtime_checkable
class Expert(Protocol):
    """A policy that solves the task from any state, with ground truth (simulator only)."""

    layout: ActionLayout

    def reset(self) -> None:
        """Begin an episode; the environment has just been reset."""

    def action(self) -> np.ndarray:
        """Return the action (A,) in [-1, 1] for the present state; called once a step."""
