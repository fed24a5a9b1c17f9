"""Impedance controller node: a lifecycle node that bridges the graph and the control process.

The loop never runs on a ROS timer: the node starts `controllers.host.control_process`, sends it targets, gains and
requests through shared memory, and publishes its state. The decisions are in `controllers.ros`, in parts that take this
node as an argument.

    ros2 run robot_rl impedance_controller --ros-args -p driver:=simulated -p autostart:=true

configure starts the loop and connects the arm; activate seeds the target from the measured pose and ramps the
stiffness up; deactivate ramps the force down, then lets the arm hold itself; cleanup, shutdown and errors end the loop
with the arm holding. SIGINT, SIGTERM, an exception and a dead parent do so before ROS shuts down.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

try:
    import rclpy
    from rclpy.clock import Clock, ClockType
    from rclpy.exceptions import ParameterException
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.impl.implementation_singleton import rclpy_implementation
    from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
    from rclpy.parameter import Parameter
    from rclpy.signals import SignalHandlerOptions
except ImportError as error:
    raise ImportError(
        f"rclpy: got '{error}', expected a ROS 2 installation for this Python; "
        "run: source /opt/ros/jazzy/setup.bash, and see docs/ros2.md for the environment."
    ) from error
from controllers.arms.spec import SIMULATED, load_arm
from controllers.drivers.grippers.process import GripperProcess
from controllers.host.control_stack import gains_of
from controllers.host.realtime import end_with_parent
from controllers.law.gains import Gains
from controllers.ros import graph, settings
from controllers.ros.arms import ArmChoice
from controllers.ros.controller import Controller
from controllers.ros.crisp_services import CrispServices
from controllers.ros.frames import frames_of
from controllers.ros.loop_process import HostFailed, HostProcess
from controllers.ros.namesake import wait_until_alone
from controllers.ros.parameters import Parameters
from controllers.ros.ros_wire import RosWire
from controllers.ros.stops import WATCH_PERIOD_S
from controllers.ros.topics import find_topics

_DONE, _NO = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
RCLError = rclpy_implementation.RCLError


class ImpedanceController(LifecycleNode):  # type: ignore[misc]
    """Lifecycle node of one arm; it commands torque only in the state `active` and while enabled."""

    def __init__(self, **options: Any) -> None:
        super().__init__(graph.CONTROLLER, **options)
        change = self._service_change_state
        change.callback = partial(self._change_state, change.callback)
        space, name, log = self.get_namespace().strip("/"), self.get_fully_qualified_name(), self.get_logger()
        self._declared = Parameters(self, Parameter, settings.NODE_PARAMETERS)
        self._declared.declare_gains(_gains(self._declared["arm"]), self._declared["crisp"])
        hardware = f"{self._declared['arm']} by {self._declared['driver']} {self._declared['robot_ip']}".strip()
        self._wire = RosWire(self, space)
        topics = find_topics(self._declared["topics"])
        self._controller = Controller(self._wire, name, hardware, log, time.monotonic_ns, time.sleep, topics)
        self._declared.show(self._controller.handler)
        if self._declared["crisp"]:
            self._serve_crisp()
        self._host: HostProcess | None = None
        self.ended: list[int] = []  # signals that request the node's end
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # independent of /clock and of changes of the system's time
        self.create_timer(WATCH_PERIOD_S, self._watch, clock=steady)
        rate_hz = min(max(self._declared["publish_rate_hz"], 1.0), 500.0)
        self.create_timer(1.0 / rate_hz, self._controller.publish_states, clock=steady)

    def _serve_crisp(self) -> None:
        try:
            self._crisp = CrispServices(self, self._controller)
        except ValueError as error:
            advice = "apt install ros-$ROS_DISTRO-controller-manager-msgs ros-$ROS_DISTRO-control-msgs"
            self.get_logger().warning(f"crisp: {error} Without it no switch_controller and home; {advice}.")

    # Lifecycle

    def _change_state(self, serve: Callable[[Any, Any], Any], request: Any, response: Any) -> Any:
        """Serve a lifecycle request; refuse one that the present state does not have, which rclpy raises for."""
        try:
            return serve(request, response)
        except RCLError:
            asked = request.transition.label or request.transition.id
            self.get_logger().error(
                f"lifecycle request: got {asked} while {self._controller.lifecycle}, expected one of its transitions; "
                f"see: ros2 lifecycle list {self.get_fully_qualified_name()}."
            )
            response.success = False
            return response

    def on_configure(self, state: Any) -> Any:
        """Start the control process, connect the arm, open the topics."""
        try:
            choice = self._choice()
            core = self._declared["loop_cpu"], self._declared["loop_shield"]
            words = choice.host_arguments(mailbox := self._mailbox(), *core)
            wanted, note = (lambda: not self.ended), self.get_logger().info
            host = self._host = HostProcess(words, mailbox, len(choice.joint_names), wanted, note)
            given = self._declared.given_gains()
            gains = settings.first_gains(host.client.gains(), self._declared["preset"], given, choice.spec)
            frames = frames_of(choice.spec, self._declared["base_frame"], self._declared["tf_prefix"])
        except (ValueError, HostFailed) as error:
            self.get_logger().error(str(error))
            self.finish()
            return _NO
        choices = {graph.JOINT_STATES: "publish_joint_states", graph.TF: "publish_tf"}
        self._controller.attach(
            RosWire(self, self._wire.namespace),
            host.client,
            gains,
            choice.joint_names,
            frames,
            settings.home_of(self._declared["home_pose"]),
            left_out=[*choice.left_out, *(topic for topic, name in choices.items() if not self._declared[name])],
        )
        if choice.gripper_spec is not None:
            self._controller.attach_gripper(GripperProcess(choice.gripper_spec), choice.gripper_spec)
        self._declared.refresh()
        return _DONE

    def _choice(self) -> ArmChoice:
        named = {name: self._declared[name] for name in ("driver", "arm", "robot_ip", "urdf", "gripper")}
        return ArmChoice(**named, tcp_frame=self._declared["urdf_tcp_link"], namespace=self._wire.namespace)

    def _mailbox(self) -> str:
        return "-".join(["ros", *filter(None, self.get_namespace().split("/")), str(os.getpid())])

    def on_activate(self, state: Any) -> Any:
        """Enable torque; refused for an arm that moves, carries another payload or was stopped by a person."""
        done, text = self._controller.activate()
        if not done:
            self.get_logger().error(f"activation refused: {text}")
            return _NO
        return super().on_activate(state)

    def on_deactivate(self, state: Any) -> Any:
        """Ramp the force down, then let the arm hold itself."""
        self._controller.deactivate()
        return super().on_deactivate(state)

    def on_cleanup(self, state: Any) -> Any:
        """End the control process; the arm holds itself."""
        self.finish()
        return _DONE

    def on_shutdown(self, state: Any) -> Any:
        """Clean up."""
        self.finish("finalized")
        return _DONE

    def on_error(self, state: Any) -> Any:
        """Clean up after a transition that raised."""
        return self.on_cleanup(state)

    def finish(self, lifecycle: str = "unconfigured") -> None:
        """Let the arm hold itself and end its loop before returning. Does nothing without a loop."""
        host, self._host = self._host, None
        self._controller.leave()
        self._controller.handler.detach()
        died = host is not None and host.ended
        if host is not None and not host.end() and not self._controller.trouble:
            self.get_logger().error("the loop did not end by itself; the arm's own watchdog holds the arm")
        if not died:
            self._controller.trouble = ""
        self._controller.detach(lifecycle)

    def wait_until_alone(self) -> str:
        """Return why another controller of this name must not start; empty when this one is alone."""

        def others() -> int:
            names = [f"{space.rstrip('/')}/{name}" for name, space in self.get_node_names_and_namespaces()]
            return names.count(self.get_fully_qualified_name()) - 1

        return wait_until_alone(others, self.get_fully_qualified_name())

    def stop_now(self) -> None:
        """Have the arm hold itself; may be called from a signal handler."""
        self._controller.handler.stop_now()

    def _watch(self) -> None:
        self._watch_host()
        self._controller.poll()
        self._declared.refresh()

    def _watch_host(self) -> None:
        """Leave `active` when the control process hangs; clean up when it has ended, and keep the reason."""
        if self._host is None:
            return
        if self._controller.watch_loop(self._host) and self._controller.lifecycle == "active":
            self.trigger_deactivate()
        if self._host.ended and self._controller.lifecycle == "inactive":
            self.trigger_cleanup()


def _gains(arm: str) -> Gains:
    """Return the parameters before the loop runs; configure refuses an unknown arm."""
    try:
        return gains_of(load_arm(arm))
    except ValueError:
        return gains_of(load_arm(SIMULATED))


def _end_with(node: ImpedanceController) -> None:
    """Let signals, and the death of the parent, stop the arm at once and then end the node."""

    def end(number: int, frame: Any) -> None:
        node.stop_now()
        node.ended.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    if node.get_parameter("end_with_parent").value and not end_with_parent():
        end(signal.SIGTERM, None)


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until it is stopped; the arm stops first."""
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node, executor = ImpedanceController(), SingleThreadedExecutor()
    except (ParameterException, ValueError) as error:
        print(f"{graph.CONTROLLER}: {error}; see docs/ros2.md.", file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    _end_with(node)
    executor.add_node(node)
    try:
        if refused := node.wait_until_alone():
            print(refused, file=sys.stderr)
            return 1
        if node.get_parameter("autostart").value and node.trigger_configure() == _DONE:
            node.trigger_activate()
        while not node.ended and rclpy.ok():
            executor.spin_once(timeout_sec=0.1)
    except ExternalShutdownException:
        pass
    finally:
        node.finish()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
