"""Link in memory to the real watchdog and a ros2_control controller without time-out."""

from collections.abc import Callable

import numpy as np

from controllers.drivers.effort import SILENCE_LIMIT_S, JointSample
from controllers.drivers.effort_watchdog import (
    EffortCommand,
    EffortWatchdog,
    WatchdogState,
    WatchdogStatus,
    decode_command,
    decode_status,
    encode_command,
    encode_status,
)
from robot_rl.testing import FakeClock

TIMEOUT_S = 0.02
CYCLE_S = 0.002


class MemoryLink:
    """An `EffortLink` whose messages cross as numbers, as on the real wire."""

    def __init__(self, joints: int) -> None:
        self.clock = FakeClock(100.0)
        self.watchdog = EffortWatchdog(TIMEOUT_S, np.full(joints, 5.0), np.full(joints, 100.0))
        self.held = np.zeros(joints)  # the controller's effort, applied until the next one
        self.q, self.dq = np.linspace(-1.4, 1.1, joints), np.full(joints, 0.01)
        self.frozen = self.plugged = True
        self.frozen = False
        self.watchdog_alive, self.stubborn, self.resets = True, False, 0
        self.meanwhile: Callable[[], None] = lambda: None
        self._joints, self._stamp_s, self._heard_s = joints, 1000.0, 0.0
        self._status: WatchdogStatus | None = None

    def pass_time(self, seconds: float) -> None:
        """Let cycles of the arm's computer go by."""
        for _ in range(round(seconds / CYCLE_S)):
            self.clock.advance(CYCLE_S)
            if not self.frozen and self.plugged:
                self._stamp_s += CYCLE_S
            if self.watchdog_alive:
                self.held = self.watchdog.output(self.dq, np.zeros(self._joints), self.clock.now_s())
            if self.watchdog_alive and self.plugged:
                self._status = decode_status(encode_status(self.watchdog.status))
                self._heard_s = self.clock.now_s()

    @property
    def acting(self) -> np.ndarray | None:
        """The torque of a sender, while the watchdog relays it."""
        return self.held if self.watchdog.status.state is WatchdogState.RELAYING else None

    def open(self) -> None:
        self.pass_time(CYCLE_S)

    def newest(self) -> JointSample | None:
        self.pass_time(CYCLE_S)
        return JointSample(self.q.copy(), self.dq.copy(), np.full(self._joints, np.nan), self._stamp_s)

    def status(self) -> WatchdogStatus | None:
        return self._status if self.clock.now_s() - self._heard_s <= SILENCE_LIMIT_S else None

    def send(self, command: EffortCommand) -> None:
        if not self.plugged:
            return
        decoded = decode_command(encode_command(command), self._joints)
        if decoded is not None and decoded.kind.name == "RESET":
            self.resets += 1
            self.meanwhile()
            if self.stubborn:
                return
        self.watchdog.take(decoded, self.clock.now_s())
        self.held = self.watchdog.output(self.dq, np.zeros(self._joints), self.clock.now_s())

    def close(self) -> None:
        """Nothing to let go of."""
