"""Effort interface over ROS 2: the driver's connection, and the watchdog's node for the arm's computer.

Topics below the arm's namespace: `joint_states` (sensor_msgs/JointState, from the arm), `effort_watchdog/command` and
`effort_watchdog/status` (std_msgs/Float64MultiArray, numbers of `effort_watchdog.py`), `<controller>/commands`
(std_msgs/Float64MultiArray, to the forwarding controller). Only the watchdog may publish on the last one.

rclpy comes with ROS, not with pip: it is imported when a connection opens. Usage on the arm's computer:
`python -m controllers.drivers.effort_ros --arm ur5e --damping 20,20,20,5,5,5`.
"""

import argparse
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from controllers.arms.spec import ArmSpec, load_arm
from controllers.drivers.contract import Requirements, import_library, make_feedback
from controllers.drivers.effort import SILENCE_LIMIT_S, EffortDriver, JointSample, in_order
from controllers.drivers.effort_watchdog import (
    EffortCommand,
    EffortWatchdog,
    Kind,
    WatchdogStatus,
    decode_command,
    decode_status,
    encode_command,
    encode_status,
)
from controllers.drivers.model import PinocchioModel
from controllers.geometry import FloatArray

COMMAND, STATUS, JOINT_STATES = "effort_watchdog/command", "effort_watchdog/status", "joint_states"
CONTROLLER = "effort_controller"  # the usual name of a forward_command_controller on the effort interface
TIMEOUT_S = 0.02
STATE_LIMIT_S = 0.01  # age of a velocity that damps: joints that damping slows at 100 /s swing from 16 ms of delay on
SPIN_S = 0.05  # between two checks whether the node was ended
RATE_HZ = 500.0


def import_ros() -> Any:
    """Import rclpy, its QoS and the two message types.

    Raises:
        MissingLibraryError: rclpy is not installed.
    """
    parts = {
        "rclpy": "rclpy", "qos": "rclpy.qos", "executors": "rclpy.executors", "signals": "rclpy.signals",
        "std": "std_msgs.msg", "sensor": "sensor_msgs.msg",
    }  # fmt: skip
    return argparse.Namespace(**{name: import_library(module, "rclpy", "ros") for name, module in parts.items()})


class RosLink:
    """An `EffortLink` over rclpy: a node in a context of its own, without signal handlers, spun by a thread.

    Args:
        joints: the arm's joint names, in the model's order.
        namespace: the arm's, as in `/left`.
        silence_s: age of the watchdog's status from which it counts as silent.
    """

    def __init__(
        self,
        joints: Sequence[str],
        namespace: str = "",
        *,
        ros: Any = None,
        now_s: Callable[[], float] = time.monotonic,
        silence_s: float = SILENCE_LIMIT_S,
    ) -> None:
        self._joints, self._namespace, self._given, self._now_s = tuple(joints), namespace, ros, now_s
        self._silence_s = silence_s
        self._ros: Any = None
        self._publisher: Any = None
        self._sample: JointSample | None = None
        self._status: WatchdogStatus | None = None
        self._heard_s = -np.inf

    def open(self) -> None:
        ros = self._ros = self._given or import_ros()
        context = self._context = ros.rclpy.Context()
        ros.rclpy.init(context=context)
        words = {"namespace": self._namespace or None, "context": context}
        node = self._node = ros.rclpy.create_node("effort_driver", **words)
        self._publisher = node.create_publisher(ros.std.Float64MultiArray, COMMAND, newest_only(ros))
        node.create_subscription(ros.sensor.JointState, JOINT_STATES, self._on_state, ros.qos.qos_profile_sensor_data)
        node.create_subscription(ros.std.Float64MultiArray, STATUS, self._on_status, newest_only(ros))
        self._executor = ros.executors.SingleThreadedExecutor(context=context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, name="effort link", daemon=True)
        self._thread.start()

    def newest(self) -> JointSample | None:
        return self._sample

    def status(self) -> WatchdogStatus | None:
        return self._status if self._now_s() - self._heard_s <= self._silence_s else None

    def send(self, command: EffortCommand) -> None:
        self._publisher.publish(self._ros.std.Float64MultiArray(data=encode_command(command)))

    def close(self) -> None:
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        with contextlib.suppress(self._ros.executors.ExternalShutdownException):
            self._executor.spin()

    def _on_state(self, message: Any) -> None:
        self._sample = sample_of(message, self._joints)

    def _on_status(self, message: Any) -> None:
        status = decode_status(message.data)
        if status is not None:
            self._status, self._heard_s = status, self._now_s()


class RosEffortDriver(EffortDriver):
    """An `EffortDriver` over rclpy, of an arm's file."""

    REQUIREMENTS = Requirements(RATE_HZ, extra="ros", thread_priority=70, joint_states=True)

    @classmethod
    def from_arm(cls, arm: ArmSpec) -> "RosEffortDriver":
        """See `DriverClass`. Settings: `timeout_s`, `gravity_in_command`, `silence_s`, as in `EffortDriver`."""
        arm.check_settings("timeout_s", "gravity_in_command", "silence_s")
        silence_s = arm.setting("silence_s", SILENCE_LIMIT_S)
        link, rate_hz = RosLink(arm.joints, arm.namespace, silence_s=silence_s), arm.rate_hz or RATE_HZ
        return cls(link, PinocchioModel(arm), arm.limits, rate_hz=rate_hz, **arm.settings)


