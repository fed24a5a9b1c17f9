"""A command topic for tests: a reflex of the simulated arm, or its end."""

from typing import Any

from controllers.ros.arbitration import CommandPriority
from controllers.ros.command_handler import CommandHandler
from controllers.ros.graph import Quality, Topic
from robot_rl.sim.driver import SimulatedFault


class InjectFault:
    """True: a reflex now, from which the arm may back off any number of times; false: none."""

    topic = Topic("test/inject_fault", "std_msgs/msg/Bool", Quality(reliable=True, depth=10))
    priority = CommandPriority.ESTOP

    @staticmethod
    def take(handler: CommandHandler, topic: str, priority: CommandPriority, message: Any) -> None:
        """Inject."""
        assert handler.gains is not None
        handler.set_gains(handler.gains.changed(recoveries_per_minute=1000.0))
        handler._loop.driver.inject(SimulatedFault.REFLEX if message.data else SimulatedFault.NONE)  # type: ignore[union-attr]
