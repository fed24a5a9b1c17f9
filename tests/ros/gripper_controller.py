"""A gripper controller as ros2_control's: an action server of control_msgs or a topic, and the finger's joint state.

Fingers travel at 0.02 m/s, and stop at an object: `python gripper_controller.py KIND OBJECT_M` (travel of a finger).
"""

import importlib
import sys
import time
from typing import Any

import rclpy
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor

SPEED_M_S, PERIOD_S = 0.02, 0.01


class Controller:
    """The gripper and its interface."""

    def __init__(self, kind: str, object_m: float) -> None:
        self.node = rclpy.create_node("gripper_controller")
        self.position = self.goal = 0.04
        self.object_m, self.force = object_m, 0.0
        self._current: Any = None
        joints = importlib.import_module("sensor_msgs.msg").JointState
        self._joints, self._publisher = joints, self.node.create_publisher(joints, "hand/joint_states", 10)
        group = ReentrantCallbackGroup()
        self.node.create_timer(PERIOD_S, self._step, callback_group=group)
        if kind == "Float64MultiArray":
            numbers = importlib.import_module("std_msgs.msg").Float64MultiArray
            self.node.create_subscription(numbers, "hand/commands", self._on_numbers, 1, callback_group=group)
            return
        self._action = getattr(importlib.import_module("control_msgs.action"), kind)
        self._server = ActionServer(
            self.node, self._action, "hand/gripper_cmd", self._execute, callback_group=group,
            cancel_callback=lambda request: CancelResponse.ACCEPT,
        )  # fmt: skip

    def _on_numbers(self, message: Any) -> None:
        self.goal = message.data[0]

    def _step(self) -> None:
        end = max(self.goal, min(self.object_m, self.position))
        self.position += min(max(end - self.position, -SPEED_M_S * PERIOD_S), SPEED_M_S * PERIOD_S)
        message = self._joints(name=["left_finger"], position=[self.position])
        message.header.stamp = self.node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _execute(self, handle: Any) -> Any:
        command, result = handle.request.command, self._action.Result()
        parallel = hasattr(command, "name")
        self.goal = command.position[0] if parallel else command.position
        self._current, before, still = handle, self.position, 0
        while abs(self.position - self.goal) > 1e-6 and still < 20:
            if handle.is_cancel_requested:
                self.goal = self.position
                handle.canceled()
                return result
            time.sleep(PERIOD_S)
            before, still = self.position, still + 1 if self.position == before else 0
        result.stalled = abs(self.position - self.goal) > 1e-6
        result.reached_goal = not result.stalled
        handle.succeed()
        return result


def main() -> None:
    """Serve until killed."""
    rclpy.init()
    controller, executor = Controller(sys.argv[1], float(sys.argv[2])), MultiThreadedExecutor(4)
    executor.add_node(controller.node)
    executor.spin()


if __name__ == "__main__":
    main()
