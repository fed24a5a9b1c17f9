"""The simulated arm for the control process, on a clock of the caller's."""

from controllers.arms.spec import SIMULATED, load_arm
from controllers.host.control_stack import ControlStack, gains_of
from robot_rl.core.clock import Clock, SystemClock
from robot_rl.sim.driver import SimulatedDriver
from robot_rl.sim.simulation import plain_cell


def pick_lift(clock: Clock | None = None) -> ControlStack:
    """Return the stack of the arm `simulated`, paced by a clock; the scene is always the same one."""
    arm = load_arm(SIMULATED)
    return ControlStack(SimulatedDriver(plain_cell(arm), clock or SystemClock()), gains_of(arm), arm.limits)
