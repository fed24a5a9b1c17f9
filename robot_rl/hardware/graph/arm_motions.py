"""Joint motions and hand guiding of an arm on the graph, as a client of its controller."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from controllers.ros import from_ros, graph
from controllers.ros.warning_log import WarningLog
from controllers.ros.wire import Wire
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import DeviceLostError
from robot_rl.core.pose import Pose
from robot_rl.hardware.graph.inbox import Inbox
from robot_rl.hardware.graph.messages import joints_message, read_pose, read_status

ANSWER_S, POLL_S = 2.0, 0.01
SILENCE_S = 10.0  # of an arm on a busy computer
ARRIVED_RAD, PROGRESS_RAD = 0.05, 0.005
SENDINGS = 2  # of a joint motion: the reader may meet a writer after the writer met it, and miss the first message
MOVES, GUIDED, FAULT = "JOINT_MOTION", "GUIDING", "FAULT"


class JointSample(NamedTuple):
    """Joint positions with their names, in the model's order."""

    names: tuple[str, ...]
    q: np.ndarray  # (N,) [rad]


class ArmMotions:
    """Client of `~/joint_motion`, `~/guide` and the states beside them."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire, self._clock, problems = wire, clock, WarningLog()
        self._joints = Inbox(wire, graph.TAU_COMMAND, _read_joints, clock, problems)  # joint_states may be others'
        self._pose = Inbox(wire, graph.CURRENT_POSE, lambda message: read_pose(message, graph.BASE), clock, problems)
        self._status = Inbox(wire, graph.STATUS, _read_motion, clock, problems)
        self._wrench = Inbox(
            wire, graph.ESTIMATED_WRENCH, lambda message: from_ros.wrench_of(message, graph.BASE), clock, problems
        )
        self._publisher = wire.publisher(graph.JOINT_MOTION)
        self._guided = False

    def joints(self) -> JointSample:
        """Return the newest joint positions.

        Raises:
            DeviceLostError: the arm does not answer.
        """
        heard = (self._joints, self._status)
        self._wait(
            lambda: all(inbox.newest for inbox in heard) and bool(self._publisher.matched()), SILENCE_S, "answer"
        )
        assert self._joints.newest is not None
        return self._joints.newest.value

    def sample(self) -> tuple[np.ndarray, Pose]:
        """Return joint positions (N,) [rad] and the tool's pose.

        Raises:
            DeviceLostError: the arm does not answer, or the guiding has ended meanwhile.
        """
        if self._guided and self._mode() != GUIDED:
            raise DeviceLostError(
                f"guiding: got an arm that holds ('{self._report()}'), expected one that is guided; a fast push or a "
                "stop ends it. Start again: recorded poses are kept."
            )
        return self.joints().q, self.pose()

    def pose(self) -> Pose:
        """Return the newest pose of the tool.

        Raises:
            DeviceLostError: the arm does not answer.
        """
        self._wait(lambda: self._pose.newest is not None, ANSWER_S, "publish its pose")
        assert self._pose.newest is not None
        return self._pose.newest.value

    def wrench(self) -> np.ndarray:
        """Return the newest estimate of the external wrench (6,) at the tool, in the base frame [N, N m].

        Raises:
            DeviceLostError: the arm does not answer.
        """
        self._wait(lambda: self._wrench.newest is not None, ANSWER_S, "publish its wrench")
        assert self._wrench.newest is not None
        return self._wrench.newest.value

    def move_joints(self, q: np.ndarray, speed: float = 0.5) -> None:
        """Move to joint positions (N,) [rad] at a fraction of the full speed, and wait until the arm is there.

        The controller plans the duration and ends a blocked motion: no limit here but on silence and on standing still.

        Raises:
            DeviceLostError: refused, or it does not arrive; the text says why.
        """
        names = self.joints().names
        if len(names) != len(q):
            raise DeviceLostError(f"joint motion: got {len(q)} positions, expected {len(names)}; one for each joint.")
        for _ in range(SENDINGS):
            message = joints_message(self._wire, names, q, self._wire.now_ns())
            message.velocity = [speed] * len(names)
            self._publisher.publish(message)
            if self._happens(lambda: self._mode() == MOVES or self._arrived(q), ANSWER_S):
                break
        else:
            raise self._failure(ANSWER_S, "start the joint motion")
        self._wait(lambda: self._mode() != MOVES, SILENCE_S, "publish its joints", self._stamp_ns)
        self._happens(lambda: self._arrived(q) or bool(self._end()), SILENCE_S, lambda: -(self._off(q) // PROGRESS_RAD))
        if not self._arrived(q):
            raise DeviceLostError(
                f"joint motion: got an end {self._off(q):.2f} rad off its goal ('{self._end() or self._report()}'), "
                "expected to arrive; clear the cause and start it again."
            )

    def guide(self, wanted: bool) -> None:
        """Let a person guide the arm by hand, or hold it where it is.

        Raises:
            DeviceLostError: refused; the text says why.
        """
        done, text = self._wire.call(graph.GUIDE, SILENCE_S, data=wanted)  # discovery included
        if not done:
            raise DeviceLostError(f"guiding: got a refusal ({text}), expected an enabled arm at rest; clear the cause.")
        if wanted:
            self._wait(lambda: self._mode() == GUIDED, ANSWER_S, "be guided")
        self._guided = wanted

    def _arrived(self, q: np.ndarray) -> bool:
        return self._off(q) < ARRIVED_RAD

    def _off(self, q: np.ndarray) -> float:
        newest = self._joints.newest
        return float("inf") if newest is None else float(np.abs(newest.value.q - q).max())

    def _mode(self) -> str:
        return self._said()[0]

    def _report(self) -> str:
        return self._said()[1]

    def _end(self) -> str:
        """Return why the arm ended its last motion by itself, or its fault; empty otherwise."""
        mode, text, end = self._said()
        return text if mode == FAULT else end

    def _said(self) -> tuple[str, str, str]:
        return ("", "no status", "") if self._status.newest is None else self._status.newest.value

    def _stamp_ns(self) -> int:
        return 0 if self._joints.newest is None else self._joints.newest.stamp_ns

    def _wait(
        self, condition: Callable[[], bool], limit_s: float, what: str, progress: Callable[[], float] = lambda: 0.0
    ) -> None:
        if not self._happens(condition, limit_s, progress):
            raise self._failure(limit_s, what)

    def _failure(self, limit_s: float, what: str) -> DeviceLostError:
        return DeviceLostError(f"arm: got '{self._report()}' after {limit_s:g} s, expected it to {what}; see ~/status.")

    def _happens(
        self, condition: Callable[[], bool], limit_s: float, progress: Callable[[], float] = lambda: 0.0
    ) -> bool:
        """Wait for a condition; give up `limit_s` after the start or after the last rise of `progress`."""
        most, since_ns = progress(), self._clock.now_ns()
        while not (done := condition()) and self._clock.now_ns() - since_ns < limit_s * NS_PER_S:
            self._clock.sleep_until(self._clock.now_ns() + round(POLL_S * NS_PER_S))
            if (value := progress()) > most:
                most, since_ns = value, self._clock.now_ns()
        return done


def _read_joints(message: Any) -> JointSample:
    names = tuple(message.name)
    return JointSample(names, np.array(from_ros.positions_of(message, names)))


def _read_motion(message: Any) -> tuple[str, str, str]:
    values = {entry.key: entry.value for entry in message.values}
    return values.get("mode", ""), read_status(message)[1], values.get("motion", "")
