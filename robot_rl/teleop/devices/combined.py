"""Combination of two devices: one that moves the arm, and one that enables, labels and stops."""

import numpy as np

from robot_rl.teleop.device import Device, DeviceState, watch


class EnabledDevice:
    """A device that moves only while another one enables it.

    The action is the motion device's; engaged is the enabler's, and the motion device's own rule does not count, unless
    the enabler only labels (`enables = False`). Either may label, and either may stop; when either is lost, both are.
    A motion device with `enable(held)` is given the dead-man before each read, and engages only while that is held.

    Args:
        enabler: a pendant, whose dead-man decides who is in charge, or the keys beside a SpaceMouse.
        motion_device: a SpaceMouse, a keyboard, in simulation an expert.
    """

    def __init__(self, enabler: Device, motion_device: Device) -> None:
        self._enabler, self._motion_device = enabler, motion_device
        self.devices = (enabler, motion_device)
        self._enables = getattr(enabler, "enables", True)
        self._enable = getattr(motion_device, "enable", None) if self._enables else None

    def reset(self) -> None:
        """Begin an episode with both."""
        self._enabler.reset()
        self._motion_device.reset()

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the combined state; the older time stamp counts."""
        enabling = self._enabler.read(proposed)
        if self._enable is not None:
            self._enable(enabling.engaged and not enabling.stopped)
        return self._combined(enabling, self._motion_device.read(proposed))

    def watch(self) -> DeviceState:
        """Return the combined state between two steps."""
        return self._combined(watch(self._enabler), watch(self._motion_device))

    def _combined(self, enabling: DeviceState, moving: DeviceState) -> DeviceState:
        stamps = [state.stamp_ns for state in (enabling, moving) if state.stamp_ns is not None]
        return DeviceState(
            action=moving.action,
            engaged=(enabling if self._enables else moving).engaged and (self._enable is None or moving.engaged),
            labels=enabling.labels + moving.labels,
            estop=enabling.estop or moving.estop,
            alive=enabling.alive and moving.alive,
            stamp_ns=min(stamps, default=None),
            cleared=enabling.cleared or moving.cleared,
            ready=enabling.ready or moving.ready,
            paused=enabling.paused or moving.paused,
            save=enabling.save or moving.save,
        )

    def close(self) -> None:
        """Release both."""
        self._enabler.close()
        self._motion_device.close()
