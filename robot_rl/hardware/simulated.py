"""Simulated arm and cameras behind the hardware protocols, in lockstep: time passes only in `wait`."""

import numpy as np

from controllers.arm import NOT_FOLLOWING, Reason
from robot_rl.core.errors import DeviceLostError
from robot_rl.core.pose import Pose
from robot_rl.hardware.cameras.camera import Frame
from robot_rl.hardware.cameras.views import View, apply
from robot_rl.hardware.robot import RobotState
from robot_rl.sim.render import SceneRenderer
from robot_rl.sim.simulation import Simulation
from robot_rl.sim.stage import StageRenderer

GUARDS = (
    Reason.POWER_LIMITED,
    Reason.VELOCITY_LIMITED,
    Reason.ENERGY_LIMITED,
    Reason.SINGULAR,
    Reason.FORCE_LIMITED,
)
"""Reasons of ticks in which a guard limited the command, while the arm follows its target."""


class SimulatedRobot:
    """A `Robot` over a `Simulation`."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def command(self, T_base_target: Pose, finger_m: float | None) -> None:
        """Set the target pose and the fingers' travel [m]."""
        self._simulation.set_target(T_base_target)
        if finger_m is not None:
            self._simulation.set_finger(finger_m)

    def wait(self, period_s: float) -> RobotState:
        """Advance the simulation by one control period."""
        self._simulation.advance(period_s)
        return self.state()

    def move_joints(self, q: np.ndarray, speed: float = 0.5) -> None:
        """Move to joint positions (N,) [rad].

        Raises:
            DeviceLostError: refused, or it does not arrive.
        """
        if text := self._simulation.move_joints(q, speed):
            raise DeviceLostError(text)

    def state(self) -> RobotState:
        """Return the present state."""
        simulation = self._simulation
        reason = simulation.reason
        return RobotState(
            simulation.T_base_tcp, simulation.twist(), simulation.wrench(), simulation.finger_m(),
            reason.name if reason >= NOT_FOLLOWING else "", round(simulation.time_s * 1e9),
            reason.name if reason in GUARDS else "",
        )  # fmt: skip

    def close(self) -> None:
        """Do nothing."""


class SimulatedCamera:
    """A `Camera` over a `Simulation`; cameras of one size share a renderer: a graphics context costs memory.

    Args:
        view: crop and size of what is read; None: the image as it is rendered.
    """

    def __init__(
        self, simulation: Simulation, name: str, renderer: SceneRenderer | StageRenderer, view: View | None = None
    ) -> None:
        self.name, self._view = name, view or View(size=None)
        self.height, self.width = self._view.shape(renderer.height, renderer.width)
        self._simulation, self._renderer = simulation, renderer

    def read(self) -> Frame:
        """Render the present state."""
        image = self._renderer.render(self._simulation.data, self.name)
        return Frame(apply(self._view, image), round(self._simulation.time_s * 1e9))

    def close(self) -> None:
        """Free the shared graphics context."""
        self._renderer.close()
