"""A task's gains on a controller of the graph, so that the arm is as stiff as in simulation."""

from collections.abc import Mapping, Sequence

import numpy as np

from controllers.ros import from_ros, graph, to_ros
from controllers.ros.warning_log import WarningLog
from controllers.ros.wire import Wire
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.hardware.graph.inbox import Inbox

_AGAIN_S = 0.2


class TaskGains:
    """A task's gains on the controller: published until the controller shows them in force.

    Args:
        gains: by the names of the controller's parameters; none: the controller's own stay.
    """

    def __init__(self, wire: Wire, clock: Clock, gains: Mapping[str, Sequence[float]], problems: WarningLog) -> None:
        self._wire, self._clock, self._gains = wire, clock, gains
        self._again_ns = clock.now_ns()
        if gains:
            self._publisher = wire.publisher(graph.TARGET_STIFFNESS)
            self._in_force = Inbox(wire, graph.GAINS, from_ros.numbers_of, clock, problems)

    def missing(self) -> str:
        """Return the gains that are not active, after requesting them; empty when all are."""
        different = self._different()
        if different and self._clock.now_ns() >= self._again_ns:
            self._again_ns = self._clock.now_ns() + round(_AGAIN_S * NS_PER_S)
            self._publisher.publish(to_ros.numbers_message(self._wire, graph.TARGET_STIFFNESS.type, self._gains))
        return different

    def fault(self) -> str:
        """Return the same as a fault: a restarted controller has its own gains."""
        missing = self.missing()
        return f"gains: got {missing}, expected the task's; see /diagnostics." if missing else ""

    def _different(self) -> str:
        if not self._gains:
            return ""
        shown = {} if self._in_force.newest is None else self._in_force.newest.value
        names = [name for name, values in self._gains.items() if not _same(shown.get(name), values)]
        return f"no {', '.join(names)} of the task in force" if names else ""


def _same(shown: np.ndarray | None, values: Sequence[float]) -> bool:
    return shown is not None and shown.shape == (len(values),) and bool(np.allclose(shown, values))
