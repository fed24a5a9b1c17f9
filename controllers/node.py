"""The impedance controller on the ROS graph: a lifecycle node that is a bridge to the loop's own process.

The loop never runs on a ROS timer: the node starts `controllers.host`, sends it targets, gains and requests through
shared memory, and publishes what it says. What it decides is in `controllers.bridge`; only this file knows rclpy.

    ros2 run robot_rl impedance_controller --ros-args -p driver:=simulated -p autostart:=true

configure starts the loop and connects the arm; activate seeds the target from the measured pose and ramps the
stiffness up; deactivate lets go of the force, then lets the arm hold itself; cleanup, shutdown and errors end the loop
with the arm holding. SIGINT, SIGTERM, an exception and a dead parent do so before ROS shuts down.
"""

from __future__ import annotations

import importlib
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

try:
    import rclpy
    from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor, SetParametersResult
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
    from rclpy.parameter import Parameter
    from rclpy.qos import ReliabilityPolicy
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

from controllers import graph
from controllers.bridge import outgoing, settings
from controllers.bridge.arbitration import Rank
from controllers.bridge.arms import ARMS, ArmChoice
from controllers.bridge.figures import Report, Situation, diagnostics, status
from controllers.bridge.pilot import Answer, Pilot
from controllers.bridge.process import HostFailed, HostProcess
from controllers.bridge.refusal import Refused, Tally
from controllers.bridge.stamps import Stamps
from controllers.gains import Gains
from controllers.mailbox import HostState
from controllers.presets import preset
from controllers.realtime import end_with_parent
from controllers.ros_quality import ros_profile

WATCH_PERIOD_S = 0.05
GRAPH_PERIOD_S = 0.2
_DONE, _NO = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
ALIAS_TARGET = graph.TARGET_POSE._replace(name="target_pose")  # crisp_controllers' name
TF = graph.Topic("/tf", "tf2_msgs/msg/TFMessage", graph.Quality(reliable=True, depth=100))


