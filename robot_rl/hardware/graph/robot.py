"""A `Robot` on the ROS graph, over any wire.

Stale samples, clock jumps and other faults are never used silently: the state names the topic, and no target is sent
while the fault lasts, so that the controller's watchdog holds the arm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from controllers.ros import from_ros, graph
from controllers.ros.ros_time import ClockBridge
from controllers.ros.warning_log import WarningLog
from controllers.ros.wire import Wire
from robot_rl.core import checks
from robot_rl.core.clock import NS_PER_S, Clock, RateKeeper
from robot_rl.core.errors import DeviceLostError
from robot_rl.core.pose import Pose
from robot_rl.hardware.graph.arm_motions import ArmMotions
from robot_rl.hardware.graph.inbox import Inbox
from robot_rl.hardware.graph.messages import ERROR, joints_message, pose_message, read_pose, read_status
from robot_rl.hardware.graph.task_gains import TaskGains
from robot_rl.hardware.graph.timings import GraphTimings, StepMeter
from robot_rl.hardware.graph.waiting import wait_for
from robot_rl.hardware.robot import RobotState

WRENCHES = {"sensor": graph.WRENCH, "estimate": graph.ESTIMATED_WRENCH}
_POLL_S = 0.005
EXPIRED_S = 0.3  # after its last message a target commands no longer: 0.2 s, and the way there
REST_SPEED, REST_LIMIT_S = 0.01, 3.0  # [m/s, rad/s]
CLOCK_JUMP_MAX_S = 0.05  # largest drift between the stamps' clock and the monotonic one between two steps


@dataclass(frozen=True)
class GraphRobotConfig:
    """Settings of a robot on the graph.

    Raises:
        ConfigError: a time that is not positive.
    """

    wrench: Literal["sensor", "estimate"] = "sensor"
    """Source of the wrench: the wrist's sensor (topic `wrench`), or the controller's estimate."""
    age_max_s: float = 0.1
    """Older samples are a fault [s]. Source: one step of a 10 Hz policy."""
    gripper_age_max_s: float = 2.0
    """Older samples of the gripper are a fault [s]: a driver that blocks reads nothing during a motion."""
    start_timeout_s: float = 15.0
    """Longest wait for the first state [s]: discovery takes seconds, and dropping a killed process ten."""
    pause_s: float = 1.0
    """A longer time between two steps is a pause, not a missed step [s]."""
    gripper: bool = True
    """Whether the arm has a gripper on the graph; without one its finger travel is 0."""

    def __post_init__(self) -> None:
        checks.positive(self, "age_max_s", "gripper_age_max_s", "start_timeout_s", "pause_s")


class GraphRobot:
    """See `Robot`. `close` also closes the wire, which its cameras may share.

    Args:
        gains: the task's, which the controller follows before the first target.

    Raises:
        DeviceLostError: from `state`, `wait` and `command`, when the arm never answered.
    """

    def __init__(
        self,
        wire: Wire,
        clock: Clock,
        config: GraphRobotConfig | None = None,
        gains: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self._wire, self._clock, self._config = wire, clock, config or GraphRobotConfig()
        self._problems = WarningLog()
        self._source = ClockBridge(wire.now_ns, clock.now_ns, CLOCK_JUMP_MAX_S)
        self._base = ""
        self._sent: tuple[int, int] | None = None  # stamp and time of a target whose effect has not been observed
        self._inboxes = self._listen()
        self._status = Inbox(wire, graph.STATUS, read_status, clock, self._problems)
        wire.subscribe(graph.COMMANDED_POSE, self._observe)
        topics = (graph.TARGET_POSE, graph.GRIPPER_TARGET)[: 1 + self._config.gripper]
        self._targets = {topic: wire.publisher(topic) for topic in topics}
        self._exclusive = (*(inbox.topic for inbox in self._inboxes), *self._targets)  # topics of one sender each
        self._gains = TaskGains(wire, clock, gains or {}, self._problems)
        self._meter = StepMeter(inbox.topic.name for inbox in self._inboxes)
        self._keeper: RateKeeper | None = None
        self._waited_ns = clock.now_ns()
        self._motions: ArmMotions | None = None  # from its first use on
        self._started = False
        self._seen = ""  # the fault of the last `state`
        self._held_back = ""  # why a target was not sent, until a `wait` reports it

    def _listen(self) -> tuple[Inbox[Any], ...]:
        """Inboxes of pose, twist, wrench and, with a gripper, finger."""
        arguments = (self._clock, self._problems, self._source)
        topic = WRENCHES[self._config.wrench]
        finger = Inbox(self._wire, graph.GRIPPER_STATE, self._read_finger, *arguments) if self._config.gripper else None
        return (
            Inbox(self._wire, graph.CURRENT_POSE, self._read_pose, *arguments),
            Inbox(
                self._wire,
                graph.CURRENT_TWIST,
                lambda message: from_ros.twist_of(message, self._base_of(message)),
                *arguments,
            ),
            Inbox(self._wire, topic, self._read_wrench, *arguments),
            *((finger,) if finger else ()),
        )

    def command(self, T_base_target: Pose, finger_m: float | None) -> None:
        """Publish the target and that of the gripper, if any, unless the state has a fault."""
        self._start()
        fault = self._graph_fault() or self._seen
        if fault:
            self._held_back = fault
            self._meter.withheld += 1
            return
        stamp_ns, finger = self._wire.now_ns(), [graph.FINGER_JOINT]
        self._sent = (stamp_ns, self._clock.now_ns())
        if self._config.gripper and finger_m is not None:
            gripper = joints_message(self._wire, finger, np.array([finger_m]), stamp_ns)
            self._targets[graph.GRIPPER_TARGET].publish(gripper)
        self._targets[graph.TARGET_POSE].publish(pose_message(self._wire, T_base_target, stamp_ns, self._base))

    def wait(self, period_s: float) -> RobotState:
        """Sleep to the next point of the grid and return the state."""
        self._start()
        keeper = self._grid(period_s)
        before = keeper.missed
        late_s = keeper.wait()
        self._waited_ns = self._clock.now_ns()
        ages_s = {inbox.topic.name: inbox.age_s() for inbox in self._inboxes}
        self._meter.add_step(late_s, keeper.missed - before, ages_s)
        fault = self._graph_fault() or self._held_back
        self._seen = self._held_back = ""  # reported
        return self._newest(fault)

    def move_joints(self, q: np.ndarray, speed: float = 0.5) -> None:
        """Move to joint positions (N,) [rad]; see `Robot`."""
        self._start()
        self._rest()
        self._motions = self._motions or ArmMotions(self._wire, self._clock)
        self._motions.move_joints(q, speed)

    def _rest(self) -> None:
        """Wait until the arm has ended its way to the last target: one that moves starts no joint motion."""
        start_ns, waited_s, speed = self._clock.now_ns(), 0.0, np.inf
        while waited_s < EXPIRED_S or (speed > REST_SPEED and waited_s < REST_LIMIT_S):
            self._clock.sleep_until(self._clock.now_ns() + round(_POLL_S * NS_PER_S))
            waited_s = (self._clock.now_ns() - start_ns) / NS_PER_S
            speed = np.abs(self._newest("").twist).max()

    def state(self) -> RobotState:
        """Return the newest samples, with their faults in `fault`."""
        self._start()
        self._seen = self._graph_fault()
        return self._newest(self._seen)

    def close(self) -> None:
        """Stop sending, so that the controller's watchdog holds the arm, and leave the graph."""
        self._wire.close()

    def timings(self) -> GraphTimings:
        """Return the measurements so far."""
        return self._meter.timings()

    def problems(self) -> tuple[str, ...]:
        """Return refused and missing messages, counted; newest last."""
        return self._wire.problems() + self._problems.texts()

    def _newest(self, fault: str) -> RobotState:
        inboxes = self._inboxes
        pose, twist, wrench = inboxes[0].newest, inboxes[1].newest, inboxes[2].newest
        assert pose and twist and wrench  # _start saw them
        finger = inboxes[3].newest if self._config.gripper else None
        status = self._status.newest
        if status and status.value[0] >= ERROR:
            fault = f"{status.value[1] or 'the controller reports an error without a text'} {fault}".rstrip()
        in_hand = self._in_hand(wrench.value, pose.value)
        return RobotState(pose.value, twist.value, in_hand, finger.value if finger else 0.0, fault, pose.stamp_ns)

    def _read_pose(self, message: Any) -> Pose:
        self._observe(message)
        self._base = self._base or message.header.frame_id
        return read_pose(message, self._base)

    def _base_of(self, message: Any) -> str:
        """Return the frame that a message must have: that of the arm's first pose, whatever the arm calls its base."""
        return self._base or str(message.header.frame_id)

    def _read_wrench(self, message: Any) -> np.ndarray:
        hand = graph.in_namespace(graph.HAND, self._wire.namespace)
        return from_ros.wrench_of(message, hand if self._config.wrench == "sensor" else self._base_of(message))

    def _read_finger(self, message: Any) -> float:
        return float(from_ros.positions_of(message, [graph.FINGER_JOINT])[0])

    def _observe(self, message: Any) -> None:
        """The first state stamped after a target closes the loop from action to observation."""
        sent = self._sent
        if sent is not None and from_ros.stamp_ns(message) >= sent[0]:
            self._sent = None
            self._meter.effects.add((self._clock.now_ns() - sent[1]) / NS_PER_S)

    def _start(self) -> None:
        """Wait for the first sample of each topic, and until other senders have left."""
        if self._started:
            return
        if missing := wait_for(lambda: ", ".join(self._missing()), self._clock, self._config.start_timeout_s):
            raise DeviceLostError(
                f"robot on the graph: got {missing} for {self._config.start_timeout_s} s, expected "
                "one controller that sends and listens; is it running on the same ROS_DOMAIN_ID and network?"
            )
        self._source.jump_s()
        self._started = True

    def _missing(self) -> list[str]:
        lacks = [f"no sample on {inbox.topic.name}" for inbox in self._inboxes if inbox.newest is None]
        lacks += [self._gains.missing()] if self._gains.missing() else []
        lacks += [
            f"no listener to {topic.name}" for topic, publisher in self._targets.items() if not publisher.matched()
        ]
        return lacks or [
            f"{len(self._wire.publishers_of(topic))} publishers of {topic.name}"
            for topic in self._exclusive
            if len(self._wire.publishers_of(topic)) != 1
        ]

    def _graph_fault(self) -> str:
        """Return all faults of the connection; empty without any."""
        faults = [self._clock_fault(), self._gains.fault()]
        ages_s = {graph.GRIPPER_STATE: self._config.gripper_age_max_s}
        faults += [inbox.fault(ages_s.get(inbox.topic, self._config.age_max_s)) for inbox in self._inboxes]
        faults += [self._company(topic) for topic in self._exclusive]
        faults += [
            f"{topic.name}: got no listener, expected the controller."
            for topic, publisher in self._targets.items()
            if not publisher.matched()
        ]
        faults = [fault for fault in faults if fault]
        for fault in faults:
            self._problems.note(fault, kind=fault.split(": got")[0])
        return " ".join(faults)

    def _clock_fault(self) -> str:
        jump_s = self._source.jump_s()
        return f"clock: got a jump of {jump_s:.3f} s, expected a steady one; let chrony slew it." if jump_s else ""

    def _company(self, topic: graph.Topic) -> str:
        """Return the fault of a topic with several senders."""
        publishers = len(self._wire.publishers_of(topic))
        return "" if publishers == 1 else f"{topic.name}: got {publishers} publishers, expected 1."

    def _in_hand(self, wrench: np.ndarray, T_base_tcp: Pose) -> np.ndarray:
        """Return the wrench in the hand's frame."""
        if self._config.wrench == "sensor":
            return wrench
        return np.concatenate([T_base_tcp.R.T @ wrench[:3], T_base_tcp.R.T @ wrench[3:]])

    def _grid(self, period_s: float) -> RateKeeper:
        """Return the rate keeper; a new one after a pause."""
        paused = self._clock.now_ns() - self._waited_ns > self._config.pause_s * NS_PER_S
        if self._keeper is None or self._keeper.period_ns != round(period_s * NS_PER_S):
            self._keeper = RateKeeper(1.0 / period_s, self._clock)
        elif paused:
            self._meter.pauses += 1
            self._keeper.restart()
        return self._keeper
