"""Each driver on a fake arm with scripted operator, cable and reflexes: the table of the contract suite."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from controllers.arm import ArmLimits
from controllers.arms.spec import load_arm
from controllers.drivers.contract import Driver
from controllers.drivers.effort import EffortDriver
from controllers.drivers.franka import FrankaDriver
from controllers.drivers.franky import FrankyDriver
from controllers.drivers.machine import Machine
from controllers.drivers.model import PinocchioModel
from controllers.drivers.stream import Platform
from controllers.drivers.ur import UrDriver
from robot_rl.sim.driver import SimulatedDriver, SimulatedFault
from robot_rl.sim.scene import TIMESTEP_S
from robot_rl.sim.simulation import Simulation
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from robot_rl.testing import FakeClock
from tests.controllers.drivers import fake_franky, fake_pylibfranka, fake_ur_rtde
from tests.controllers.drivers.fake_arms import FrankaArm, UrArm
from tests.controllers.drivers.memory_link import MemoryLink
from tests.controllers.drivers.ur_kinematics import urdf_file

GOOD_MACHINE = Machine("6.1.0-rt", True, 99, float("inf"), ("performance",))
POOR_MACHINE = Machine("6.1.0", False, 0, 65536.0, ("powersave",))
UR_LIMITS = ArmLimits(
    np.full(6, -6.28), np.full(6, 6.28), np.full(6, 3.14), np.array([150.0] * 3 + [28.0] * 3), np.full(6, 1000.0)
)


class Rig:
    """A driver, and what people and cables do to its arm."""

    tau: np.ndarray
    driver: Driver

    def acting(self) -> np.ndarray | None:
        """The torque of a sender that acts on the joints now."""
        raise NotImplementedError

    def silence(self, seconds: float) -> None:
        """The host does nothing for a while."""
        raise NotImplementedError

    def recoveries(self) -> int:
        """Number of requests to the arm to clear its errors."""
        raise NotImplementedError

    def reflex(self) -> None:
        """The arm stops by itself."""
        raise NotImplementedError

    def press_stop(self) -> None:
        """A person stops the arm."""
        raise NotImplementedError

    def freeze(self) -> None:
        """The arm says the same for ever."""
        raise NotImplementedError

    def unplug(self) -> None:
        """The cable is pulled."""
        raise NotImplementedError

    def plug(self) -> None:
        """The cable is back."""
        raise NotImplementedError

    def now_s(self) -> float:
        """The host's clock."""
        raise NotImplementedError


class ArmRig(Rig):
    """A driver over a vendor's fake library, whose arm has the operator's hands, the cable and the clock."""

    arm: FrankaArm | UrArm

    def acting(self) -> np.ndarray | None:
        return None if self.arm.acting is None else np.array(self.arm.acting)

    def silence(self, seconds: float) -> None:
        self.arm.pass_time(seconds)

    def recoveries(self) -> int:
        return self.arm.recoveries

    def reflex(self) -> None:
        self.arm.reflex("cartesian_reflex")

    def press_stop(self) -> None:
        self.arm.press_stop()

    def freeze(self) -> None:
        self.arm.frozen = True

    def unplug(self) -> None:
        self.arm.plugged = False

    def plug(self) -> None:
        self.arm.plug()

    def now_s(self) -> float:
        return self.arm.clock.now_s()


class FrankaRig(ArmRig):
    arm: FrankaArm

    def __init__(self) -> None:
        self.arm, self.tau = FrankaArm(), np.linspace(-0.4, 0.4, 7)  # both signs within a cycle of each other
        self.driver = self.make()

    def make(self, machine: Machine = GOOD_MACHINE, **options: Any) -> Driver:
        library = fake_pylibfranka.library(self.arm)
        return FrankaDriver("10.0.0.2", platform=Platform(library, lambda: machine, self.now_s), **options)


