"""The controller's side of the graph: serves an arm's topics and takes its targets, over any wire.

Whoever owns the arm calls `publish_state` as often as the state shall go out, in the thread that moves the arm; targets
that arrived meanwhile are applied then. A real arm's node and the simulated robot answer the same clients this way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from controllers.geometry import quat_from_matrix, rotation_error
from controllers.ros import graph
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import BadMessageError
from robot_rl.core.pose import Pose
from robot_rl.hardware.graph.messages import (
    ERROR,
    OK,
    image_message,
    joints_message,
    pose_message,
    read_pose,
    read_positions,
    stamp_of,
    status_message,
    twist_message,
    wrench_message,
)
from robot_rl.hardware.graph.wire import Publisher, Wire
from robot_rl.hardware.robot import RobotState
from robot_rl.hardware.warning_log import WarningLog

TARGET_AGE_MAX_S = 0.2  # as long as a command lives on the wire
FUTURE_MAX_S = 0.05  # further ahead, a stamp is of another clock


class ServedRobot(Protocol):
    """An arm that a `GraphServer` stands before."""

    def state(self) -> RobotState:
        """The newest sample; its `fault` goes out as the status."""
        ...

    def command(self, T_base_target: Pose, finger_m: float) -> None:
        """Follow a target."""
        ...

    def joint_state(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """q, dq, tau, each (N,) [rad, rad/s, N m]."""
        ...

    def commanded(self) -> Pose:
        """`T_base_target` that the controller follows now."""
        ...

    def mode(self) -> str:
        """What the controller does, in one word."""
        ...


class GraphServer:
    """Serves one arm on the graph.

    Refused targets (old or future stamps, another frame, numbers that are not finite, more than one sender) are named
    in `problems()` and change nothing: the arm keeps its last target.

    Args:
        joint_names: of the arm, in the order of `joint_state`.
    """

    def __init__(self, wire: Wire, robot: ServedRobot, joint_names: Sequence[str]) -> None:
        self._wire, self._robot, self._joint_names = wire, robot, tuple(joint_names)
        self._problems = WarningLog()
        self._publishers: dict[str, Publisher] = {}
        self._status = ("", "")
        self._T_base_target: Pose | None = None
        self._finger_m: float | None = None
        self._asked: tuple[Pose | None, float | None] = (None, None)
        wire.subscribe(graph.TARGET_POSE, self._taking(graph.TARGET_POSE, self._on_pose))
        wire.subscribe(graph.GRIPPER_TARGET, self._taking(graph.GRIPPER_TARGET, self._on_finger))
        self._publish_status(self._robot.state())

    def publish_state(self) -> None:
        """Apply the newest targets, then send the arm's state, all parts under one stamp."""
        self.apply_targets()
        wire, state, stamp_ns = self._wire, self._robot.state(), self._wire.now_ns()
        T, T_goal = state.T_base_tcp, self._robot.commanded()
        q, dq, tau = self._robot.joint_state()
        wrench_base = np.concatenate([T.R @ state.wrench[:3], T.R @ state.wrench[3:]])
        finger = [graph.FINGER_JOINT]
        for topic, message in (
            (graph.JOINT_STATES, joints_message(wire, self._joint_names, q, stamp_ns, dq, tau)),
            (graph.GRIPPER_STATE, joints_message(wire, finger, np.array([state.finger_m]), stamp_ns)),
            (graph.CURRENT_TWIST, twist_message(wire, state.twist, stamp_ns, graph.BASE)),
            (graph.WRENCH, wrench_message(wire, state.wrench, stamp_ns, graph.HAND)),
            (graph.ESTIMATED_WRENCH, wrench_message(wire, wrench_base, stamp_ns, graph.BASE)),
            (graph.TRACKING_ERROR, twist_message(wire, displacement(T, T_goal), stamp_ns, graph.BASE)),
            (graph.COMMANDED_POSE, pose_message(wire, T_goal, stamp_ns, graph.BASE)),
            (graph.CURRENT_POSE, pose_message(wire, T, stamp_ns, graph.BASE)),  # last: with it the sample is complete
        ):
            self._send(topic, message)
        self._publish_status(state)

    def publish_image(self, camera: str, image: np.ndarray, stamp_ns: int) -> None:
        """Send an image (H, W, 3) uint8 RGB, stamped at its exposure [ns since the epoch]."""
        message = image_message(self._wire, image, stamp_ns, f"{camera}_color_optical_frame")
        self._send(graph.image_topic(camera), message)

    def apply_targets(self) -> None:
        """Hand the newest targets to the arm, if new ones came."""
        asked = (self._T_base_target, self._finger_m)
        if asked == (None, None) or (asked[0] is self._asked[0] and asked[1] == self._asked[1]):
            return
        self._asked = asked
        T_base_target = self._robot.commanded() if asked[0] is None else asked[0]
        finger_m = self._robot.state().finger_m if asked[1] is None else asked[1]
        self._robot.command(T_base_target, finger_m)

    def problems(self) -> tuple[str, ...]:
        """What was refused and why, and what the wire noticed; newest last."""
        return self._wire.problems() + self._problems.texts()

    def _on_pose(self, message: Any) -> None:
        self._T_base_target = read_pose(message, graph.BASE)

    def _on_finger(self, message: Any) -> None:
        self._finger_m = float(read_positions(message, [graph.FINGER_JOINT])[0])

    def _taking(self, topic: graph.Topic, take: Callable[[Any], None]) -> Callable[[Any], None]:
        """A callback that refuses what must not move the arm."""

        def callback(message: Any) -> None:
            try:
                self._check_sender(topic)
                self._check_age(message)
                take(message)
            except BadMessageError as error:
                self._problems.note(f"{topic.name}: {error}", kind=f"{topic.name}: {str(error).split(': got')[0]}")

        return callback

    def _check_sender(self, topic: graph.Topic) -> None:
        senders = self._wire.publishers_of(topic)
        if senders > 1:
            raise BadMessageError(f"publishers: got {senders}, expected 1; nobody is followed until the others stop.")

    def _check_age(self, message: Any) -> None:
        age_s = (self._wire.now_ns() - stamp_of(message)) / NS_PER_S
        if not -FUTURE_MAX_S <= age_s <= TARGET_AGE_MAX_S:
            raise BadMessageError(
                f"stamp: got one {age_s:.3f} s old, expected -{FUTURE_MAX_S} to {TARGET_AGE_MAX_S}; "
                "set the computers' clocks by each other (chrony)."
            )

    def _publish_status(self, state: RobotState) -> None:
        status = (self._robot.mode(), state.fault)
        if status != self._status:
            self._status = status
            mode, fault = status
            level = ERROR if fault else OK
            self._send(graph.STATUS, status_message(self._wire, graph.CONTROLLER, level, fault or mode, {"mode": mode}))

    def _send(self, topic: graph.Topic, message: Any) -> None:
        if topic.name not in self._publishers:
            self._publishers[topic.name] = self._wire.publisher(topic)
        self._publishers[topic.name].publish(message)


def displacement(T_base_tcp: Pose, T_base_target: Pose) -> np.ndarray:
    """From the tool to its goal, (6,): metres, then a rotation vector in the base frame [rad]."""
    quats = (quat_from_matrix(np.ascontiguousarray(R)) for R in (T_base_tcp.R, T_base_target.R))
    return np.concatenate([T_base_target.p - T_base_tcp.p, rotation_error(*quats)])
