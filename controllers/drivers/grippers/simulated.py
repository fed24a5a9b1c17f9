"""Simulated gripper: fingers that move at the commanded speed, and stop at an object."""

import time
from collections.abc import Callable

from controllers.drivers.grippers.contract import GripperCommand, GripperReading, GripperSpec

SPEED_MAX_M_S = 0.2


class SimulatedGripper:
    """Two fingers in straight motion; a `GripperDriver`.

    Settings: `width_max_m`; `object_m`, the size of an object between the fingers, 0 for none.
    """

    def __init__(
        self, width_max_m: float = 0.08, object_m: float = 0.0, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.width_max_m, self._object_m, self._now_s = width_max_m, object_m, now_s
        self._start = self._goal = width_max_m
        self._speed_m_s, self._since_s = SPEED_MAX_M_S, now_s()

    @classmethod
    def connect(cls, spec: GripperSpec) -> "SimulatedGripper":
        return cls(**spec.read_settings(width_max_m=0.08, object_m=0.0))

    def read(self) -> GripperReading:
        width_m, end_m = self._width(), self._end()
        return GripperReading(width_m, width_m != end_m, width_m == end_m != self._goal)

    def move(self, command: GripperCommand) -> None:
        self._start, self._since_s = self._width(), self._now_s()
        self._goal = min(max(command.width_m, 0.0), self.width_max_m)
        self._speed_m_s = min(command.speed_m_s, SPEED_MAX_M_S)

    def stop(self) -> None:
        if self.read().moving:
            self._start = self._goal = self._width()

    def close(self) -> None:
        """See `GripperDriver`."""

    def _end(self) -> float:
        """Return where the fingers come to rest: at the goal, or at an object between them."""
        return max(self._goal, min(self._object_m, self._start))

    def _width(self) -> float:
        way, end = self._speed_m_s * (self._now_s() - self._since_s), self._end()
        return max(self._start - way, end) if end < self._start else min(self._start + way, end)
