"""The impedance controller on the ROS graph: a lifecycle node that is a bridge to the loop's own process.

The loop never runs on a ROS timer: the node starts `controllers.host`, sends it targets, gains and requests through
shared memory, and publishes what it says. What it decides is in `controllers.bridge`; only this file knows rclpy.

    ros2 run robot_rl impedance_controller --ros-args -p driver:=simulated -p autostart:=true

configure starts the loop and connects the arm; activate seeds the target from the measured pose and ramps the
stiffness up; deactivate lets go of the force, then lets the arm hold itself; cleanup, shutdown and errors end the loop
with the arm holding. SIGINT, SIGTERM, an exception and a dead parent do so before ROS shuts down.
"""

from __future__ import annotations

import ctypes
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
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
    from rclpy.signals import SignalHandlerOptions
    from std_srvs.srv import SetBool, Trigger
except ImportError as error:
    raise ImportError(
        f"rclpy: got '{error}', expected a ROS 2 installation for this Python; "
        "run: source /opt/ros/jazzy/setup.bash, and see docs/ros2.md for the environment."
    ) from error
try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

from controllers import graph
from controllers.arm import Mode, Reason
from controllers.bridge import messages, outgoing, settings
from controllers.bridge.arbitration import Arbiter, Rank
from controllers.bridge.arms import ARMS, WAYS, ArmChoice
from controllers.bridge.course import Course
from controllers.bridge.figures import Report, Situation, diagnostics, status
from controllers.bridge.process import HostFailed, HostProcess
from controllers.bridge.refusal import Kind, Refused, Tally
from controllers.bridge.stamps import Stamps
from controllers.gains import Gains
from controllers.mailbox import HostState, Request
from controllers.presets import NAMES, preset

WATCH_PERIOD_S = 0.05
GRAPH_PERIOD_S = 0.2
LET_GO_S = 0.15  # three time constants of the reference: the force of a goal that lay ahead is gone
ANSWER_LIMIT_S = 0.05
START_ANSWER_LIMIT_S = 0.5
HOMING_LIMIT_S = 20.0
HOME_REACHED = (0.005, 0.05)  # [m, rad]
CLOCK_HOLD_S = 1.0
_PR_SET_PDEATHSIG = 1
_DONE, _NO = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE

ALIAS_TARGET, ALIAS_CURRENT = (topic._replace(name=topic.name.rpartition("/")[2]) for topic in (
    graph.TARGET_POSE, graph.CURRENT_POSE))  # crisp_controllers' names  # fmt: skip


