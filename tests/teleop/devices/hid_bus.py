"""HID devices as hidapi shows them: reports as 3Dconnexion's devices send them, plugging, and permissions."""

import struct
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from robot_rl.teleop.devices.spacemouse import Handle

COMPACT = {"vendor_id": 0x256F, "product_id": 0xC635, "usage_page": 1, "usage": 8, "serial_number": ""}
NAVIGATOR = {"vendor_id": 0x046D, "product_id": 0xC626, "usage_page": 1, "usage": 8, "serial_number": "N1"}
MOUSE = {"vendor_id": 0x046D, "product_id": 0xC077, "usage_page": 1, "usage": 2, "serial_number": ""}


class Plugged(Handle):
    """A device that is plugged in; a person moves it."""

    def __init__(self) -> None:
        self.reports: deque[bytes] = deque()
        self.gone = self.closed = False

    def push(self, axes: Sequence[int]) -> None:
        """Deflect the cap, on a device with two reports for it. Axes: x right, y to the user, z down; then turns."""
        for kind in (1, 2):
            self.reports.append(bytes([kind]) + struct.pack("<3h", *axes[3 * kind - 3 : 3 * kind]))

    def push_wireless(self, axes: Sequence[int]) -> None:
        """Deflect the cap, on a device with one report of six axes."""
        self.reports.append(b"\x01" + struct.pack("<6h", *axes))

    def hold(self, *buttons: int) -> None:
        """Hold these buttons and no others."""
        self.reports.append(b"\x03" + sum(1 << button for button in buttons).to_bytes(4, "little"))

    def read(self, max_length: int) -> Sequence[int]:
        if self.gone or self.closed:
            raise OSError("read error")
        return list(self.reports.popleft())[:max_length] if self.reports else []

    def close(self) -> None:
        self.closed = True


class Bus:
    """The HID devices of a computer."""

    def __init__(self, **devices: Mapping[str, Any]) -> None:
        self.entries = {f"/dev/{name}".encode(): entry for name, entry in devices.items()}
        self.opened: list[Plugged] = []
        self.forbidden = False

    def enumerate(self) -> list[Mapping[str, Any]]:
        return [{**entry, "path": path} for path, entry in self.entries.items()]

    def open(self, path: bytes) -> Plugged:
        if self.forbidden:
            raise OSError("open failed")
        self.opened.append(Plugged())
        return self.opened[-1]

    @property
    def device(self) -> Plugged:
        """The device opened last."""
        return self.opened[-1]
