"""Grippers that are served over ROS: by an action of control_msgs, or by a topic of commands.

Their width comes from a joint of `joint_states`. Settings of both: `joint`; `joint_states`, the topic's name; `closed`
and `open`, the joint's position in either state, which may be an angle and may fall as the fingers open; `width_max_m`.
"""

import contextlib
import importlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from controllers.drivers.grippers.contract import GripperCommand, GripperError, GripperReading, GripperSpec

FIRST_S = 10.0  # for discovery
ANSWER_S = 5.0  # of a server to a goal or a cancellation
SILENT_S = 1.0
REST_S, REST_M = 0.3, 0.001  # fingers that move less within the time are at rest
SHORT_M = 0.003  # fingers that close and rest so far before the target hold something
JOINT_SETTINGS = {"joint": "", "joint_states": "joint_states", "closed": 0.0, "open": 0.04, "width_max_m": 0.08}


class RosGripper:
    """A gripper over ROS: a node, and the width from joint states; a `GripperDriver`."""

    def __init__(self, spec: GripperSpec, settings: dict[str, Any]) -> None:
        try:
            self.rclpy = importlib.import_module("rclpy")
            importlib.import_module("rclpy.executors")
        except ImportError as error:
            raise GripperError(f"rclpy: {error}; run: source /opt/ros/DISTRO/setup.bash.") from error
        if not settings["joint"]:
            raise GripperError("gripper.joint: got nothing, expected a joint of its joint_states; see ros2 topic echo.")
        self.width_max_m, self._settings = float(settings["width_max_m"]), settings
        self._widths: deque[tuple[float, float]] = deque(maxlen=500)
        self._stamp_s = -float("inf")
        self._target: GripperCommand | None = None
        self._closes, self._since_s = False, time.monotonic()
        self._thread: threading.Thread | None = None
        self.rclpy.init(args=[])
        self.node = self.rclpy.create_node("gripper_driver", namespace=spec.namespace or None)
        sensor_data = importlib.import_module("rclpy.qos").qos_profile_sensor_data
        joints = interface("sensor_msgs.msg", "JointState")
        self.node.create_subscription(joints, settings["joint_states"], self._on_joints, sensor_data)

    def start(self) -> None:
        """Spin, and wait for the first joint state.

        Raises:
            GripperError: none came.
        """
        executor = self.rclpy.executors.SingleThreadedExecutor()
        executor.add_node(self.node)
        self._thread = threading.Thread(target=_spin, args=(executor,), daemon=True)
        self._thread.start()
        _wait(lambda: bool(self._widths), FIRST_S, f"{self._settings['joint']} on {self._settings['joint_states']}")

    def read(self) -> GripperReading:
        width_m, silent = self._widths[-1][1], time.monotonic() - self._stamp_s > SILENT_S
        fault = f"no joint state for more than {SILENT_S:g} s" if silent else ""
        moving = self.moving()
        return GripperReading(width_m, moving, not moving and self.holds(width_m), fault)

    def moving(self) -> bool:
        """Return whether the fingers move."""
        since_s = time.monotonic() - REST_S
        recent = [width_m for stamp_s, width_m in list(self._widths) if stamp_s > since_s]
        return since_s < self._since_s or max(recent, default=0.0) - min(recent, default=0.0) > REST_M

    def holds(self, width_m: float) -> bool:
        """Return whether resting fingers hold something."""
        return self._closes and self._target is not None and width_m > self._target.width_m + SHORT_M

    def aim(self, command: GripperCommand) -> float:
        """Note a command; return the joint's position for it."""
        self._closes, self._target = command.width_m < self._widths[-1][1], command
        self._since_s = time.monotonic()
        closed, opened = self._settings["closed"], self._settings["open"]
        return float(closed + command.width_m / self.width_max_m * (opened - closed))

    def close(self) -> None:
        self.rclpy.try_shutdown()
        if self._thread is not None:  # one that still spins when the interpreter ends aborts the process
            self._thread.join(1.0)

    def _on_joints(self, message: Any) -> None:
        if self._settings["joint"] in message.name:
            position = message.position[list(message.name).index(self._settings["joint"])]
            closed, opened = self._settings["closed"], self._settings["open"]
            self._stamp_s = time.monotonic()
            self._widths.append((self._stamp_s, (position - closed) / (opened - closed) * self.width_max_m))


