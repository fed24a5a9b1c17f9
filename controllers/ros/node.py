"""The impedance controller on the ROS graph: a lifecycle node that is a bridge to the loop's own process.

The loop never runs on a ROS timer: the node starts `controllers.host.control_process`, sends it targets, gains and
requests through shared memory, and publishes its state. The decisions are in `controllers.ros`, in parts that take this
node as an argument.

    ros2 run robot_rl impedance_controller --ros-args -p driver:=simulated -p autostart:=true

configure starts the loop and connects the arm; activate seeds the target from the measured pose and ramps the
stiffness up; deactivate lets go of the force, then lets the arm hold itself; cleanup, shutdown and errors end the loop
with the arm holding. SIGINT, SIGTERM, an exception and a dead parent do so before ROS shuts down.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

try:
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.impl.implementation_singleton import rclpy_implementation
    from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
    from rclpy.parameter import Parameter
    from rclpy.signals import SignalHandlerOptions
    from std_srvs.srv import SetBool, Trigger
except ImportError as error:
    raise ImportError(
        f"rclpy: got '{error}', expected a ROS 2 installation for this Python; "
        "run: source /opt/ros/jazzy/setup.bash, and see docs/ros2.md for the environment."
    ) from error
try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # before Iron
    from rclpy.qos_event import SubscriptionEventCallbacks

from controllers.host.mailbox import HostState
from controllers.host.realtime import end_with_parent
from controllers.ros import graph, settings
from controllers.ros.arms import ArmChoice
from controllers.ros.command_handler import Answer, CommandHandler
from controllers.ros.commands import Commands
from controllers.ros.diagnostics import NodeStatus, diagnostics, status
from controllers.ros.diagnostics_publisher import Reports
from controllers.ros.endpoints import Endpoints
from controllers.ros.loop_process import HostFailed, HostProcess
from controllers.ros.namesake import wait_until_alone
from controllers.ros.parameters import Parameters
from controllers.ros.ros_time import Stamps
from controllers.ros.state_publisher import TF, States

WATCH_PERIOD_S = 0.05
GRAPH_PERIOD_S = 0.2
_DONE, _NO = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
RCLError = rclpy_implementation.RCLError


class ImpedanceController(LifecycleNode):  # type: ignore[misc]
    """See the module. Torque only in the lifecycle's state `active`, and there only while enabled."""

    def __init__(self, **options: Any) -> None:
        super().__init__(graph.CONTROLLER, **options)
        change = self._service_change_state
        change.callback = partial(self._change_state, change.callback)
        stamps = Stamps(lambda: self.get_clock().now().nanoseconds, time.monotonic_ns)
        self._pilot = CommandHandler(stamps, time.monotonic, time.sleep)
        self._told = Parameters(self, self._pilot, Parameter)
        self._commands = Commands(self, self._pilot, SubscriptionEventCallbacks)
        self._host: HostProcess | None = None
        self._joints: Sequence[str] = ()
        self.ended: list[int] = []  # signals that told this node to end
        self._lifecycle, self._trouble = "unconfigured", ""
        self._endpoints = Endpoints(self)
        self._states: States | None = None
        hardware = f"{self._told['arm']} by {self._told['driver']} {self._told['robot_ip']}"
        self._reports = Reports(self, hardware.strip())
        self._offer_services()
        self.create_timer(WATCH_PERIOD_S, self._watch)
        self.create_timer(GRAPH_PERIOD_S, self._watch_graph)
        self.create_timer(1.0, self._publish_diagnostics)

    # Lifecycle

    def _change_state(self, serve: Callable[[Any, Any], Any], request: Any, response: Any) -> Any:
        """Serve a lifecycle request; refuse one that the present state does not have, which rclpy raises for."""
        try:
            return serve(request, response)
        except RCLError:
            wish = request.transition.label or request.transition.id
            self.get_logger().error(
                f"lifecycle request: got {wish} in the state {self._lifecycle}, expected one of its transitions; "
                f"see: ros2 lifecycle list {self.get_fully_qualified_name()}."
            )
            response.success = False
            return response

    def on_configure(self, state: Any) -> Any:
        """Start the loop's process, connect the arm, open the topics."""
        try:
            choice = self._choice()
            core = self._told["loop_cpu"], self._told["loop_shield"]
            words = choice.host_arguments(mailbox := self._mailbox(), *core)
            host = self._host = HostProcess(words, mailbox, len(choice.joint_names), lambda: not self.ended)
            gains = settings.first_gains(host.client.gains(), self._told["preset"], self._told.given_gains())
        except (ValueError, HostFailed) as error:
            self.get_logger().error(str(error))
            self.finish()
            return _NO
        self._joints = choice.joint_names
        home = settings.home_of(self._told["home_pose"])
        self._pilot.attach(host.client, gains, self._joints, self._told["base_frame"], home)
        self._told.show_gains()
        self._open()
        self._lifecycle, self._trouble = "inactive", ""
        return _DONE

    def _choice(self) -> ArmChoice:
        named = {name: self._told[name] for name in ("driver", "arm", "robot_ip", "urdf")}
        return ArmChoice(**named, tcp_frame=self._told["urdf_tcp_link"], namespace=self.get_namespace().strip("/"))

    def _mailbox(self) -> str:
        return "-".join(["ros", *filter(None, self.get_namespace().split("/")), str(os.getpid())])

    def on_activate(self, state: Any) -> Any:
        """Torque from here on; refused by an arm that moves, carries another payload or was stopped by a person."""
        ok, text = (False, self._trouble) if self._trouble else self._pilot.start()
        if not ok:
            self.get_logger().error(f"activation refused: {text}")
            return _NO
        self._lifecycle = "active"
        return super().on_activate(state)

    def on_deactivate(self, state: Any) -> Any:
        """Let go of the force, then let the arm hold itself."""
        self._pilot.let_go()
        self._lifecycle = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: Any) -> Any:
        """End the loop; the arm holds itself."""
        self.finish()
        self._lifecycle = "unconfigured"
        return _DONE

    def on_shutdown(self, state: Any) -> Any:
        """As cleanup."""
        self.finish()
        self._lifecycle = "finalized"
        return _DONE

    def on_error(self, state: Any) -> Any:
        """As cleanup: a transition raised."""
        return self.on_cleanup(state)

    def finish(self) -> None:
        """The arm first: it holds itself and its loop has ended when this returns. Harmless when nothing runs."""
        host, self._host = self._host, None
        self._pilot.detach()
        if host is not None and not host.end() and not self._trouble:
            self.get_logger().error("the loop did not end by itself; the arm's own watchdog holds the arm")
        self._endpoints.close()
        self._states = None
        self._publish_status()

    def wait_until_alone(self) -> str:
        """Return why another controller of this name must not start; empty when this one is alone."""

        def others() -> int:
            names = [f"{space.rstrip('/')}/{name}" for name, space in self.get_node_names_and_namespaces()]
            return names.count(self.get_fully_qualified_name()) - 1

        return wait_until_alone(others, self.get_fully_qualified_name())

    def stop_now(self) -> None:
        """Have the arm hold itself; may be called from a signal handler."""
        self._pilot.stop_now()

    # Topics

    def _open(self) -> None:
        self._commands.open(self._endpoints)
        choices = {graph.JOINT_STATES: "publish_joint_states", TF: "publish_tf"}
        self._states = States(
            self._endpoints,
            self._host_state(),
            self._joints,
            self._told["base_frame"],
            self._told["tf_prefix"],
            left_out=[topic for topic, name in choices.items() if not self._told[name]],
        )
        rate_hz = min(max(self._told["publish_rate_hz"], 1.0), 500.0)
        self._endpoints.every(1.0 / rate_hz, self._publish_states)

    def _host_state(self) -> HostState:
        assert self._host is not None
        return self._host.client.state()

    def _publish_states(self) -> None:
        if self._states is not None and not self._trouble:
            state = self._host_state()
            self._states.publish(state, self._pilot.stamps.ros_ns(state.stamp_s))

    # Services

    def _offer_services(self) -> None:
        pilot = self._pilot
        services: dict[str, tuple[Any, Callable[[Any], Answer]]] = {
            "enable": (SetBool, self._serve_enable),
            "hold": (SetBool, lambda request: pilot.hold(request.data)),
            "reset_target": (Trigger, lambda request: pilot.reset_target()),
            "recover": (Trigger, self._serve_recover),
            "home": (Trigger, lambda request: pilot.go_home()),
            "estop": (Trigger, lambda request: pilot.estop()),
        }
        for name, (kind, serve) in services.items():
            self.create_service(kind, f"~/{name}", partial(self._answer, serve))

    def _answer(self, serve: Callable[[Any], Answer], request: Any, response: Any) -> Any:
        response.success, response.message = serve(request)
        self._publish_status()
        return response

    def _serve_enable(self, request: Any) -> Answer:
        if not request.data:
            return self._pilot.let_go()
        if self._lifecycle != "active" or self._trouble:
            return False, self._trouble or f"the node is {self._lifecycle}; activate it first"
        return self._pilot.start()

    def _serve_recover(self, request: Any) -> Answer:
        if self._trouble:
            return False, f"{self._trouble}; clean up and configure the node again"
        return self._pilot.recover(may_move=self._lifecycle == "active")

    # Watching

    def _watch(self) -> None:
        if jump := self._pilot.watch():
            self.get_logger().error(f"{jump}; the arm holds")
        self._watch_host()
        self._publish_status()

    def _watch_host(self) -> None:
        """A loop that is gone is an error of the node: named, and out of `active` until somebody configures again."""
        if self._host is None:
            return
        trouble = self._host.trouble(self._host.client.state(), time.monotonic())
        news, self._trouble = bool(trouble) and not self._trouble, trouble
        if news:
            self.get_logger().fatal(trouble)
            self._pilot.stop_now()
            if self._lifecycle == "active":
                self.trigger_deactivate()

    def _watch_graph(self) -> None:
        if self._host is None:
            return
        self._commands.look_at_publishers(time.monotonic())
        self._told.show_gains()

    # What it says

    def _situation(self) -> NodeStatus:
        arbiter = self._pilot.arbiter
        return NodeStatus(
            lifecycle=self._lifecycle,
            charge=arbiter.charge.name.lower(),
            source=arbiter.source,
            handovers=arbiter.handovers,
            held=arbiter.held(time.monotonic()),
            trouble=self._trouble,
            graph=self._commands.unheard,
            clock_jumps=self._pilot.stamps.jumps,
        )

    def _state(self) -> HostState | None:
        return None if self._host is None else self._host_state()

    def _publish_status(self) -> None:
        self._reports.tell_status(status(self._state(), self._situation()))

    def _publish_diagnostics(self) -> None:
        report = diagnostics(self._state(), self._situation(), self._commands.tally, time.monotonic())
        events = ("QoS events", "; ".join(self._commands.qos_events))
        self._reports.tell_diagnostics(report._replace(values=(*report.values, events)))


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
    """Run the node until it is told to end; the arm stops first."""
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    node, executor = ImpedanceController(), SingleThreadedExecutor()
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
