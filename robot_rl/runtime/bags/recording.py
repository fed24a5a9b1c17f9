"""What a bag says of one arm: its state, its commanded targets, the verdicts on its episodes, and the bag's faults."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from controllers.ros import from_ros, graph
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import PERIOD_S, TaskSpec
from robot_rl.data.health import RATE_TOLERANCE
from robot_rl.hardware.graph.messages import read_pose
from robot_rl.hardware.robot import RobotState
from robot_rl.runtime.bags.topics import Bag, Series

HUMAN_S = 0.2
"""Time for which a person's target has priority over a policy's [s], as at the controller."""
STATE_AGE_S = 0.1
"""Age of a state beyond which it hides the result of a step [s], as for a run over the graph."""
_VERDICTS = ("success", "failure")


@dataclass(frozen=True)
class Recording:
    """Series of one arm."""

    pose: Series
    twist: Series
    wrench: Series
    finger: Series | None
    target: Series
    """Commanded poses."""
    finger_target: Series | None
    verdicts: list[tuple[int, bool]]
    """Time, and whether it was a success."""
    cameras: Mapping[str, str]
    """Camera of the task -> topic."""
    faults: list[str] = field(default_factory=list)
    in_base: bool = False
    """Whether the wrench is in the base frame, as the controller's estimate."""

    @property
    def states(self) -> list[Series]:
        """The series that every observation needs."""
        return [self.pose, self.twist, self.wrench, *([self.finger] if self.finger else [])]

    def state(self, rows: Mapping[str, int], stamp_ns: int) -> RobotState:
        """Return the state of one index into each of the series, by topic."""
        T_base_tcp: Pose = self.pose.values[rows[self.pose.topic]]
        wrench = self.wrench.values[rows[self.wrench.topic]]
        if self.in_base:
            wrench = np.concatenate([T_base_tcp.R.T @ wrench[:3], T_base_tcp.R.T @ wrench[3:]])
        finger_m = self.finger.values[rows[self.finger.topic]] if self.finger else 0.0
        return RobotState(T_base_tcp, self.twist.values[rows[self.twist.topic]], wrench, finger_m, "", stamp_ns)


def read_recording(bag: Bag, task: TaskSpec, namespace: str = "") -> Recording:
    """Return what a bag says of the arm of a task.

    Raises:
        ConfigError: a task of several arms, or a topic that it needs and that was not recorded.
        CorruptRecordError: a damaged bag.
    """
    if len(task.arms) != 1:
        raise ConfigError(f"task: got {task.name} with {len(task.arms)} arms, expected one; a bag is read for one arm.")
    space, (arm,) = bag.namespace(namespace), task.arms.values()
    named = partial(_named, bag, space)
    force, target = named(graph.WRENCH, graph.ESTIMATED_WRENCH), named(graph.TARGET_POSE, graph.COMMANDED_POSE)
    human, joy, judge = (bag.find(topic, space) for topic in (graph.HUMAN_POSE, graph.HUMAN_INPUT, graph.TASK_STATE))
    pose, twist = named(graph.CURRENT_POSE), named(graph.CURRENT_TWIST)
    readers = {pose: _pose, twist: _twist, force: _wrench, target: _pose, human: _pose, joy: _counts, judge: _outcome}
    finger = finger_target = ""
    if arm.gripper is not None:
        finger, finger_target = named(graph.GRIPPER_STATE), named(graph.GRIPPER_TARGET)
        readers |= {finger: _finger, finger_target: _finger}
    found = bag.read({topic: read for topic, read in readers.items() if topic})
    series = _with_priority(found.get(human), found[target])
    verdicts = sorted([*_rises(found.get(joy)), *_rises(found.get(judge))])
    made = Recording(
        found[pose], found[twist], found[force], found.get(finger), series, found.get(finger_target), verdicts,
        _cameras(bag, task, space), in_base=force == bag.find(graph.ESTIMATED_WRENCH, space),
    )  # fmt: skip
    made.faults.extend(_faults(made, [*found.values()], bag))
    return made