class FrankyRig(FrankaRig):
    def make(self, machine: Machine = GOOD_MACHINE, **options: Any) -> Driver:
        self.library = fake_franky.library(self.arm)
        return FrankyDriver("10.0.0.2", platform=Platform(self.library, lambda: machine, self.now_s), **options)

    def silence(self, seconds: float) -> None:
        self.library.robots[-1]._cycle(seconds)


@cache
def ur5e_model() -> PinocchioModel:
    return PinocchioModel(load_arm("ur5e", model=urdf_file("ur5e")))


class UrRig(ArmRig):
    arm: UrArm

    def __init__(self) -> None:
        self.arm, self.tau = UrArm(), np.linspace(-3.0, 3.0, 6)
        self.driver = self.make()

    def make(self, machine: Machine = GOOD_MACHINE, **options: Any) -> Driver:
        return UrDriver(
            "10.0.0.3",
            ur5e_model(),
            UR_LIMITS,
            platform=Platform(fake_ur_rtde.library(self.arm), lambda: machine, self.now_s, self.arm.pass_time),
            **options,
        )


class EffortRig(Rig):
    def __init__(self) -> None:
        self.link, self.tau = MemoryLink(6), np.linspace(-3.0, 3.0, 6)
        self.driver = EffortDriver(
            self.link,
            ur5e_model(),
            UR_LIMITS,
            platform=Platform(now_s=self.now_s, sleep=self.link.pass_time),
            gravity_in_command=True,
        )

    def acting(self) -> np.ndarray | None:
        return self.link.acting

    def silence(self, seconds: float) -> None:
        self.link.pass_time(seconds)

    def recoveries(self) -> int:
        return self.link.resets

    def reflex(self) -> None:
        """The only stop that this interface knows: the watchdog's."""
        self.link.pass_time(0.1)

    def freeze(self) -> None:
        self.link.frozen = True

    def unplug(self) -> None:
        self.link.plugged = False

    def plug(self) -> None:
        self.link.plugged = True

    def now_s(self) -> float:
        return self.link.clock.now_s()


@cache
def workcell() -> Simulation:
    return Simulation(PICK_LIFT)


class SimulatedRig(Rig):
    clock: FakeClock | None = None

    def __init__(self) -> None:
        self.simulation = workcell()
        self.simulation.reset(np.random.default_rng(0))
        self.tau = self.simulation.loop.state.tau.copy()  # what carries the arm
        self.tau[6] += 0.5
        self.driver: SimulatedDriver = SimulatedDriver(self.simulation, self.clock)

    def acting(self) -> np.ndarray | None:
        return self.driver.acting

    def silence(self, seconds: float) -> None:
        for _ in range(round(seconds / TIMESTEP_S)):
            self.driver.read()

    def recoveries(self) -> int:
        return self.driver.recoveries

    def reflex(self) -> None:
        self.driver.inject(SimulatedFault.REFLEX)

    def press_stop(self) -> None:
        self.driver.inject(SimulatedFault.USER_STOP)

    def freeze(self) -> None:
        self.driver.inject(SimulatedFault.FROZEN)

    def unplug(self) -> None:
        self.driver.inject(SimulatedFault.UNPLUGGED)

    def plug(self) -> None:
        self.driver.inject(SimulatedFault.NONE)

    def now_s(self) -> float:
        return self.simulation.time_s


class PacedRig(SimulatedRig):
    def __init__(self) -> None:
        self.clock = FakeClock(50.0)
        super().__init__()

    def silence(self, seconds: float) -> None:
        assert self.clock is not None
        self.clock.advance(seconds)
        self.driver.read()

    def now_s(self) -> float:
        assert self.clock is not None
        return self.clock.now_s()


RIGS: dict[str, Callable[[], Rig]] = {
    "simulated, lockstep": SimulatedRig,
    "simulated, paced": PacedRig,
    "pylibfranka": FrankaRig,
    "franky": FrankyRig,
    "ur-rtde": UrRig,
    "ros2_control effort": EffortRig,
}
