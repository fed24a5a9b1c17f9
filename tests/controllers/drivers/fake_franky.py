"""franky's surface over a `FrankaArm`. `test_fakes.py` compares it with the installed wheel."""

from enum import Enum
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from tests.controllers.drivers.fake_arms import FrankaArm


class ControlException(Exception): ...


class NetworkException(Exception): ...


class IncompatibleVersionException(Exception): ...


class TorqueSignalTimeoutException(Exception): ...


class RealtimeConfig(Enum):
    Enforce = 0
    Ignore = 1


class Frame(Enum):
    EndEffector = 8


class RobotMode(Enum):
    Other = 0
    Idle = 1
    Move = 2
    Guiding = 3
    Reflex = 4
    UserStopped = 5
    AutomaticErrorRecovery = 6


class Duration:
    def __init__(self, arg0: int, /) -> None:
        self._ms = arg0

    def to_sec(self) -> float:
        return self._ms / 1000.0


class Errors:
    def __init__(self) -> None:
        self._names: list[str] = []

    def __repr__(self) -> str:
        return "[" + ", ".join(f'"{name}"' for name in self._names) + "]"


class Affine:
    @property
    def matrix(self) -> np.ndarray:
        T = np.eye(4)
        T[:3, 3] = 0.3, 0.1, 0.5
        return T


class RobotState:
    q: np.ndarray
    dq: np.ndarray
    tau_J: np.ndarray
    tau_J_d: np.ndarray
    tau_ext_hat_filtered: np.ndarray
    O_T_EE: Affine
    m_load: float
    F_x_Cload: np.ndarray
    robot_mode: RobotMode
    current_errors: Errors
    last_motion_errors: Errors
    time: Duration


class Model:
    def zero_jacobian(self, frame: Frame, state: RobotState) -> np.ndarray:
        return np.add.outer(10.0 * np.arange(6), np.arange(7))

    def mass(self, state: RobotState) -> np.ndarray:
        return np.eye(7)

    def coriolis(self, state: RobotState) -> np.ndarray:
        return np.full(7, 0.125)


class SimpleTorqueMotion:
    def __init__(
        self,
        initial_torque: np.ndarray | None = None,
        signal_timeout: float | None = 0.05,
        compensate_coriolis: bool = False,
        max_delta_tau: float = 1.0,
        lower_joint_limits: np.ndarray | None = None,
        upper_joint_limits: np.ndarray | None = None,
        joint_limit_activation_distance: float = 0.1,
        joint_limit_stiffness: float = 4.0,
        joint_limit_damping: float = 1.0,
        joint_limit_max_torque: float = 5.0,
        friction: None = None,
    ) -> None:
        assert initial_torque is not None and signal_timeout is not None
        self._torque, self._timeout_s, self._delta = np.array(initial_torque), signal_timeout, max_delta_tau
        self._robot: Robot | None = None

    def set_torque(self, torque: np.ndarray) -> None:
        self._torque = np.array(torque)
        if self._robot is not None:
            self._robot._fed_s = self._robot.arm.clock.now_s()


class TorqueStopMotion:
    def __init__(
        self,
        damping: np.ndarray | None = None,
        ramp_duration: float = 0.2,
        velocity_epsilon: float = 0.02,
        max_duration: float = 2.0,
        compensate_coriolis: bool = True,
        max_delta_tau: float = 1.0,
    ) -> None:
        self._torque, self._timeout_s, self._delta = np.zeros(7), np.inf, max_delta_tau


