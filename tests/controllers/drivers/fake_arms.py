"""Arms without physics for the fakes: torques, stops, the vendor's times, and a test clock.

A call that blocks in the vendor's library passes as much time here; `meanwhile` sees the world in the middle of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from robot_rl.testing import FakeClock

PACKETS_LOST_S = 0.02  # an FR3 gives up after 20 cycles without a command
STEP_MAX_NM = 1.0 + 1e-9  # 1000 N m/s in a cycle of 1 ms; source: libfranka, include/franka/rate_limiting.h
FRANKA_TAKES = {
    "connect": 0.3,
    "silence": 1.0,  # libfranka's time-outs of both sockets (src/network.h)
    "recover": 0.95,  # median of franka_ros issue 317: 0.39 to 16 s
    "start": 0.02,
    "stop": 1.0,  # franky's TorqueStopMotion: a ramp of 0.2 s, then until the arm rests, 2 s at most
}
UR_TAKES = {
    "connect": 0.2,
    "upload": 0.5,  # at most 5 s: the wheel's own time-out
    "reupload": 0.1,  # the wheel returns at once; the script starts later
    "watchdog": 0.01,
    "unlock": 1.0,
    "refuses": 5.0,  # after a protective stop (URScript manual, dashboard server)
}


def nothing() -> None:
    """Do nothing."""


@dataclass
class FakeArm:
    """What the fakes of all vendors share."""

    CYCLE_S = 0.001

    clock: FakeClock = field(default_factory=lambda: FakeClock(100.0))
    takes: dict[str, float] = field(default_factory=dict)
    meanwhile: Callable[[], None] = nothing
    recoveries: int = 0
    stubborn: bool = False
    frozen: bool = False
    plugged: bool = True

    def pass_time(self, seconds: float) -> None:
        """Move the clock in the arm's cycles."""
        for _ in range(round(seconds / self.CYCLE_S)):
            self.clock.advance(self.CYCLE_S)
            self.step()

    def step(self) -> None:
        """One cycle of the arm."""
        raise NotImplementedError

    def block(self, call: str) -> None:
        """The library returns only after the vendor's time."""
        self.meanwhile()
        self.pass_time(self.takes[call])


POSE = [1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0, 0.3, 0.1, 0.5, 1.0]  # column by column


@dataclass
class FrankaArm(FakeArm):
    """An FR3 as its library sees it. `acting` is the torque that a sender's stream exerts now."""

    takes: dict[str, float] = field(default_factory=lambda: dict(FRANKA_TAKES))
    mode: str = "Idle"
    errors: list[str] = field(default_factory=list)
    last_errors: list[str] = field(default_factory=list)
    acting: list[float] | None = None
    time_ms: int = 5000
    fed_s: float = 0.0
    restless: bool = False
    T_base_tcp: list[float] = field(default_factory=lambda: list(POSE))
    load: tuple[float, list[float]] = (0.0, [0.0, 0.0, 0.0])  # set on the arm: mass and centre
    refuses: Exception | None = None
    on_reflex: Callable[[str], None] = lambda cause: None

    def step(self) -> None:
        self.time_ms += not self.frozen
        if self.acting is not None and self.clock.now_s() - self.fed_s > PACKETS_LOST_S:
            self.reflex("communication_constraints_violation")

    def feed(self, tau: list[float]) -> None:
        """A command arrives for the next cycle."""
        if self.acting is not None and np.abs(np.subtract(tau, self.acting)).max() > STEP_MAX_NM:
            self.reflex("controller_torque_discontinuity")
            return
        self.acting, self.fed_s, self.mode = [float(value) for value in tau], self.clock.now_s(), "Move"

    def rest(self) -> None:
        """The stream ended without an error: the arm holds itself."""
        self.acting = None
        if self.mode == "Move":
            self.mode = "Idle"

    def reflex(self, cause: str) -> None:
        """The arm stops by itself."""
        self.acting, self.mode = None, "Reflex"
        self.errors, self.last_errors = [cause], [cause]
        self.on_reflex(cause)

    def press_stop(self) -> None:
        """The operator presses the user stop."""
        self.acting, self.mode = None, "UserStopped"
        self.on_reflex("user stop")

    def recover(self) -> None:
        """Clear the errors on request."""
        self.recoveries += 1
        self.block("recover")
        if not self.stubborn and self.mode == "Reflex":
            self.errors, self.mode = [], "Idle"

    def plug(self) -> None:
        """The cable is back; the stream is over."""
        self.plugged, self.acting, self.mode = True, None, "Reflex" if self.errors else "Idle"


@dataclass
class UrArm(FakeArm):
    """A UR arm as ur-rtde sees it. The script applies the last torque until it ends."""

    CYCLE_S = 0.002

    takes: dict[str, float] = field(default_factory=lambda: dict(UR_TAKES))
    q: list[float] = field(default_factory=lambda: [0.1, -1.4, 1.5, -1.7, -1.5, 0.2])
    version: str = "URSoftware 5.26.1.1234567 (Jan 01 2026)"
    remote: bool = True
    robot_mode: int = 7
    safety_mode: int = 1
    running: bool = False
    script_torque: list[float] | None = None
    watchdog_s: float = float("inf")
    starts_s: float = float("inf")
    stopped_s: float = -float("inf")
    fed_s: float = 0.0
    time_s: float = 1000.0
    kind: str = "ur5e"
    payload_kg: float = 0.7  # set on the pendant, 5 cm before the flange
    tcp_force: list[float] = field(default_factory=lambda: [0.0] * 6)
    tool_m: float = 0.0  # of the TCP that is set on the pendant, before the flange

    @property
    def acting(self) -> list[float] | None:
        """The torque of a sender."""
        return self.script_torque if self.running else None

    def step(self) -> None:
        self.time_s += 0.0 if self.frozen else self.CYCLE_S
        if self.clock.now_s() >= self.starts_s:
            self.starts_s = float("inf")
            self.start_script()
        if self.running and self.clock.now_s() - self.fed_s > self.watchdog_s:
            self.end_script()

    def feed(self) -> None:
        """Something arrives from the sender."""
        self.fed_s = self.clock.now_s()

    def start_script(self) -> bool:
        """Upload: the arm holds itself until the first command."""
        self.running = self.safety_mode == 1 and self.robot_mode == 7
        self.watchdog_s = float("inf")
        return self.running

    def start_script_later(self) -> bool:
        """As the wheel's reuploadScript: says yes at once, and the script starts when it does."""
        self.starts_s = self.clock.now_s() + self.takes["reupload"]
        return True

    def end_script(self) -> None:
        """The script is over; the arm brakes and holds."""
        self.running, self.script_torque = False, None

    def reflex(self, cause: str = "") -> None:
        """The arm stops by itself: a protective stop."""
        self.end_script()
        self.safety_mode, self.stopped_s = 3, self.clock.now_s()

    def press_stop(self) -> None:
        """A person presses the emergency stop."""
        self.end_script()
        self.safety_mode = 7

    def unlock(self) -> None:
        """Unlock the protective stop on request; refused while it is young."""
        self.recoveries += 1
        if self.clock.now_s() - self.stopped_s < self.takes["refuses"]:
            raise RuntimeError("Cannot unlock protective stop until 5s after occurrence.")
        self.block("unlock")
        if not self.stubborn:
            self.safety_mode = 1

    def plug(self) -> None:
        """The cable is back."""
        self.plugged = True
