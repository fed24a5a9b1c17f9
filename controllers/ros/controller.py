"""Controller on the graph: commands, services, states, status and diagnostics of one arm, over any wire.

A real arm's lifecycle node and the served simulation run this same code with different control processes. `poll` does
the due work and is called at least as often as the states are published.
"""

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

from controllers.drivers.grippers.contract import Gripper, GripperSpec
from controllers.host.mailbox import HostState
from controllers.law.gains import Gains
from controllers.ros import graph
from controllers.ros.command_handler import CommandHandler
from controllers.ros.commands import Commands
from controllers.ros.diagnostics import NodeStatus, diagnostics, status
from controllers.ros.diagnostics_publisher import Reports
from controllers.ros.frames import Frames
from controllers.ros.gripper import GripperTopics
from controllers.ros.loop import Loop
from controllers.ros.loop_process import HostProcess
from controllers.ros.ros_time import Stamps
from controllers.ros.state_publisher import States
from controllers.ros.stop_reports import StopReports
from controllers.ros.stops import REPORT_PERIOD_S, WATCH_PERIOD_S
from controllers.ros.target_generator import Pose
from controllers.ros.wire import Answer, Wire
from controllers.ros.workspace import box_text
from controllers.ros.wrench_bias import WrenchBias

LOOP = "~/loop"  # source of the stop of a loop that hangs
GRAPH_PERIOD_S = 0.2
DIAGNOSTICS_PERIOD_S = 1.0
BUSY_PATIENCE_S = 10.0  # of an activation, in which the arm may clear its stop
NS_PER_S = 1_000_000_000


class Schedule:
    """Calls functions at their periods when `run` is called; after a gap each is called once."""

    def __init__(self) -> None:
        self._jobs: list[tuple[float, Callable[[], None]]] = []
        self._due_s: list[float] = []

    def every(self, period_s: float, job: Callable[[], None]) -> None:
        """Add a periodic function."""
        self._jobs.append((period_s, job))
        self._due_s.append(math.nan)  # from the first run on

    def run(self, now_s: float) -> None:
        """Call the due functions."""
        for i, (period_s, job) in enumerate(self._jobs):
            if not now_s < self._due_s[i]:
                start_s = now_s if math.isnan(self._due_s[i]) else self._due_s[i]
                self._due_s[i] = max(start_s + period_s, now_s + 0.5 * period_s)
                job()