class Robot:
    arm: ClassVar[FrankaArm]

    def __init__(
        self,
        fci_hostname: str,
        relative_dynamics_factor: float = 1.0,
        default_torque_threshold: float = 20.0,
        default_force_threshold: float = 30.0,
        controller_mode: None = None,
        realtime_config: RealtimeConfig = RealtimeConfig.Enforce,
    ) -> None:
        if self.arm.refuses is not None:
            raise self.arm.refuses
        if not self.arm.plugged:
            self.arm.block("silence")
            raise NetworkException("libfranka: Connection timeout. Please check your network connection or settings.")
        self.arm.block("connect")
        self._motion: SimpleTorqueMotion | TorqueStopMotion | None = None
        self._fed_s = 0.0
        self._error: Exception | None = None
        self.arm.on_reflex = self._reflex

    def set_collision_behavior(self, torque_thresholds: list[float], force_thresholds: list[float]) -> None:
        self.thresholds = (torque_thresholds, force_thresholds)

    def set_load(self, load_mass: float, F_x_Cload: list[float], load_inertia: list[float]) -> None:
        self.load = (load_mass, F_x_Cload, load_inertia)
        self.arm.load = self.load[:2]

    def _reflex(self, cause: str) -> None:
        if self._motion is not None:
            self._motion = None
            self._error = ControlException(f'libfranka: Move command aborted: motion aborted by reflex! ["{cause}"]')

    def _cycle(self, seconds: float) -> None:
        """The C++ thread: hands the arm the newest torque each millisecond, until its own watchdog ends it."""
        for _ in range(round(seconds * 1000)):
            if self._motion is not None and self.arm.clock.now_s() - self._fed_s > self._motion._timeout_s:
                self._motion = None
                self._error = TorqueSignalTimeoutException("No torque signal received in time.")
                self.arm.rest()
            if self._motion is not None:
                self._feed(self._motion)
            self.arm.pass_time(0.001)

    def move(
        self,
        motion: SimpleTorqueMotion | TorqueStopMotion,
        asynchronous: bool = False,
        limit_rate: bool = False,
        cutoff_frequency: float = 100.0,
    ) -> None:
        assert asynchronous
        if isinstance(motion, TorqueStopMotion):
            self._motion = motion if self.arm.restless else None
            if not self.arm.restless:
                self.arm.rest()
            return
        if self.arm.mode != "Idle":
            raise ControlException("libfranka: Move command rejected: command not possible in the current mode!")
        self._motion, self._fed_s, motion._robot = motion, self.arm.clock.now_s(), self
        self._feed(motion)

    def _feed(self, motion: SimpleTorqueMotion | TorqueStopMotion) -> None:
        """The C++ thread limits the step of each cycle."""
        before = np.array(self.arm.acting or [0.0] * 7)
        self.arm.feed((before + np.clip(motion._torque - before, -motion._delta, motion._delta)).tolist())

    def poll_motion(self) -> bool:
        self._check()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._motion is None  # as the wheel does, against its own documentation

    def join_motion(self, timeout: float | None = None) -> bool:
        self.poll_motion()
        self.arm.meanwhile()
        self._cycle(self.arm.takes["stop"])
        return self._motion is None

    def _check(self) -> None:
        if not self.arm.plugged:
            raise NetworkException("libfranka: UDP receive: Timeout")

    @property
    def is_in_control(self) -> bool:
        return self._motion is not None

    @property
    def model(self) -> Model:
        return Model()

    @property
    def state(self) -> RobotState:
        self._check()
        self._cycle(0.001)
        state, arm = RobotState(), self.arm
        state.q, state.dq = np.array([0.0, -0.3, 0.0, -2.2, 0.0, 1.9, 0.8]), np.zeros(7)
        state.tau_J, state.tau_ext_hat_filtered, state.O_T_EE = np.full(7, 0.5), np.full(7, 0.25), Affine()
        state.tau_J_d = np.array(arm.acting or [0.0] * 7)
        state.robot_mode, state.time = RobotMode[arm.mode], Duration(arm.time_ms)
        state.m_load, state.F_x_Cload = arm.load[0], np.array(arm.load[1])
        state.current_errors, state.last_motion_errors = Errors(), Errors()
        state.current_errors._names, state.last_motion_errors._names = list(arm.errors), list(arm.last_errors)
        return state

    def recover_from_errors(self) -> bool:
        self.arm.recover()
        return not self.arm.errors

    def stop(self) -> None:
        self._check()
        if self._motion is not None:
            self._error = ControlException("libfranka: Move command preempted!")
        self._motion = None
        self.arm.rest()


SURFACE = (
    ControlException,
    NetworkException,
    IncompatibleVersionException,
    TorqueSignalTimeoutException,
    RealtimeConfig,
    Frame,
    RobotMode,
    Duration,
    Errors,
    Affine,
    RobotState,
    Model,
    SimpleTorqueMotion,
    TorqueStopMotion,
    Robot,
)


def library(arm: FrankaArm) -> SimpleNamespace:
    """The module, wired to an arm; `robots` collects the robots that were made."""
    names: dict[str, Any] = {part.__name__: part for part in SURFACE}
    robots: list[Robot] = []

    class Wired(Robot):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            robots.append(self)

    Wired.arm = arm
    names["Robot"] = Wired
    return SimpleNamespace(robots=robots, **names)
