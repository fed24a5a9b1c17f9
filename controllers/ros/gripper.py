"""Gripper on the graph: `gripper/target` to any gripper, and its state to `gripper/joint_states`.

Both are JointStates of one joint, `finger`: its position is the travel of one finger, half the width. A target's
velocity and effort are the finger's speed and the force; without them those of the arm's file hold.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from controllers.drivers.grippers.contract import CONNECTING, Gripper, GripperSpec
from controllers.ros import from_ros, graph, to_ros
from controllers.ros.rejection import CommandRejected, RejectCounter, RejectReason
from controllers.ros.ros_time import Stamps
from controllers.ros.wire import Wire


class GripperTopics:
    """Topics of one gripper.

    Args:
        wire: on which the topics are opened.
        spec: its speed and force are those of targets without them.
        log: logs new rejections and faults by `warning`.
        stopped: whether the arm's emergency stop is latched: it is the gripper's, too.
    """

    def __init__(
        self, wire: Wire, gripper: Gripper, spec: GripperSpec, stamps: Stamps, log: Any, stopped: Callable[[], bool]
    ) -> None:
        self._wire, self.gripper, self._spec, self._stamps, self._log = wire, gripper, spec, stamps, log
        self._stopped = stopped
        self._publisher = wire.publisher(graph.GRIPPER_STATE)
        self._published_s = -math.inf
        self._fault = ""
        self.rejections = RejectCounter()
        wire.subscribe(graph.GRIPPER_TARGET, self._on_target)

    def publish(self) -> None:
        """Publish the reading, if it is new, with its own stamp."""
        state = self.gripper.state()
        if state.stamp_s > self._published_s:
            self._published_s = state.stamp_s
            message = self._wire.make(graph.GRIPPER_STATE.type)
            to_ros.put_joints(message, [graph.FINGER_JOINT], [state.width_m / 2])
            self._publisher.publish(to_ros.stamped(message, self._stamps.ros_ns(state.stamp_s), ""))

    def watch(self) -> None:
        """Latch the arm's emergency stop, or clear it; log a new fault."""
        state, stopped = self.gripper.state(), self._stopped()
        if stopped != state.stopped:
            (self.gripper.stop if stopped else self.gripper.clear)()
        if state.fault not in ("", CONNECTING) and state.fault.split(":")[0] != self._fault.split(":")[0]:
            self._log.warning(f"gripper: {state.fault}")
        self._fault = state.fault

    def _on_target(self, message: Any) -> None:
        try:
            self._take(message)
        except CommandRejected as rejected:
            if self.rejections.note(graph.GRIPPER_TARGET.name, rejected):
                self._log.warning(f"{graph.GRIPPER_TARGET.name} refused: {rejected}")

    def _take(self, message: Any) -> None:
        finger_m = float(from_ros.positions_of(message, [graph.FINGER_JOINT])[0])
        self._stamps.monotonic_s(from_ros.stamp_ns(message))
        if self._stopped():
            raise CommandRejected(RejectReason.BLOCKED, "the emergency stop is latched; call ~/recover.")
        speed_m_s = 2.0 * _first(message.velocity) or self._spec.speed_m_s
        try:
            self.gripper.command(2.0 * finger_m, speed_m_s, _first(message.effort) or self._spec.force_n)
        except ValueError as error:
            raise CommandRejected(RejectReason.LIMIT, str(error)) from error


def _first(numbers: Sequence[float]) -> float:
    return float(numbers[0]) if len(numbers) else 0.0
