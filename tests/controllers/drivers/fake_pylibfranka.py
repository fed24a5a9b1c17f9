"""pylibfranka's surface over a `FrankaArm`. `test_fakes.py` compares it with the installed wheel."""

from enum import Enum
from types import SimpleNamespace
from typing import Any, ClassVar

from tests.controllers.drivers.fake_arms import FrankaArm


class ControlException(RuntimeError): ...


class CommandException(RuntimeError): ...


class NetworkException(RuntimeError): ...


class RealtimeException(RuntimeError): ...


class RealtimeConfig(Enum):
    kEnforce = 0
    kIgnore = 1


class RobotMode(Enum):
    Other = 0
    Idle = 1
    Move = 2
    Guiding = 3
    Reflex = 4
    UserStopped = 5
    AutomaticErrorRecovery = 6


class Duration:
    _ms = 0

    def to_sec(self) -> float:
        return self._ms / 1000.0


class Errors:
    def __init__(self) -> None:
        self._names: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._names)

    def __str__(self) -> str:
        return "[" + ", ".join(f'"{name}"' for name in self._names) + "]"


class Torques:
    tau_J: list[float]
    motion_finished: bool

    def __init__(self, arg0: list[float], /) -> None:
        assert len(arg0) == 7
        self.tau_J = [float(value) for value in arg0]
        self.motion_finished = False


class RobotState:
    q: list[float]
    dq: list[float]
    tau_J: list[float]
    tau_J_d: list[float]
    tau_ext_hat_filtered: list[float]
    O_T_EE: list[float]
    m_load: float
    F_x_Cload: list[float]
    robot_mode: RobotMode
    current_errors: Errors
    last_motion_errors: Errors
    time: Duration


class Model:
    """J has its row as tens and its column as ones, so that a wrong order of memory shows."""

    def zero_jacobian(self, arg0: RobotState, /) -> list[float]:
        return [10.0 * row + column for column in range(7) for row in range(6)]

    def mass(self, arg0: RobotState, /) -> list[float]:
        return [float(row == column) for column in range(7) for row in range(7)]

    def coriolis(self, arg0: RobotState, /) -> list[float]:
        return [0.125] * 7


class ActiveControlBase:
    arm: FrankaArm
    _cause, _over = "", False

    def _begin(self, arm: FrankaArm) -> "ActiveControlBase":
        self.arm, arm.on_reflex = arm, self._reflex
        arm.feed([0.0] * 7)
        return self

    def _reflex(self, cause: str) -> None:
        self._cause = cause

    def _check(self) -> None:
        if not self.arm.plugged:
            self.arm.block("silence")
            raise NetworkException("libfranka: UDP receive: Timeout")
        if self._cause:
            raise ControlException(f'libfranka: Move command aborted: motion aborted by reflex! ["{self._cause}"]')

    def readOnce(self) -> tuple[RobotState, Duration]:
        self._check()
        return observe(self.arm), duration(1)

    def writeOnce(self, arg0: Torques, /) -> None:
        self._check()
        assert not self._over
        if arg0.motion_finished:
            assert arg0.tau_J == self.arm.acting  # a jump would be a reflex
            self._over = True
            self.arm.rest()
        else:
            self.arm.feed(arg0.tau_J)


class Robot:
    arm: ClassVar[FrankaArm]

    def __init__(self, robot_ip_address: str, realtime_config: RealtimeConfig = RealtimeConfig.kEnforce) -> None:
        if self.arm.refuses is not None:
            raise self.arm.refuses
        if not self.arm.plugged:
            self.arm.block("silence")
            raise NetworkException("libfranka: Connection timeout. Please check your network connection or settings.")
        self.arm.block("connect")
        self.thresholds: tuple[Any, ...] | None = None

    def load_model(self) -> Model:
        return Model()

    def read_once(self) -> RobotState:
        if not self.arm.plugged:
            self.arm.block("silence")
            raise NetworkException("libfranka: UDP receive: Timeout")
        return observe(self.arm)

    def start_torque_control(self) -> ActiveControlBase:
        if self.arm.mode != "Idle":
            raise CommandException("libfranka: Move command rejected: command not possible in the current mode!")
        self.arm.block("start")
        return ActiveControlBase()._begin(self.arm)

    def set_collision_behavior(
        self,
        lower_torque_thresholds: list[float],
        upper_torque_thresholds: list[float],
        lower_force_thresholds: list[float],
        upper_force_thresholds: list[float],
    ) -> None:
        self.thresholds = (upper_torque_thresholds, upper_force_thresholds)

    def set_load(self, arg0: float, arg1: list[float], arg2: list[float]) -> None:
        self.load = (arg0, arg1, arg2)
        self.arm.load = self.load[:2]

    def stop(self) -> None:
        if not self.arm.plugged:
            raise NetworkException("libfranka: server closed connection")
        self.arm.rest()

    def automatic_error_recovery(self) -> None:
        self.arm.recover()


def observe(arm: FrankaArm) -> RobotState:
    """The arm's next state, one cycle later."""
    arm.pass_time(0.001)
    state = RobotState()
    state.q, state.dq = [0.0, -0.3, 0.0, -2.2, 0.0, 1.9, 0.8], [0.0] * 7
    state.tau_J, state.tau_ext_hat_filtered, state.O_T_EE = [0.5] * 7, [0.25] * 7, list(arm.T_base_tcp)
    state.robot_mode = RobotMode[arm.mode]
    state.m_load, state.F_x_Cload = arm.load
    state.current_errors, state.last_motion_errors = Errors(), Errors()
    state.current_errors._names, state.last_motion_errors._names = list(arm.errors), list(arm.last_errors)
    state.tau_J_d = list(arm.acting or [0.0] * 7)
    state.time = duration(arm.time_ms)
    return state


def duration(ms: int) -> Duration:
    """As the library hands them out."""
    made = Duration()
    made._ms = ms
    return made


SURFACE = (
    ControlException,
    CommandException,
    NetworkException,
    RealtimeException,
    RealtimeConfig,
    RobotMode,
    Duration,
    Errors,
    Torques,
    RobotState,
    Model,
    ActiveControlBase,
    Robot,
)


def library(arm: FrankaArm) -> SimpleNamespace:
    """The module, wired to an arm."""
    names: dict[str, Any] = {part.__name__: part for part in SURFACE}
    names["Robot"] = type("Robot", (Robot,), {"arm": arm})
    return SimpleNamespace(__version__="0.21.3", **names)