class ImpedanceController(LifecycleNode):  # type: ignore[misc]
    """See the module. Torque only in the lifecycle's state `active`, and there only while enabled."""

    def __init__(self, **options: Any) -> None:
        super().__init__(graph.CONTROLLER, **options)
        self._declare()
        self._stamps = Stamps(lambda: self.get_clock().now().nanoseconds, time.monotonic_ns)
        self._arbiter, self._tally, self._course = Arbiter(), Tally(), Course()
        self._host: HostProcess | None = None
        self._gains: Gains | None = None
        self._lifecycle, self._enabled = "unconfigured", False
        self._trouble, self._reported = "", None
        self._graph_notes: tuple[str, ...] = ()
        self._qos_events: deque[str] = deque(maxlen=8)
        self._held = False
        self._clock_held_until_s = self._homing_until_s = -np.inf
        self._home: tuple[Any, Any] | None = None
        self._in_use: list[tuple[Callable[[Any], Any], Any]] = []
        self._outlets: dict[str, Any] = {}
        self._status, self._diagnostics = self._publisher(graph.STATUS), self._publisher(graph.DIAGNOSTICS)
        self._offer_services()
        self._watching = False  # parameters that the node itself sets need no second look
        self.add_on_set_parameters_callback(self._on_parameters)
        self.create_timer(WATCH_PERIOD_S, self._watch)
        self.create_timer(GRAPH_PERIOD_S, self._watch_graph)
        self.create_timer(1.0, self._publish_diagnostics)

    # Parameters

    def _declare(self) -> None:
        words = {
            "driver": ("simulated", f"the way to the arm: {', '.join(WAYS)}"),
            "arm": ("fer", f"which arm: {', '.join(ARMS)}"),
            "robot_ip": ("", "the arm's address"),
            "urdf": ("", "path of the arm's URDF, for the drivers ur and effort"),
            "urdf_tcp_link": ("tool0", "the URDF's link that is the tool centre point"),
            "preset": ("", f"gains to start from: {', '.join(NAMES)}; empty: the arm's own"),
            "base_frame": (graph.BASE, "frame of all commands and states"),
            "tf_prefix": ("", "before the frames of TF, as in left/"),
            "publish_tf": (True, "base to tcp"),
            "publish_joint_states": (True, "where nobody else does"),
            "publish_rate_hz": (100.0, "of the states, 1 to 500 [Hz]"),
            "loop_cpu": (-1, "core of the loop's process; -1: any"),
            "autostart": (False, "configure and activate at once, without a launch file"),
            "end_with_parent": (True, "stop the arm when the process that started this one ends"),
            "home_pose": ([0.0] * 7, "x y z and quaternion x y z w of ~/home; zeros: where it was first activated"),
        }
        for name, (default, text) in words.items():
            self.declare_parameter(name, default, ParameterDescriptor(description=text, read_only=True))
        self._given = set(self._parameter_overrides)
        start = preset("guarded", ARMS[self._parameter("arm")].posture if self._parameter("arm") in ARMS else [0.0] * 7)
        for name, value in settings.values_of(start).items():
            self.declare_parameter(name, value, _descriptor(settings.SETTINGS[name]))

    def _parameter(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _on_parameters(self, parameters: Sequence[Any]) -> Any:
        """All of a request or nothing: tried on the gains in force, then sent to the loop."""
        changes = {parameter.name: parameter.value for parameter in parameters if parameter.name in settings.SETTINGS}
        if self._watching or not changes:
            return SetParametersResult(successful=True)
        if self._gains is None:
            return SetParametersResult(successful=False, reason="not configured: set it before, or configure the node.")
        try:
            self._send_gains(settings.changed(self._gains, self._with_damping(changes)))
        except (ValueError, TypeError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _with_damping(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Constant damping comes in six parameters and counts when they are complete: add what is set already."""
        names = [name for name, setting in settings.SETTINGS.items() if setting.field == "constant_damping"]
        return {name: self._parameter(name) for name in names if name not in changes} | changes

    def _send_gains(self, gains: Gains) -> None:
        self._gains = gains
        assert self._host is not None
        self._host.client.set_gains(gains)

    def _show_gains(self) -> None:
        """Let the parameters say what is in force: aliases follow their fields and the other way round."""
        if self._gains is None:
            return
        values = settings.values_of(self._gains)
        stale = [
            Parameter(name, value=value)
            for name, value in values.items()
            if settings.SETTINGS[name].field != "constant_damping" and not _same(self._parameter(name), value)
        ]
        if stale:
            self._watching = True
            self.set_parameters(stale)
            self._watching = False

    # Lifecycle

    def on_configure(self, state: Any) -> Any:
        """Start the loop's process, connect the arm, open the topics."""
        try:
            choice = self._choice()
            self._host = HostProcess(
                choice.host_arguments(mailbox := self._mailbox(), self._parameter("loop_cpu")), mailbox,
                len(choice.joint_names),
            )  # fmt: skip
            self._take_first_gains()
        except (ValueError, HostFailed) as error:
            self.get_logger().error(str(error))
            self._end_host()
            return _NO
        self._joints = choice.joint_names
        self._open()
        self._lifecycle, self._trouble = "inactive", ""
        return _DONE

    def _choice(self) -> ArmChoice:
        named = {name: self._parameter(name) for name in ("driver", "arm", "robot_ip", "urdf")}
        return ArmChoice(**named, tcp_frame=self._parameter("urdf_tcp_link"), namespace=self.get_namespace().strip("/"))

    def _mailbox(self) -> str:
        return "-".join(["ros", *filter(None, self.get_namespace().split("/")), str(os.getpid())])

    def _take_first_gains(self) -> None:
        """The arm's own or a preset's, changed by the parameters that were given at the start."""
        assert self._host is not None
        own = self._host.client.gains()
        name = self._parameter("preset")
        if name:
            bounds = {"workspace_lower": own.workspace_lower, "workspace_upper": own.workspace_upper}
            own = preset(name, own.posture, **bounds)
        given = {key: self._parameter(key) for key in settings.SETTINGS if key in self._given}
        self._send_gains(settings.changed(own, given) if given else own)
        self._show_gains()

    def on_activate(self, state: Any) -> Any:
        """Torque from here on; refused by an arm that moves, carries another payload or was stopped by a person."""
        if self._arbiter.estopped or self._trouble:
            self.get_logger().error(f"activation refused: {self._trouble or self._arbiter.held(_now_s())}")
            return _NO
        self._lifecycle = "active"
        ok, text = self._start(START_ANSWER_LIMIT_S)
        if not ok:
            self.get_logger().error(text)
            self._lifecycle = "inactive"
            return _NO
        return super().on_activate(state)

    def on_deactivate(self, state: Any) -> Any:
        """Let go of the force, then let the arm hold itself."""
        self._let_go()
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
        self.finish()
        self._lifecycle = "unconfigured"
        return _DONE

    def finish(self) -> None:
        """The arm first: it holds itself and its loop has ended when this returns. Harmless when nothing runs."""
        self._enabled = False
        self._end_host()
        for destroy, entity in self._in_use:
            destroy(entity)
        self._in_use, self._outlets = [], {}
        self._publish_status()

    def stop_now(self) -> None:
        """Ask the loop to let the arm hold itself; may be called from a signal handler."""
        self._enabled = False
        if self._host is not None:
            self._host.client.ask(Request.DEACTIVATE)

    def _end_host(self) -> None:
        host, self._host, self._gains = self._host, None, None
        if host is not None and not host.end() and not self._trouble:
            self.get_logger().error("the loop did not end by itself; the arm's own watchdog holds the arm")

    def _start(self, patience_s: float) -> tuple[bool, str]:
        """Ask the loop to follow targets from the measured pose; whether it does, and what it said."""
        assert self._host is not None
        client = self._host.client
        self._seed_measured(client.state())
        client.activate()
        end_s = _now_s() + patience_s
        asked_s = client.state().stamp_s
        while (state := client.state()).mode in (Mode.IDLE, Mode.ACTIVATING, Mode.FAULT) and _now_s() < end_s:
            if state.stamp_s > asked_s and Reason.START_MOVING <= state.reason <= Reason.START_PAYLOAD_WRONG:
                break
            time.sleep(0.002)
        self._enabled = state.mode not in (Mode.IDLE, Mode.FAULT)
        if not self._enabled:
            return False, state.text
        self._home = self._home or self._given_home() or (self._course.p.copy(), self._course.quat_xyzw.copy())
        return True, f"{state.mode.name.lower()}: follows targets from the measured pose"

    def _given_home(self) -> tuple[Any, Any] | None:
        pose = np.array(self._parameter("home_pose"), dtype=float)
        norm = np.linalg.norm(pose[3:])
        return (pose[:3], pose[3:] / norm) if pose.size == 7 and norm > 0.5 else None

    def _let_go(self) -> None:
        if self._host is None:
            return
        if self._enabled and not self._trouble:
            self._seed_measured(self._host.client.state())
            self._host.client.send(self._course.stay(_now_s()))
            time.sleep(LET_GO_S)
        self._enabled = False
        self._host.client.ask(Request.DEACTIVATE)

    def _seed_measured(self, state: HostState) -> None:
        values = state.values[0]
        self._course.seed(values["p"], outgoing.quat_of(values["R"]))

    # Topics in

    def _open(self) -> None:
        commands = (
            (graph.TARGET_POSE, Rank.POLICY, self._on_pose),
            (ALIAS_TARGET, Rank.POLICY, self._on_pose),
            (graph.TARGET_TWIST, Rank.POLICY, self._on_twist),
            (graph.HUMAN_POSE, Rank.HUMAN, self._on_pose),
            (graph.HUMAN_TWIST, Rank.HUMAN, self._on_twist),
            (graph.TARGET_WRENCH, Rank.POLICY, self._on_wrench),
            (graph.TARGET_STIFFNESS, Rank.POLICY, self._on_stiffness),
            (graph.TARGET_JOINT, Rank.POLICY, self._on_joint),
        )
        self._commands = [topic for topic, _, _ in commands]
        for topic, rank, take in commands:
            events = SubscriptionEventCallbacks(incompatible_qos=partial(self._on_incompatible, topic.name))
            subscription = self.create_subscription(
                _message_class(topic), topic.name, partial(self._on_command, take, topic.name, rank), _qos(topic),
                event_callbacks=events,
            )  # fmt: skip
            self._in_use.append((self.destroy_subscription, subscription))
        states = (graph.CURRENT_POSE, ALIAS_CURRENT, graph.COMMANDED_POSE, graph.CURRENT_TWIST, graph.TRACKING_ERROR,
                  graph.ESTIMATED_WRENCH, graph.TAU_COMMAND)  # fmt: skip
        wanted = [*states, graph.JOINT_STATES] if self._parameter("publish_joint_states") else states
        for topic in wanted:
            self._outlets[topic.name] = self._publisher(topic, keep=False)
        if self._parameter("publish_tf"):
            self._outlets["/tf"] = self._publisher(
                graph.Topic("/tf", "tf2_msgs/msg/TFMessage", graph.Quality(reliable=True, depth=100)), keep=False
            )
        rate_hz = min(max(self._parameter("publish_rate_hz"), 1.0), 500.0)
        self._in_use.append((self.destroy_timer, self.create_timer(1.0 / rate_hz, self._publish_states)))

    def _publisher(self, topic: graph.Topic, keep: bool = True) -> Any:
        publisher = self.create_publisher(_message_class(topic), topic.name, _qos(topic))
        if not keep:
            self._in_use.append((self.destroy_publisher, publisher))
        return publisher

    def _on_command(self, take: Callable[[str, Rank, Any], None], topic: str, rank: Rank, message: Any) -> None:
        try:
            take(topic, rank, message)
        except Refused as refused:
            if self._tally.note(topic, refused):
                self.get_logger().warning(f"{topic} refused: {refused}")

    def _admit(self, topic: str, rank: Rank, now_s: float) -> Any:
        """The loop's client, for a command that moves the arm. Raises: Refused."""
        self._check_enabled()
        assert self._host is not None
        if self._arbiter.offer(topic, rank, now_s) or self._homing_until_s > now_s:
            values = self._host.client.state().values[0]
            self._course.seed(values["reference_p"], values["reference_quat_xyzw"])
            self._homing_until_s = -np.inf
        return self._host.client

    def _check_enabled(self) -> None:
        if self._host is None or not self._enabled or self._lifecycle != "active":
            raise Refused(Kind.INACTIVE, "the controller follows nothing now; activate the node or call ~/enable.")

    def _on_pose(self, topic: str, rank: Rank, message: Any) -> None:
        p, quat = messages.pose_of(message, self._parameter("base_frame"))
        stamp_s = self._stamps.monotonic_s(messages.stamp_ns(message))
        client = self._admit(topic, rank, _now_s())
        client.send(self._course.take_pose(p, quat, stamp_s))

    def _on_twist(self, topic: str, rank: Rank, message: Any) -> None:
        twist = messages.twist_of(message, self._parameter("base_frame"))
        stamp_s = self._stamps.monotonic_s(messages.stamp_ns(message))
        client = self._admit(topic, rank, _now_s())
        client.send(self._course.take_twist(twist, stamp_s))

    def _on_wrench(self, topic: str, rank: Rank, message: Any) -> None:
        wrench = messages.wrench_of(message, self._parameter("base_frame"))
        stamp_s = self._stamps.monotonic_s(messages.stamp_ns(message))
        self._check_enabled()
        self._arbiter.check(rank, _now_s())
        assert self._gains is not None
        if (np.abs(wrench) > self._gains.wrench_max).any():
            bound = self._gains.wrench_max.tolist()
            raise Refused(Kind.LIMIT, f"wrench: got {wrench.tolist()}, expected at most {bound}; raise wrench_max.")
        self._course.take_wrench(wrench, stamp_s)

    def _on_stiffness(self, topic: str, rank: Rank, message: Any) -> None:
        stiffness = messages.stiffness_of(message)
        self._change({"stiffness": stiffness}, rank)

    def _on_joint(self, topic: str, rank: Rank, message: Any) -> None:
        """The posture that the nullspace is drawn to: the law is Cartesian."""
        posture = messages.posture_of(message, self._joints)
        self._stamps.monotonic_s(messages.stamp_ns(message))
        self._check_enabled()
        self._arbiter.check(rank, _now_s())
        assert self._gains is not None
        self._send_gains(self._gains._replace(posture=posture))

    def _change(self, changes: dict[str, Any], rank: Rank) -> None:
        self._check_enabled()
        self._arbiter.check(rank, _now_s())
        assert self._gains is not None
        try:
            self._send_gains(settings.changed(self._gains, changes))
        except ValueError as error:
            raise Refused(Kind.LIMIT, str(error)) from error

    def _on_incompatible(self, topic: str, event: Any) -> None:
        text = f"{topic}: a publisher offers less than this node asks for (policy {event.last_policy_kind})"
        self._qos_events.append(text)
        self.get_logger().warning(f"{text}; publish reliably")

    # Services

    def _offer_services(self) -> None:
        for name, kind, serve in (
            ("enable", SetBool, self._serve_enable),
            ("hold", SetBool, self._serve_hold),
            ("reset_target", Trigger, self._serve_reset_target),
            ("recover", Trigger, self._serve_recover),
            ("home", Trigger, self._serve_home),
            ("estop", Trigger, self._serve_estop),
        ):
            self.create_service(kind, f"~/{name}", partial(_answer, serve))

    def _serve_enable(self, request: Any) -> tuple[bool, str]:
        if not request.data:
            self._let_go()
            return True, "the arm holds itself"
        if self._lifecycle != "active" or self._host is None:
            return False, f"the node is {self._lifecycle}; activate it first"
        if self._arbiter.estopped or self._trouble:
            return False, self._trouble or self._arbiter.held(_now_s())
        return self._start(ANSWER_LIMIT_S)

    def _serve_hold(self, request: Any) -> tuple[bool, str]:
        self._arbiter.block("hold", "somebody asked for it; call ~/hold with false" if request.data else "")
        return True, "holds the present pose" if request.data else "follows targets again"

    def _serve_reset_target(self, request: Any) -> tuple[bool, str]:
        if not self._enabled or self._host is None:
            return False, "not enabled: there is no target; call ~/enable"
        self._seed_measured(self._host.client.state())
        self._host.client.send(self._course.stay(_now_s()))
        return True, "the target is the measured pose"

    def _serve_recover(self, request: Any) -> tuple[bool, str]:
        """Clear the emergency stop and, after a fault, back off along the last path."""
        was_stopped = self._arbiter.estopped
        self._arbiter.release_estop()
        if self._host is None or self._trouble:
            return not self._trouble, self._trouble or "no loop runs; configure the node"
        if self._host.client.state().mode == Mode.FAULT and not was_stopped:
            self._host.client.ask(Request.RECOVER)
            self._enabled = self._lifecycle == "active"
            return True, "backs off along the last path; see ~/status"
        return True, "the emergency stop is released; call ~/enable" if was_stopped else "nothing to recover from"

    def _serve_home(self, request: Any) -> tuple[bool, str]:
        if not self._enabled or self._home is None:
            return False, "not enabled; call ~/enable"
        held = self._arbiter.held(_now_s())
        if held or self._arbiter.charge > Rank.IDLE:
            return False, held or f"{self._arbiter.source} commands the arm; end it first"
        self._course.seed(*self._home)
        self._homing_until_s = _now_s() + HOMING_LIMIT_S
        return True, "on the way; any command ends it"

    def _serve_estop(self, request: Any) -> tuple[bool, str]:
        self._arbiter.press_estop()
        self.stop_now()
        self._homing_until_s = -np.inf
        self._publish_status()
        return True, "stopped, the arm holds itself; call ~/recover, then ~/enable"

    # Watching

    def _watch(self) -> None:
        now_s = _now_s()
        if jump := self._stamps.jumped():
            self.get_logger().error(f"{jump}; the arm holds")
            self._arbiter.block("clock", jump)
            self._clock_held_until_s = now_s + CLOCK_HOLD_S
        elif now_s > self._clock_held_until_s:
            self._arbiter.block("clock", "")
        self._arbiter.look(now_s)
        self._watch_host(now_s)
        self._keep_still(now_s)
        self._publish_status()

    def _watch_host(self, now_s: float) -> None:
        """A loop that is gone is an error of the node: named, and out of `active` until somebody configures again."""
        trouble = "" if self._host is None else self._host.trouble(self._host.client.state(), now_s)
        if trouble and not self._trouble:
            self.get_logger().fatal(trouble)
            self._trouble, self._enabled = trouble, False
            if self._lifecycle == "active":
                self.trigger_deactivate()
        elif self._host is not None:
            self._trouble = trouble

    def _keep_still(self, now_s: float) -> None:
        """Hold where the arm was when something said so, or go home: the loop wants to hear it again and again."""
        held = bool(self._arbiter.held(now_s))
        started, self._held = held and not self._held, held
        homing = now_s < self._homing_until_s
        if not self._enabled or self._host is None or not (held or homing):
            return
        state = self._host.client.state()
        if started:
            self._seed_measured(state)
        if homing and not held and self._at_goal(state):
            self._homing_until_s = -np.inf
        self._host.client.send(self._course.stay(now_s))

    def _at_goal(self, state: HostState) -> bool:
        values = state.values[0]
        left = outgoing.displacement(values["p"], values["R"], self._course.p, self._course.quat_xyzw)
        return bool(np.linalg.norm(left[:3]) < HOME_REACHED[0] and np.linalg.norm(left[3:]) < HOME_REACHED[1])

    def _watch_graph(self) -> None:
        if self._host is None:
            return
        publishers, notes = {}, []
        for topic in self._commands:
            found = self.get_publishers_info_by_topic(self.resolve_topic_name(topic.name))
            publishers[topic.name] = [f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in found]
            weak = [info for info in found if info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT]
            notes += [f"{topic.name}: {info.node_name} publishes best-effort and is not heard; publish reliably"
                      for info in weak]  # fmt: skip
        self._graph_notes = tuple(notes)
        self._arbiter.see_publishers(publishers, _now_s())
        self._show_gains()

    # Topics out

    def _situation(self) -> Situation:
        arbiter = self._arbiter
        notes = (*self._qos_events, *self._graph_notes) if self._graph_notes else ()
        return Situation(self._lifecycle, arbiter.charge.name.lower(), arbiter.source, arbiter.handovers,
                         arbiter.held(_now_s()), self._trouble, notes, self._stamps.jumps)  # fmt: skip

    def _state(self) -> HostState | None:
        return None if self._host is None else self._host.client.state()

    def _publish_status(self) -> None:
        report = status(self._state(), self._situation())
        if report != self._reported:
            self._reported = report
            self._status.publish(self._message(report))

    def _message(self, report: Report) -> Any:
        pairs = _import("diagnostic_msgs/msg/KeyValue")
        name = self.get_fully_qualified_name().strip("/")
        hardware = f"{self._parameter('arm')} by {self._parameter('driver')} {self._parameter('robot_ip')}".strip()
        return outgoing.put_report(_message_class(graph.STATUS)(), report, name, hardware, pairs)

    def _publish_diagnostics(self) -> None:
        report = diagnostics(self._state(), self._situation(), self._tally, _now_s())
        if self._qos_events:
            report = report._replace(values=(*report.values, ("QoS events", "; ".join(self._qos_events))))
        message = _message_class(graph.DIAGNOSTICS)(status=[self._message(report)])
        self._diagnostics.publish(outgoing.stamped(message, self.get_clock().now().nanoseconds, ""))

    def _publish_states(self) -> None:
        state = self._state()
        if state is None or self._trouble:
            return
        values, quat = state.values[0], outgoing.quat_of(state.values[0]["R"])
        reference = values["reference_p"], values["reference_quat_xyzw"]
        if not np.any(reference[1]):  # before the first activation
            reference = values["p"], quat
        error = outgoing.displacement(values["p"], values["R"], *reference)
        send = partial(self._send, self._stamps.ros_ns(state.stamp_s))
        for topic in (graph.CURRENT_POSE, ALIAS_CURRENT):
            send(topic, outgoing.put_pose, values["p"], quat)
        send(graph.COMMANDED_POSE, outgoing.put_pose, *reference)
        send(graph.CURRENT_TWIST, outgoing.put_twist, values["J"] @ values["dq"])
        send(graph.TRACKING_ERROR, outgoing.put_twist, error)
        send(graph.ESTIMATED_WRENCH, outgoing.put_wrench, values["external_wrench"])
        send(graph.TAU_COMMAND, outgoing.put_joints, self._joints, (), (), values["tau"])
        send(graph.JOINT_STATES, outgoing.put_joints, self._joints, values["q"], values["dq"])
        self._send_transform(self._stamps.ros_ns(state.stamp_s), values["p"], quat)

    def _send(self, stamp_ns: int, topic: graph.Topic, put: Callable[..., Any], *values: Any) -> None:
        outlet = self._outlets.get(topic.name)
        if outlet is not None:
            message = put(_message_class(topic)(), *values)
            outlet.publish(outgoing.stamped(message, stamp_ns, self._parameter("base_frame")))

    def _send_transform(self, stamp_ns: int, p: Any, quat: Any) -> None:
        outlet = self._outlets.get("/tf")
        if outlet is not None:
            prefix = self._parameter("tf_prefix")
            message = _import("geometry_msgs/msg/TransformStamped")()
            outgoing.put_transform(message, prefix + graph.TCP, p, quat)
            outgoing.stamped(message, stamp_ns, prefix + self._parameter("base_frame"))
            outlet.publish(_import("tf2_msgs/msg/TFMessage")(transforms=[message]))


def _now_s() -> float:
    return time.monotonic()


def _import(type_name: str) -> Any:
    package, _, name = type_name.partition("/msg/")
    return getattr(importlib.import_module(f"{package}.msg"), name)


def _message_class(topic: graph.Topic) -> Any:
    return _import(topic.type)


def _qos(topic: graph.Topic) -> Any:
    quality = topic.quality
    return QoSProfile(
        depth=quality.depth,
        reliability=ReliabilityPolicy.RELIABLE if quality.reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if quality.latched else DurabilityPolicy.VOLATILE,
    )


def _descriptor(setting: settings.Setting) -> Any:
    ranged = setting.size == 0 and np.isfinite(setting.upper)
    bounds = [FloatingPointRange(from_value=setting.lower, to_value=setting.upper)] if ranged else []
    return ParameterDescriptor(description=setting.text, floating_point_range=bounds)


def _same(parameter: Any, value: float | list[float]) -> bool:
    return bool(np.array_equal(np.ravel(parameter), np.ravel(value)))


def _answer(serve: Callable[[Any], tuple[bool, str]], request: Any, response: Any) -> Any:
    response.success, response.message = serve(request)
    return response


def _end_with(node: ImpedanceController, ended: list[int]) -> None:
    """Let signals, and the death of the parent, stop the arm at once and then end the node."""

    def end(number: int, frame: Any) -> None:
        node.stop_now()
        ended.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    if node.get_parameter("end_with_parent").value:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until it is told to end; the arm stops first."""
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    node, executor, ended = ImpedanceController(), SingleThreadedExecutor(), []  # type: ignore[var-annotated]
    _end_with(node, ended)
    executor.add_node(node)
    try:
        if node.get_parameter("autostart").value:
            node.trigger_configure()
            node.trigger_activate()
        while not ended and rclpy.ok():
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
