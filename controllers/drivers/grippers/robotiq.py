"""Robotiq's 2F-85, 2F-140 and Hand-E, and their connection over the URCap's socket on a UR's controller.

Sources: instruction manuals of the grippers (registers, codes, ranges); robotiq/grippers (profile of the 2F-85 with the
measured positions at both ends; speed and force are linear in their registers, the force of a grip only roughly).
"""

import socket
import threading
import time
from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple, Self

from controllers.drivers.grippers.contract import GripperCommand, GripperError, GripperReading, GripperSpec

PORT = 63352  # of the URCap
ACTIVATION_LIMIT_S = 15.0  # it opens and closes once
ANSWER_LIMIT_S = 2.0
ACTIVATED = 3  # of gSTA
MOVING, OBJECT_OPENING, OBJECT_CLOSING = 0, 1, 2  # of gOBJ; 3: at the requested position
FAULTS = {
    5: "the activation must end before a motion",
    7: "not activated",
    8: "too hot, above 85 degrees; let it cool down",
    9: "no communication for a second",
    10: "the supply voltage is too low",
    11: "an automatic release is in progress",
    12: "internal fault; turn its power off and on",
    13: "the activation failed; free the fingers",
    14: "overcurrent",
    15: "an automatic release has ended",
}


class Profile(NamedTuple):
    """Ranges of one model: from register value 0 to 255."""

    stroke_m: float
    speeds_m_s: tuple[float, float]
    forces_n: tuple[float, float]
    open_count: int = 0
    """Position register of the open fingers."""
    closed_count: int = 255


PROFILES = {
    "2f-85": Profile(0.085, (0.020, 0.150), (20.0, 235.0), 3, 230),
    "2f-140": Profile(0.140, (0.030, 0.250), (10.0, 125.0)),
    "hand-e": Profile(0.050, (0.020, 0.150), (20.0, 185.0)),
}


class Status(NamedTuple):
    """Status registers."""

    activation: int
    object: int
    fault: int
    requested: int
    position: int
    going: int
    """gGTO: it follows requests; without it the object register means nothing."""


class Robotiq(ABC):
    """A gripper over either connection; a `GripperDriver`.

    Settings: `model`, one of `PROFILES`; `open_count`, `closed_count`: position registers of the open and the closed
    fingers, where fingers or tips differ from the vendor's.

    Args:
        place: the connection's own setting, as in `PLACE`.

    Raises:
        GripperError: no connection.
    """

    NEEDS_ADDRESS = True
    PLACE: ClassVar[tuple[str, int]]
    """Name of the connection's own setting, and its default."""

    def __init__(self, address: str, place: int, profile: Profile) -> None:
        self._profile, self.width_max_m = profile, profile.stroke_m
        self._lock = threading.Lock()
        self._requested: int | None = None

    @classmethod
    def connect(cls, spec: GripperSpec) -> Self:
        name, default = cls.PLACE
        settings = spec.read_settings(**{name: default}, model="2f-85", open_count=None, closed_count=None)
        gripper = cls(spec.address, settings.pop(name), read_profile(**settings))
        gripper.activate()
        return gripper

    def activate(self) -> None:
        """Activate a gripper that is not: it opens and closes once, and drops what it holds.

        Raises:
            GripperError: it does not succeed.
        """
        if self.status().activation != ACTIVATED:
            self.recover()

    def recover(self) -> None:
        """See `GripperDriver`. Clears a latched fault by activating again: it opens and closes once.

        Raises:
            GripperError: it does not succeed.
        """
        self.reset()
        end_s = time.monotonic() + ACTIVATION_LIMIT_S
        while (status := self.status()).activation != ACTIVATED:
            if time.monotonic() > end_s:
                text = f"Robotiq: got no activation in {ACTIVATION_LIMIT_S:g} s; {_fault_text(status)}"
                raise GripperError(text)
            time.sleep(0.05)

    def read(self) -> GripperReading:
        status, profile = self.status(), self._profile
        # for some cycles after a request the object register still speaks of the one before
        taken = self._requested in (None, status.requested)
        share = (status.position - profile.open_count) / (profile.closed_count - profile.open_count)
        width_m = profile.stroke_m * min(max(1.0 - share, 0.0), 1.0)
        fault = _fault_text(status) or ("" if status.activation == ACTIVATED else "not activated")
        moving = not taken or (status.object == MOVING and bool(status.going))
        return GripperReading(width_m, moving, taken and status.object in (OBJECT_OPENING, OBJECT_CLOSING), fault)

    def move(self, command: GripperCommand) -> None:
        """See `GripperDriver`. Returns at once: a new request replaces the one before."""
        profile, share = self._profile, 1.0 - command.width_m / self._profile.stroke_m
        position = profile.open_count + share * (profile.closed_count - profile.open_count)
        if command.width_m <= 0.0:
            position = 255  # as far as the tips allow
        elif command.width_m >= profile.stroke_m:
            position = 0
        self._requested = _byte(position)
        speed, force = _share(command.speed_m_s, profile.speeds_m_s), _share(command.force_n, profile.forces_n)
        self.request(self._requested, _byte(255 * speed), _byte(255 * force))

    def stop(self) -> None:
        """See `GripperDriver`. A gripper that holds something is left as it is: its motor holds the force."""
        if self.read().moving:
            self._requested = None
            self.halt()

    # The connection

    @abstractmethod
    def status(self) -> Status:
        """Read the status registers."""

    @abstractmethod
    def request(self, position: int, speed: int, force: int) -> None:
        """Go to a position; speed and force are register values, 0 to 255."""

    @abstractmethod
    def halt(self) -> None:
        """Stop where the fingers are."""

    @abstractmethod
    def reset(self) -> None:
        """Clear and set the activation bit."""