class TopicGripper(RosGripper):
    """A topic of targets.

    Settings: `topic`; `type`: `Float64MultiArray`, a joint's position, or `GripperCommand`, which has a force, too.
    """

    def __init__(self, spec: GripperSpec, settings: dict[str, Any]) -> None:
        super().__init__(spec, settings)
        packages = {"Float64MultiArray": "std_msgs.msg", "GripperCommand": "control_msgs.msg"}
        self._kind = settings["type"]
        if self._kind not in packages:
            raise GripperError(f"gripper.type: got '{self._kind}', expected one of {sorted(packages)}.")
        self._message = interface(packages[self._kind], self._kind)
        self._publisher = self.node.create_publisher(self._message, settings["topic"], 1)
        self.start()

    @classmethod
    def connect(cls, spec: GripperSpec) -> "TopicGripper":
        """See `GripperDriver`."""
        own = {"topic": "gripper_controller/commands", "type": "Float64MultiArray"}
        return cls(spec, spec.read_settings(**JOINT_SETTINGS, **own))

    def move(self, command: GripperCommand) -> None:
        """See `GripperDriver`. Returns at once: a new target replaces the one before."""
        if not self._publisher.get_subscription_count():
            raise GripperError(f"{self._publisher.topic_name}: got no listener, expected the gripper's controller.")
        position = self.aim(command)
        if self._kind == "GripperCommand":
            self._publisher.publish(self._message(position=position, max_effort=command.force_n))
        else:
            self._publisher.publish(self._message(data=[position]))

    def stop(self) -> None:
        """See `GripperDriver`: the target becomes the present width."""
        if self.moving() and self._target is not None:
            self.move(self._target._replace(width_m=self._widths[-1][1]))
            self._closes = False


class ActionGripper(RosGripper):
    """An action server of control_msgs, as ros2_control's gripper controllers have; a `GripperDriver`.

    Settings: `action`; `type`: `GripperCommand` or `ParallelGripperCommand`.
    """

    def __init__(self, spec: GripperSpec, settings: dict[str, Any]) -> None:
        super().__init__(spec, settings)
        self._kind, self._stalled = settings["type"], False
        self._action = interface("control_msgs.action", self._kind)
        action_client = importlib.import_module("rclpy.action").ActionClient
        self._client = action_client(self.node, self._action, settings["action"])
        self._goal: Any = None
        self._running, self._ended = threading.Event(), threading.Event()
        if not self._client.wait_for_server(FIRST_S):
            raise GripperError(f"{settings['action']}: got no action server, expected {self._kind}; is it running?")
        self.start()

    @classmethod
    def connect(cls, spec: GripperSpec) -> "ActionGripper":
        own = {"action": "gripper_controller/gripper_cmd", "type": "GripperCommand"}
        return cls(spec, spec.read_settings(**JOINT_SETTINGS, **own))

    def move(self, command: GripperCommand) -> None:
        """See `GripperDriver`. Waits for the result."""
        position = self.aim(command)
        self._stalled = False
        self._ended.clear()
        self._running.set()
        try:
            goal = self._sent(self._message(position, command))
            if not goal.accepted:
                raise GripperError(f"{command.width_m:.3f} m: the action server rejected it; see its log.")
            self._goal, done = goal, goal.get_result_async()
            while not done.done() and not self._ended.wait(0.01):
                pass
            _wait(done.done, ANSWER_S, "a result after the cancellation")
            self._stalled = bool(done.result().result.stalled)
            aborted = importlib.import_module("action_msgs.msg").GoalStatus.STATUS_ABORTED
            if done.result().status == aborted and not self._stalled:
                raise GripperError(f"{command.width_m:.3f} m: the action server aborted it; see its log.")
        finally:
            self._goal = None
            self._running.clear()

    def stop(self) -> None:
        goal = self._goal
        if goal is not None:
            goal.cancel_goal_async()
            self._closes = False
            self._ended.set()

    def moving(self) -> bool:
        return self._running.is_set()

    def holds(self, width_m: float) -> bool:
        return self._stalled or super().holds(width_m)

    def _sent(self, message: Any) -> Any:
        answer = self._client.send_goal_async(message)
        _wait(answer.done, ANSWER_S, "an answer of the action server to a goal")
        return answer.result()

    def _message(self, position: float, command: GripperCommand) -> Any:
        goal = self._action.Goal()
        if self._kind == "GripperCommand":
            goal.command.position, goal.command.max_effort = position, command.force_n
            return goal
        scale = abs(self._settings["open"] - self._settings["closed"]) / self.width_max_m
        goal.command.name, goal.command.position = [self._settings["joint"]], [position]
        goal.command.velocity, goal.command.effort = [command.speed_m_s * scale], [command.force_n]
        return goal


def interface(package: str, name: str) -> Any:
    """Return an interface's class.

    Raises:
        GripperError: it is not installed.
    """
    try:
        return getattr(importlib.import_module(package), name)
    except (ImportError, AttributeError) as error:
        missing = package.split(".")[0].replace("_", "-")
        raise GripperError(f"{package}: {error}; run: apt install ros-$ROS_DISTRO-{missing}.") from error


def _spin(executor: Any) -> None:
    with contextlib.suppress(Exception):  # the process is ending
        executor.spin()


def _wait(done: Callable[[], bool], limit_s: float, what: str) -> None:
    end_s = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > end_s:
            raise GripperError(f"gripper: got nothing for {limit_s:g} s, expected {what}; is it running?")
        time.sleep(0.005)