class Controller:
    """Controller of one arm on the graph, for the node's lifetime; control processes are attached and detached.

    Args:
        wire: for status, diagnostics and services, which live as long.
        name: full name of the node, for the reports.
        hardware: description of the arm.
        log: a logger of rclpy or of the standard library.
        monotonic_ns: the clock of `now_s` and of the control process's stamps.
        sleep: waits on that clock, where an answer waits for the arm.
        topics: those beside its own; see `controllers.ros.topics`.
    """

    def __init__(
        self,
        wire: Wire,
        name: str,
        hardware: str,
        log: Any,
        monotonic_ns: Callable[[], int],
        sleep: Callable[[float], None],
        topics: Sequence[Any] = (),
    ) -> None:
        self._wire, self._log, self._monotonic_ns = wire, log, monotonic_ns
        self.handler = CommandHandler(Stamps(wire.now_ns, monotonic_ns), self.now_s, self._wait)
        self._stop_reports = StopReports(self.handler.arbiter.stops, self.now_s)
        self.commands = Commands(self.handler, log, [each for each in topics if hasattr(each, "take")])
        self._more = [each for each in topics if hasattr(each, "fill")]
        self.lifecycle, self.trouble, self._still = "unconfigured", "", ""
        self._loop: Loop | None = None
        self._open: Wire | None = None  # lifetime of the control process
        self._states: States | None = None
        self.fingers: GripperTopics | None = None
        self._shown: Gains | None = None
        self.handler.arbiter.stops.own_name = name.strip("/")
        self._reports = Reports(wire, name, hardware)
        self._bias, self._sleep = WrenchBias(), sleep
        self._schedule = Schedule()
        self._schedule.every(WATCH_PERIOD_S, self._watch)
        self._schedule.every(REPORT_PERIOD_S, self._report_stop)
        self._schedule.every(GRAPH_PERIOD_S, self._watch_graph)
        self._schedule.every(DIAGNOSTICS_PERIOD_S, self._publish_diagnostics)
        self._serve()

    def now_s(self) -> float:
        """Time on the clock of the control process' stamps [s]."""
        return self._monotonic_ns() / NS_PER_S

    # Control processes

    def attach(
        self,
        wire: Wire,
        loop: Loop,
        gains: Gains,
        joints: Sequence[str],
        frames: Frames | None = None,
        home: Pose | None = None,
        left_out: Collection[graph.Topic] = (),
    ) -> None:
        """Attach a control process, and open its topics on `wire`, which `detach` closes."""
        self._loop, self._open, self.lifecycle, self.trouble = loop, wire, "inactive", ""
        frames = frames or Frames()
        self.handler.attach(loop, gains, joints, frames.base, home)
        self.commands.open(wire)
        self._states = States(wire, loop.state(), joints, frames, left_out, self._more)

    def attach_gripper(self, gripper: Gripper, spec: GripperSpec) -> None:
        """Attach the arm's gripper, and open its topics; `detach` closes both."""
        handler = self.handler
        assert self._open is not None
        self.fingers = GripperTopics(
            self._open, gripper, spec, handler.stamps, self._log, lambda: handler.arbiter.estopped
        )

    def detach(self, lifecycle: str = "unconfigured") -> None:
        """Detach a control process that has ended or is about to, and the gripper."""
        self.leave()
        opened, self._open = self._open, None
        fingers, self.fingers = self.fingers, None
        self._loop, self._states, self._shown, self.lifecycle = None, None, None, lifecycle
        self.handler.detach()
        self.commands.close()
        if opened is not None and opened is not self._wire:
            opened.close()
        if fingers is not None:
            fingers.gripper.close()
        self.publish_status()

    def leave(self) -> None:
        """Report to the other controllers that this one ends in good order."""
        self._stop_reports.publish(self._open, self.trouble, leaves=True)

    def activate(self) -> Answer:
        """Track targets from the measured pose, unless the arm refuses."""
        answer = (False, self.trouble) if self.trouble else self.handler.start(BUSY_PATIENCE_S)
        if answer[0]:
            self.lifecycle = "active"
        return answer

    def deactivate(self) -> None:
        """Ramp the force down, then let the arm hold itself."""
        self.handler.let_go()
        self.lifecycle = "inactive"

    def watch_loop(self, host: HostProcess) -> bool:
        """Report the trouble of the loop's process, and latch the stop of one that hangs; return whether it is new."""
        known, self.trouble = self.trouble, host.trouble(host.client.state(), self.now_s())
        if not self.trouble or known:
            return False
        self._log.error(f"{self.trouble}\n{host.errors()}".strip())
        if not host.ended:  # an ended one has to be configured again anyway
            self.handler.arbiter.stops.press(LOOP, self.trouble)
        self.handler.stop_now()
        self.publish_status()
        return True

    # Periodic

    def poll(self) -> None:
        """Do the due work."""
        self._schedule.run(self.now_s())

    def publish_states(self) -> None:
        """Publish the arm's state at one instant, and the gripper's."""
        if self.fingers is not None:
            self.fingers.publish()
        if self._states is not None and self._loop is not None and not self.trouble:
            state = self._loop.state()
            if not math.isfinite(state.stamp_s):  # the driver was just cleared: the next state has its stamp
                return
            self._states.publish(self._bias.removed(state), self.handler.stamps.ros_ns(state.stamp_s))

    def _watch(self) -> None:
        if jump := self.handler.watch():
            self._log.error(f"{jump}; the arm holds")
        still, self._still = self._still, self.handler.stamps.still()
        if self._still and not still:
            self._log.warning(self._still)
        if self.fingers is not None:
            self.fingers.watch()
        self.publish_status()

    def _report_stop(self) -> None:
        self._stop_reports.publish(self._open, self.trouble)

    def _wait(self, duration_s: float) -> None:
        self._stop_reports.wait(duration_s, self._sleep, self._report_stop)

    def _watch_graph(self) -> None:
        if self._open is None:
            return
        self.commands.watch_publishers(self.now_s())
        gains = self.handler.gains
        if self._states is not None and gains is not None and gains is not self._shown:
            self._shown = gains
            self._states.publish_gains(gains)

    # Services

    def _serve(self) -> None:
        handler = self.handler
        self._offer(graph.ENABLE, self._enable)
        self._offer(graph.HOLD, lambda request: handler.hold(request.data))
        self._offer(graph.RESET_TARGET, lambda request: handler.reset_target())
        self._offer(graph.RECOVER, self._recover)
        self._offer(graph.HOME_POSE, lambda request: handler.go_home())
        self._offer(graph.GUIDE, self._guide)
        self._offer(graph.ZERO_WRENCH, lambda request: self._zero_wrench())
        self._offer(graph.ESTOP, lambda request: handler.estop())
        self._offer(graph.DUMP, lambda request: self._dump())

    def _dump(self) -> Answer:
        dump = getattr(self._loop, "dump", None)
        if dump is None:
            return False, "no black box: no control process of its own runs"
        dump()
        return True, "the last minute is being written; the log names the file"

    def _offer(self, service: graph.Service, answer: Callable[[Any], Answer]) -> None:
        def answered(request: Any) -> Answer:
            done = answer(request)
            self.publish_status()
            return done

        self._wire.serve(service, answered)

    def _enable(self, request: Any) -> Answer:
        if not request.data:
            return self.handler.let_go()
        if self.lifecycle != "active" or self.trouble:
            return False, self.trouble or f"the node is {self.lifecycle}; activate it first"
        return self.handler.start()

    def _guide(self, request: Any) -> Answer:
        motions = self.handler.motions
        if self._loop is None or (request.data and not self.handler.enabled):
            return False, "not enabled; call ~/enable"
        return motions.guide(self._loop, len(self.handler.joints)) if request.data else motions.release(self._loop)

    def _zero_wrench(self) -> Answer:
        if self._loop is None:
            return False, "no loop runs; configure the node"
        return self._bias.zero(self._loop.state, self._wait)

    def _recover(self, request: Any) -> Answer:
        if self.trouble:
            return False, f"{self.trouble}; configure the node again"
        if self.fingers is not None and not self.handler.arbiter.estopped:
            self.fingers.gripper.clear()  # of a fault that it latches
        return self.handler.recover(may_move=self.lifecycle == "active")

    # Reports

    def publish_status(self) -> None:
        """Publish the status if it has changed."""
        self._reports.publish_status(status(self._state(), self._node_status()))

    def _publish_diagnostics(self) -> None:
        report = diagnostics(self._state(), self._node_status(), self.commands.rejections, self.now_s())
        noticed = ("graph events", "; ".join(() if self._open is None else self._open.problems()))
        values = (*report.values, noticed, ("workspace [m]", box_text(self.handler.gains)))
        self._reports.publish_diagnostics(report._replace(values=values))

    def _state(self) -> HostState | None:
        return None if self._loop is None else self._loop.state()

    def _node_status(self) -> NodeStatus:
        arbiter = self.handler.arbiter
        return NodeStatus(
            lifecycle=self.lifecycle,
            charge=arbiter.charge.name.lower(),
            source=arbiter.source,
            handovers=arbiter.handovers,
            held=arbiter.held(self.now_s()),
            trouble=self.trouble,
            graph=(*self.commands.unheard, *filter(None, [self.handler.warning(), self._still])),
            clock_jumps=self.handler.stamps.jumps,
            gripper=None if self.fingers is None else self.fingers.gripper.state(),
            stopped_by=tuple(arbiter.stops.latched),
        )