def _named(bag: Bag, namespace: str, *topics: graph.Topic) -> str:
    """Return the name of the first of some topics that was recorded."""
    found = [name for topic in topics if (name := bag.find(topic, namespace))]
    if not found:
        wanted = " or ".join(graph.resolve(topic, namespace) for topic in topics)
        raise ConfigError(
            f"bag: got {', '.join(sorted(bag.types))}, expected {wanted}, too; record all that "
            "launch/record.launch.py does."
        )
    return found[0]


def _pose(message: Any) -> Pose:
    return read_pose(message, message.header.frame_id)


def _twist(message: Any) -> np.ndarray:
    return from_ros.twist_of(message, message.header.frame_id)


def _wrench(message: Any) -> np.ndarray:
    return from_ros.wrench_of(message, message.header.frame_id)


def _finger(message: Any) -> float:
    return float(from_ros.positions_of(message, [graph.FINGER_JOINT])[0])


def _counts(message: Any) -> tuple[int, ...]:
    """Return how often success and failure were pressed."""
    buttons = list(message.buttons) + [0] * len(graph.HUMAN_BUTTONS)
    return tuple(int(buttons[graph.HUMAN_BUTTONS.index(name)]) for name in _VERDICTS)


def _outcome(message: Any) -> tuple[int, ...]:
    """Return whether the simulator's episode is won, and whether it is lost."""
    sections = from_ros.numbers_of(message)
    return tuple(int(sections[name][0]) for name in _VERDICTS)


def _rises(counts: Series | None) -> Iterator[tuple[int, bool]]:
    """Yield the times at which one of two numbers rose, and whether it was the first."""
    if counts is None or not counts.values:
        return
    values = np.array(counts.values)
    for row, column in np.argwhere(np.diff(values, axis=0) > 0):
        yield int(counts.stamps_ns[row + 1]), bool(column == 0)


def _with_priority(human: Series | None, policy: Series) -> Series:
    """Return the targets that the controller followed: a person's before a policy's."""
    if human is None or not human.values:
        return policy
    rows = human.before(policy.stamps_ns)
    ages_ns = policy.stamps_ns - human.stamps_ns[np.maximum(rows, 0)]
    kept = np.flatnonzero((rows < 0) | (ages_ns > HUMAN_S * NS_PER_S))
    stamps = np.concatenate([human.stamps_ns, policy.stamps_ns[kept]])
    values = [*human.values, *(policy.values[row] for row in kept)]
    order = np.argsort(stamps, kind="stable")
    return Series(policy.topic, stamps[order], [values[row] for row in order])


def _cameras(bag: Bag, task: TaskSpec, namespace: str) -> dict[str, str]:
    """Return the topic of each camera of a task, as it is or as JPEG."""
    cameras = {}
    for name in task.cameras:
        choices = [graph.resolve(make(name), namespace) for make in (graph.image_topic, graph.compressed_topic)]
        topic = next((choice for choice in choices if choice in bag.types), "")
        if not topic:
            images = [topic for topic, kind in bag.types.items() if kind.endswith("Image")]
            raise ConfigError(
                f"camera {name}: got images on {', '.join(images) or 'no topic'}, expected {' or '.join(choices)}; "
                "record it, or name the task's cameras as they are recorded."
            )
        cameras[name] = topic
    return cameras


def _faults(recording: Recording, series: list[Series], bag: Bag) -> Iterator[str]:
    """Yield in words what is wrong with the topics."""
    for each in series:
        if each.refused:
            yield f"{each.topic}: {each.refused} messages are refused: wrong numbers, names or encodings"
    for each in [*recording.states, recording.target]:
        if not each.values:
            raise ConfigError(f"bag: got no message on {each.topic} in {bag.path}, expected some; record it again.")
        if each.period_s > (1 + RATE_TOLERANCE) * PERIOD_S:
            yield f"{each.topic}: {1 / each.period_s:.1f} Hz, a step takes {PERIOD_S:g} s; values are repeated"
    for each in recording.states:
        if each.gap_s > STATE_AGE_S + PERIOD_S:
            yield f"{each.topic}: a gap of {each.gap_s:.2f} s; steps in it are hidden"
    if recording.target.topic.endswith(graph.COMMANDED_POSE.name.rpartition("/")[2]):
        yield f"no {graph.TARGET_POSE.name}: actions follow {recording.target.topic}, which the controller smooths"
