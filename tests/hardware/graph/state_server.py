"""A scripted arm on the graph, for tests of the graph's clients: its state goes out, targets are followed at once."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from controllers.ros import from_ros, graph, to_ros
from controllers.ros.diagnostics import Level, StatusReport
from controllers.ros.wire import Wire
from robot_rl.core.pose import Pose
from robot_rl.hardware.graph.messages import (
    image_message,
    joints_message,
    pose_message,
    read_pose,
    twist_message,
    wrench_message,
)
from robot_rl.hardware.robot import RobotState


class ServedRobot(Protocol):
    """An arm that a `GraphServer` stands before."""

    def state(self) -> RobotState: ...

    def command(self, T_base_target: Pose, finger_m: float) -> None: ...

    def joint_state(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...

    def commanded(self) -> Pose: ...

    def mode(self) -> str: ...


class GraphServer:
    """Serves one arm; who owns it calls `publish_state` as often as the state shall go out."""

    def __init__(self, wire: Wire, robot: ServedRobot, joint_names: Sequence[str]) -> None:
        self._wire, self._robot, self._joint_names = wire, robot, tuple(joint_names)
        self._status = ("", "")
        self._T_base_target: Pose | None = None
        self._finger_m: float | None = None
        wire.subscribe(graph.TARGET_POSE, self._on_pose)
        wire.subscribe(graph.GRIPPER_TARGET, self._on_finger)
        self._publish_status(self._robot.state())

    def publish_state(self) -> None:
        """Apply the newest targets, then send the arm's state, all parts under one stamp."""
        self.apply_targets()
        wire, state, stamp_ns = self._wire, self._robot.state(), self._wire.now_ns()
        T, T_goal = state.T_base_tcp, self._robot.commanded()
        q, dq, tau = self._robot.joint_state()
        joints = to_ros.put_joints(wire.make(graph.JOINT_STATES.type), self._joint_names, q, dq, tau)
        for topic, message in (
            (graph.JOINT_STATES, to_ros.stamped(joints, stamp_ns, "")),
            (graph.GRIPPER_STATE, joints_message(wire, [graph.FINGER_JOINT], np.array([state.finger_m]), stamp_ns)),
            (graph.CURRENT_TWIST, twist_message(wire, state.twist, stamp_ns, graph.BASE)),
            (graph.WRENCH, wrench_message(wire, state.wrench, stamp_ns, graph.HAND)),
            (graph.ESTIMATED_WRENCH, wrench_message(wire, self._wrench_in_base(state), stamp_ns, graph.BASE)),
            (graph.COMMANDED_POSE, pose_message(wire, T_goal, stamp_ns, graph.BASE)),
            (graph.CURRENT_POSE, pose_message(wire, T, stamp_ns, graph.BASE)),
        ):
            self._wire.publisher(topic).publish(message)
        self._publish_status(state)

    def publish_image(self, camera: str, image: np.ndarray, stamp_ns: int) -> None:
        """Send an image (H, W, 3) uint8 RGB, stamped at its exposure [ns since the epoch]."""
        message = image_message(self._wire, image, stamp_ns, f"{camera}_color_optical_frame")
        self._wire.publisher(graph.image_topic(camera)).publish(message)

    def apply_targets(self) -> None:
        """Hand the newest targets to the arm, if new ones came."""
        if self._T_base_target is None and self._finger_m is None:
            return
        goal = self._robot.commanded() if self._T_base_target is None else self._T_base_target
        self._robot.command(goal, self._robot.state().finger_m if self._finger_m is None else self._finger_m)
        self._T_base_target = self._finger_m = None

    @staticmethod
    def _wrench_in_base(state: RobotState) -> np.ndarray:
        R = state.T_base_tcp.R
        return np.concatenate([R @ state.wrench[:3], R @ state.wrench[3:]])

    def _on_pose(self, message: Any) -> None:
        self._T_base_target = read_pose(message, message.header.frame_id)

    def _on_finger(self, message: Any) -> None:
        self._finger_m = float(from_ros.positions_of(message, [graph.FINGER_JOINT])[0])

    def _publish_status(self, state: RobotState) -> None:
        status = (self._robot.mode(), state.fault)
        if status != self._status:
            self._status = status
            mode, fault = status
            report = StatusReport(Level.ERROR if fault else Level.OK, fault or mode, (("mode", mode),))
            message = to_ros.status_message(self._wire, report, graph.CONTROLLER)
            self._wire.publisher(graph.STATUS).publish(message)