class ImpedanceController(LifecycleNode):  # type: ignore[misc]
    """See the module. Torque only in the lifecycle's state `active`, and there only while enabled."""

    def __init__(self, **options: Any) -> None:
        super().__init__(graph.CONTROLLER, **options)
        self._declare()
        stamps = Stamps(lambda: self.get_clock().now().nanoseconds, time.monotonic_ns)
        self._pilot, self._tally = Pilot(stamps, time.monotonic, time.sleep), Tally()
        self._host: HostProcess | None = None
        self._joints: Sequence[str] = ()
        self.ended: list[int] = []  # signals that told this node to end
        self._lifecycle, self._trouble = "unconfigured", ""
        self._reported: Report | None = None
        self._graph_notes: tuple[str, ...] = ()
        self._qos_events: deque[str] = deque(maxlen=8)
        self._in_use: list[tuple[Callable[[Any], Any], Any]] = []
        self._outlets: dict[str, Any] = {}
        self._status, self._diagnostics = self._publisher(graph.STATUS), self._publisher(graph.DIAGNOSTICS)
        self._offer_services()
        self._setting = False  # parameters that the node itself sets need no second look
        self.add_on_set_parameters_callback(self._on_parameters)
        self.create_timer(WATCH_PERIOD_S, self._watch)
        self.create_timer(GRAPH_PERIOD_S, self._watch_graph)
        self.create_timer(1.0, self._publish_diagnostics)

    # Parameters

    def _declare(self) -> None:
        for name, (default, text) in settings.NODE_PARAMETERS.items():
            self.declare_parameter(name, default, ParameterDescriptor(description=text, read_only=True))
        self._given = set(self._parameter_overrides)
        arm = ARMS.get(self._parameter("arm"), ARMS["fer"])  # another name is refused by configure
        for name, value in settings.values_of(preset("guarded", arm.posture)).items():
            self.declare_parameter(name, value, _descriptor(settings.SETTINGS[name]))

    def _parameter(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _on_parameters(self, parameters: Sequence[Any]) -> Any:
        """All of a request or nothing: tried on the gains in force, then sent to the loop."""
        changes = {parameter.name: parameter.value for parameter in parameters if parameter.name in settings.SETTINGS}
        if self._setting or not changes:
            return SetParametersResult(successful=True)
        if self._pilot.gains is None:
            return SetParametersResult(successful=False, reason="no loop runs: configure the node first.")
        try:
            self._pilot.set_gains(settings.changed(self._pilot.gains, self._with_damping(changes)))
        except (ValueError, TypeError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _with_damping(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Constant damping comes in six parameters and counts when they are complete: add what is set already."""
        names = [name for name, setting in settings.SETTINGS.items() if setting.field == "constant_damping"]
        return {name: self._parameter(name) for name in names if name not in changes} | changes

    def _show_gains(self) -> None:
        """Let the parameters say what is in force: aliases follow their fields and the other way round."""
        if self._pilot.gains is None:
            return
        stale = [
            Parameter(name, value=value)
            for name, value in settings.values_of(self._pilot.gains).items()
            if settings.SETTINGS[name].field != "constant_damping" and not _same(self._parameter(name), value)
        ]
        self._setting = True
        self.set_parameters(stale)
        self._setting = False

    # Lifecycle

    def on_configure(self, state: Any) -> Any:
        """Start the loop's process, connect the arm, open the topics."""
        try:
            choice = self._choice()
            words = choice.host_arguments(mailbox := self._mailbox(), self._parameter("loop_cpu"))
            host = self._host = HostProcess(words, mailbox, len(choice.joint_names), lambda: not self.ended)
            gains = self._first_gains(host.client.gains())
        except (ValueError, HostFailed) as error:
            self.get_logger().error(str(error))
            self.finish()
            return _NO
        self._joints = choice.joint_names
        self._pilot.attach(host.client, gains, self._joints, self._parameter("base_frame"), self._given_home())
        self._show_gains()
        self._open()
        self._lifecycle, self._trouble = "inactive", ""
        return _DONE

    def _choice(self) -> ArmChoice:
        named = {name: self._parameter(name) for name in ("driver", "arm", "robot_ip", "urdf")}
        return ArmChoice(**named, tcp_frame=self._parameter("urdf_tcp_link"), namespace=self.get_namespace().strip("/"))

    def _mailbox(self) -> str:
        return "-".join(["ros", *filter(None, self.get_namespace().split("/")), str(os.getpid())])

    def _first_gains(self, own: Gains) -> Gains:
        """The arm's own or a preset's, changed by the parameters that were given at the start."""
        if name := self._parameter("preset"):
            bounds = {"workspace_lower": own.workspace_lower, "workspace_upper": own.workspace_upper}
            own = preset(name, own.posture, **bounds)
        given = {key: self._parameter(key) for key in settings.SETTINGS if key in self._given}
        return settings.changed(own, given) if given else own

    def _given_home(self) -> tuple[Any, Any] | None:
        pose = np.array(self._parameter("home_pose"), dtype=float)
        norm = np.linalg.norm(pose[3:])
        return (pose[:3], pose[3:] / norm) if pose.size == 7 and norm > 0.5 else None

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
        for destroy, entity in self._in_use:
            destroy(entity)
        self._in_use, self._outlets = [], {}
        self._publish_status()

    def stop_now(self) -> None:
        """Have the arm hold itself; may be called from a signal handler."""
        self._pilot.stop_now()

    # Topics in

    def _open(self) -> None:
        pilot = self._pilot
        commands = (
            (graph.TARGET_POSE, Rank.POLICY, pilot.take_pose),
            (ALIAS_TARGET, Rank.POLICY, pilot.take_pose),
            (graph.TARGET_TWIST, Rank.POLICY, pilot.take_twist),
            (graph.HUMAN_POSE, Rank.HUMAN, pilot.take_pose),
            (graph.HUMAN_TWIST, Rank.HUMAN, pilot.take_twist),
            (graph.TARGET_WRENCH, Rank.POLICY, pilot.take_wrench),
            (graph.TARGET_STIFFNESS, Rank.POLICY, pilot.take_stiffness),
            (graph.TARGET_JOINT, Rank.POLICY, pilot.take_joint),
        )
        self._commands = [topic for topic, _, _ in commands]
        for topic, rank, take in commands:
            heard = partial(self._on_command, take, topic.name, rank)
            events = SubscriptionEventCallbacks(incompatible_qos=partial(self._on_incompatible, topic.name))
            made = self.create_subscription(
                _interface(topic.type), topic.name, heard, ros_profile(topic.quality), event_callbacks=events
            )
            self._in_use.append((self.destroy_subscription, made))
        sent = {topic for topic, _, _ in outgoing.states_of(self._host_state(), self._joints)} | {TF}
        left_out = {graph.JOINT_STATES: "publish_joint_states", TF: "publish_tf"}
        for topic in sent:
            if topic not in left_out or self._parameter(left_out[topic]):
                self._outlets[topic.name] = self._publisher(topic)
                self._in_use.append((self.destroy_publisher, self._outlets[topic.name]))
        rate_hz = min(max(self._parameter("publish_rate_hz"), 1.0), 500.0)
        self._in_use.append((self.destroy_timer, self.create_timer(1.0 / rate_hz, self._publish_states)))

    def _publisher(self, topic: graph.Topic) -> Any:
        return self.create_publisher(_interface(topic.type), topic.name, ros_profile(topic.quality, writes=True))

    def _on_command(self, take: Callable[[str, Rank, Any], None], topic: str, rank: Rank, message: Any) -> None:
        try:
            take(topic, rank, message)
        except Refused as refused:
            if self._tally.note(topic, refused):
                self.get_logger().warning(f"{topic} refused: {refused}")

    def _on_incompatible(self, topic: str, event: Any) -> None:
        text = f"{topic}: a publisher offers less than this node asks for (policy {event.last_policy_kind})"
        self._qos_events.append(text)
        self.get_logger().warning(f"{text}; publish reliably")

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
        publishers, notes = {}, []
        for topic in self._commands:
            found = self.get_publishers_info_by_topic(self.resolve_topic_name(topic.name))
            publishers[topic.name] = [f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in found]
            notes += [
                f"{topic.name}: {info.node_name} publishes best-effort and is not heard; publish reliably"
                for info in found
                if info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
            ]
        self._graph_notes = tuple(notes)
        self._pilot.arbiter.see_publishers(publishers, time.monotonic())
        self._show_gains()

    # Topics out

    def _situation(self) -> Situation:
        arbiter = self._pilot.arbiter
        return Situation(
            lifecycle=self._lifecycle,
            charge=arbiter.charge.name.lower(),
            source=arbiter.source,
            handovers=arbiter.handovers,
            held=arbiter.held(time.monotonic()),
            trouble=self._trouble,
            graph=self._graph_notes,
            clock_jumps=self._pilot.stamps.jumps,
        )

    def _host_state(self) -> HostState:
        assert self._host is not None
        return self._host.client.state()

    def _state(self) -> HostState | None:
        return None if self._host is None else self._host_state()

    def _publish_status(self) -> None:
        report = status(self._state(), self._situation())
        if report != self._reported:
            self._reported = report
            self._status.publish(self._message(report))

    def _publish_diagnostics(self) -> None:
        report = diagnostics(self._state(), self._situation(), self._tally, time.monotonic())
        events = ("QoS events", "; ".join(self._qos_events))
        message = _interface(graph.DIAGNOSTICS.type)()
        message.status = [self._message(report._replace(values=(*report.values, events)))]
        self._diagnostics.publish(outgoing.stamped(message, self.get_clock().now().nanoseconds, ""))

    def _message(self, report: Report) -> Any:
        name = self.get_fully_qualified_name().strip("/")
        hardware = f"{self._parameter('arm')} by {self._parameter('driver')} {self._parameter('robot_ip')}".strip()
        key_value = _interface("diagnostic_msgs/msg/KeyValue")
        return outgoing.put_report(_interface(graph.STATUS.type)(), report, name, hardware, key_value)

    def _publish_states(self) -> None:
        if self._trouble:
            return
        state = self._host_state()
        stamp_ns = self._pilot.stamps.ros_ns(state.stamp_s)
        for topic, put, values in outgoing.states_of(state, self._joints):
            if outlet := self._outlets.get(topic.name):
                message = put(_interface(topic.type)(), *values)
                outlet.publish(outgoing.stamped(message, stamp_ns, self._parameter("base_frame")))
        if outlet := self._outlets.get(TF.name):
            outlet.publish(self._transform(state, stamp_ns))

    def _transform(self, state: HostState, stamp_ns: int) -> Any:
        prefix, values = self._parameter("tf_prefix"), state.values[0]
        message = _interface("geometry_msgs/msg/TransformStamped")()
        outgoing.put_transform(message, prefix + graph.TCP, values["p"], outgoing.quat_of(values["R"]))
        outgoing.stamped(message, stamp_ns, prefix + self._parameter("base_frame"))
        return _interface(TF.type)(transforms=[message])


def _interface(type_name: str) -> Any:
    package, _, name = type_name.partition("/msg/")
    return getattr(importlib.import_module(f"{package}.msg"), name)


def _descriptor(setting: settings.Setting) -> Any:
    ranged = setting.size == 0 and np.isfinite(setting.upper)
    bounds = [FloatingPointRange(from_value=setting.lower, to_value=setting.upper)] if ranged else []
    return ParameterDescriptor(description=setting.text, floating_point_range=bounds)


def _same(parameter: Any, value: float | list[float]) -> bool:
    return bool(np.array_equal(np.ravel(parameter), np.ravel(value)))


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