def gravity_of(arm: ArmSpec) -> Callable[[FloatArray], FloatArray]:
    """Return the gravity torque (N,) [N m] of an arm's model, as a function of the joint positions.

    Raises:
        ArmFileError: it has no model.
    """
    model, feedback = PinocchioModel(arm), make_feedback(len(arm.joints))

    def gravity(q: FloatArray) -> FloatArray:
        feedback.state.q[:] = q
        model.fill(feedback.state, feedback.dynamics)
        return feedback.dynamics.gravity

    return gravity


class WatchdogNode:
    """The watchdog's node on the arm's computer: relays each command at once, checks its age at `RATE_HZ`.

    Args:
        gravity: torque (N,) at joint positions; zero for an arm that carries itself.
    """

    def __init__(
        self,
        node: Any,
        watchdog: EffortWatchdog,
        joints: Sequence[str],
        *,
        ros: Any,
        gravity: Callable[[FloatArray], FloatArray] = np.zeros_like,
        controller: str = CONTROLLER,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watchdog, self._joints, self._ros, self._now_s = watchdog, tuple(joints), ros, now_s
        self._dq: FloatArray | None = None  # publish nothing before the first joint state
        self._gravity_at, self._gravity = gravity, np.zeros(len(joints))
        self._seen_s = -np.inf
        self._efforts = node.create_publisher(ros.std.Float64MultiArray, f"{controller}/commands", newest_only(ros))
        self._status = node.create_publisher(ros.std.Float64MultiArray, STATUS, newest_only(ros))
        node.create_subscription(ros.std.Float64MultiArray, COMMAND, self._on_command, newest_only(ros))
        node.create_subscription(ros.sensor.JointState, JOINT_STATES, self._on_state, ros.qos.qos_profile_sensor_data)
        node.create_timer(1.0 / RATE_HZ, self.cycle)

    def cycle(self) -> None:
        """Publish the arm's efforts and the watchdog's status."""
        self._relay()
        self._status.publish(self._ros.std.Float64MultiArray(data=encode_status(self._watchdog.status)))

    def leave(self) -> None:
        """Publish the gravity torque alone: the controller keeps the last effort for ever, and a push would move it."""
        self._watchdog.take(EffortCommand(Kind.RESET, 0, np.zeros(len(self._joints))), self._now_s())
        self._seen_s = -np.inf
        self._relay()

    def _on_command(self, message: Any) -> None:
        if self._watchdog.take(decode_command(message.data, len(self._joints)), self._now_s()):
            self._relay()

    def _on_state(self, message: Any) -> None:
        sample = sample_of(message, self._joints)
        if sample is not None:
            self._dq, self._seen_s = sample.dq, self._now_s()
            self._watchdog.see(sample.dq, self._seen_s)
            self._gravity = self._gravity_at(sample.q)

    def _relay(self) -> None:
        if self._dq is None:
            return
        if self._now_s() - self._seen_s > STATE_LIMIT_S:
            self._dq = np.zeros_like(self._dq)  # damping by an old velocity would push
        efforts = self._watchdog.output(self._dq, self._gravity, self._now_s())
        self._efforts.publish(self._ros.std.Float64MultiArray(data=efforts.tolist()))


def newest_only(ros: Any) -> Any:
    """Return reliable QoS with depth 1: an old torque is useless."""
    return ros.qos.QoSProfile(depth=1, reliability=ros.qos.ReliabilityPolicy.RELIABLE)


def sample_of(message: Any, joints: Sequence[str]) -> JointSample | None:
    """Return a JointState in the driver's order; None for one without the arm's joints (a gripper's)."""
    if not set(joints) <= set(message.name):
        return None
    parts = (message.position, message.velocity, message.effort)
    q, dq, effort = (in_order(joints, message.name, part) for part in parts)
    return JointSample(q, dq, effort, message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec)


def main() -> None:
    """Run the watchdog's node until it is stopped."""
    parser = argparse.ArgumentParser(description="Watchdog before an effort controller of ros2_control.")
    parser.add_argument("--arm", required=True, help="name of the arm, or path of its file")
    parser.add_argument("--joints", default="", help="names in the model's order, with commas; default: the arm's")
    parser.add_argument("--damping", required=True, help="[N m s/rad] of each joint without commands, with commas")
    parser.add_argument("--controller", default=CONTROLLER, help="name of the forwarding controller")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S, help="age from which a command is dead [s]")
    arguments, ros_arguments = parser.parse_known_args()
    try:
        arm = load_arm(arguments.arm)
        damping = [float(value) for value in arguments.damping.split(",")]
        watchdog = EffortWatchdog(arguments.timeout, damping, arm.limits.tau_max)
        gravity = gravity_of(arm) if arm.setting("gravity_in_command", False) else np.zeros_like
    except ValueError as error:
        parser.error(str(error))
    joints, ros = arguments.joints.split(",") if arguments.joints else arm.joints, import_ros()
    ended: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: ended.append(number))
    ros.rclpy.init(args=ros_arguments, signal_handler_options=ros.signals.SignalHandlerOptions.NO)
    node, executor = ros.rclpy.create_node("effort_watchdog"), ros.executors.SingleThreadedExecutor()
    topics = WatchdogNode(node, watchdog, joints, ros=ros, gravity=gravity, controller=arguments.controller)
    executor.add_node(node)
    while not ended:
        executor.spin_once(timeout_sec=SPIN_S)
    topics.leave()
    executor.shutdown()
    node.destroy_node()
    ros.rclpy.shutdown()


if __name__ == "__main__":
    main()
