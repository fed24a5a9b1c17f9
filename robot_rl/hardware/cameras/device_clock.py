"""Stamps of a camera's clock as monotonic time of this machine."""

import math
from typing import Literal, NamedTuple

from robot_rl.core.clock import NS_PER_S

Domain = Literal["hardware", "system", "global"]
"""Whose clock stamped an image: the device's own; the host's at arrival; or the device's, translated to the host's by
the library. Names: librealsense's `RS2_TIMESTAMP_DOMAIN_*`."""
WINDOW_NS = 15 * NS_PER_S
"""A device's quartz drifts against the host's by 50 millionths at most: below 1 ms in one window."""
JUMP_NS = 2 * NS_PER_S
"""A device clock that moved so much otherwise than the host's has restarted or wrapped (32 bits of microseconds last
71 minutes)."""


class Moment(NamedTuple):
    """One moment on both clocks of the host [ns]."""

    monotonic_ns: int
    wall_ns: int  # since the epoch


class StampMap:
    """Translates the stamps of one device, in the order of arrival.

    `global` and `system` stamps are wall time: monotonic = stamp - (wall - monotonic), both read at arrival. `hardware`
    stamps count from an unknown zero: monotonic = stamp + min(arrival - stamp) over the last windows, so the transfer
    of the quickest image counts as no time. What comes out never decreases, and never lies after the arrival.

    `changes` counts how often the domain changed or the device's clock restarted; each time the estimate starts anew.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._domain: Domain | None = None
        self._offsets_ns = [math.inf, math.inf]  # least of the last window and of this one
        self._window_ends_ns = 0
        self._last_ns: int | None = None

    def to_monotonic(self, stamp_ns: int, domain: Domain, arrival: Moment) -> int:
        """Return the monotonic time of an image's stamp [ns]."""
        if domain != self._domain:
            self.changes += self._domain is not None
            self._domain = domain
            self._forget()
        if domain == "hardware":
            mapped_ns = self._from_device(stamp_ns, arrival.monotonic_ns)
        else:
            mapped_ns = stamp_ns - (arrival.wall_ns - arrival.monotonic_ns)
        mapped_ns = min(mapped_ns, arrival.monotonic_ns)
        self._last_ns = mapped_ns if self._last_ns is None else max(mapped_ns, self._last_ns)
        return self._last_ns

    def _from_device(self, stamp_ns: int, arrival_ns: int) -> int:
        offset_ns = arrival_ns - stamp_ns
        if math.isfinite(min(self._offsets_ns)) and abs(offset_ns - min(self._offsets_ns)) > JUMP_NS:
            self.changes += 1
            self._forget()
        if arrival_ns >= self._window_ends_ns:
            self._offsets_ns = [self._offsets_ns[1], math.inf]
            self._window_ends_ns = arrival_ns + WINDOW_NS
        self._offsets_ns[1] = min(self._offsets_ns[1], offset_ns)
        return stamp_ns + int(min(self._offsets_ns))

    def _forget(self) -> None:
        self._offsets_ns, self._window_ends_ns = [math.inf, math.inf], 0