class RobotiqSocket(Robotiq):
    """Over the URCap's server on a UR's controller: lines of ASCII, `SET POS 255 GTO 1` and `GET POS`.

    Source: Robotiq's forum, "Control Robotiq gripper mounted on UR via socket communication"; ur_rtde's documentation.
    """

    PLACE = ("port", PORT)

    def __init__(self, address: str, place: int, profile: Profile) -> None:
        super().__init__(address, place, profile)
        try:
            self._socket = socket.create_connection((address, place), ANSWER_LIMIT_S)
        except OSError as error:
            raise GripperError(
                f"Robotiq: got '{error}' from {address}:{place}, expected the URCap's server; install the URCap, and "
                "select the gripper in the pendant's installation."
            ) from error
        self._lines = self._socket.makefile("rb")

    def status(self) -> Status:
        return Status(*(self._get(name) for name in ("STA", "OBJ", "FLT", "PRE", "POS", "GTO")))

    def request(self, position: int, speed: int, force: int) -> None:
        self._set(f"POS {position} SPE {speed} FOR {force} GTO 1")

    def halt(self) -> None:
        self._set("GTO 0")

    def reset(self) -> None:
        self._set("ACT 0")
        self._set("ATR 0")
        time.sleep(0.1)  # a second request within it is ignored
        self._set("ACT 1")

    def close(self) -> None:
        """See `GripperDriver`."""
        self._socket.close()

    def _get(self, name: str) -> int:
        answer = self._ask(f"GET {name}").split()
        if len(answer) != 2 or answer[0] != name or not answer[1].isdigit():
            raise GripperError(f"Robotiq: got {answer} to GET {name}, expected '{name} VALUE'; is it a Robotiq 2F?")
        return int(answer[1])

    def _set(self, words: str) -> None:
        answer = self._ask(f"SET {words}")
        if answer != "ack":
            raise GripperError(f"Robotiq: got '{answer}' to SET {words}, expected 'ack'; is the URCap's program ready?")

    def _ask(self, line: str) -> str:
        with self._lock:
            try:
                self._socket.sendall(f"{line}\n".encode())
                answer = self._answer()
            except OSError as error:
                raise GripperError(f"Robotiq: got '{error}' to {line}, expected an answer; is the robot on?") from error
        return answer.decode().strip()

    def _answer(self) -> bytes:
        """Read a line, or an acknowledgement, which the server ends without a line feed."""
        answer = b""
        while not answer.endswith((b"\n", b"ack")):
            if not (byte := self._lines.read(1)):
                raise ConnectionError("end of the connection")
            answer += byte
        return answer


def read_profile(model: str, open_count: int | None, closed_count: int | None) -> Profile:
    """Return the ranges of a model, with the measured positions of its ends.

    Raises:
        GripperError: an unknown model.
    """
    if model not in PROFILES:
        raise GripperError(f"gripper.model: got '{model}', expected one of {sorted(PROFILES)}.")
    profile = PROFILES[model]
    return profile._replace(
        open_count=profile.open_count if open_count is None else open_count,
        closed_count=profile.closed_count if closed_count is None else closed_count,
    )


def _fault_text(status: Status) -> str:
    code = status.fault
    return "" if code == 0 else f"fault {code}: {FAULTS.get(code, 'see its manual')}"


def _share(value: float, bounds: tuple[float, float]) -> float:
    return (value - bounds[0]) / (bounds[1] - bounds[0])


def _byte(value: float) -> int:
    return min(max(round(value), 0), 255)
