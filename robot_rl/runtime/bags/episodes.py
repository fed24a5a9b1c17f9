"""Episodes of a bag of raw topics: resampled to the control rate, with actions recovered from the commanded targets.

Where targets came at the control rate, each is one step, at its own stamp; otherwise the steps lie on a grid. An
observation is the newest of each topic at that time. A pause of the targets, or a verdict, ends an episode.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robot_rl.core.action_layout import CLOSE, HOLD, OPEN
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import BadMessageError, ConfigError
from robot_rl.core.records import Source, StepRecord, no_action
from robot_rl.core.tasks import PERIOD_S, TaskCamera, TaskSpec
from robot_rl.data.formats import Episode
from robot_rl.data.health import RATE_TOLERANCE
from robot_rl.data.image_codec import decompress
from robot_rl.envs.observation import state_name, state_vector
from robot_rl.envs.recovered_actions import Recovered, recover_actions
from robot_rl.hardware.cameras import views
from robot_rl.hardware.graph.messages import read_image
from robot_rl.hardware.robot import RobotState
from robot_rl.runtime.bags.recording import STATE_AGE_S, Recording, read_recording
from robot_rl.runtime.bags.topics import Bag

PAUSE_S = 1.0
"""Time without a target that ends an episode [s]."""
IMAGE_AGE_S = views.MAX_AGE_S
"""Age of an image beyond which it hides the result of a step [s]."""
PERIOD_NS = round(PERIOD_S * NS_PER_S)


class Span(NamedTuple):
    """Times of one episode: of its steps, and of the observation that closes it (T + 1) [ns]."""

    times_ns: np.ndarray
    success: bool | None  # None: no verdict
    left_out: int  # steps between the verdict and the next pause


class BagEpisodes:
    """Episodes of a bag.

    Args:
        path: MCAP file, or the folder of one bag.
        namespace: of the arm, where the bag has several.

    Raises:
        ConfigError: topics are missing.
        CorruptRecordError: damaged.
    """

    def __init__(self, path: Path, task: TaskSpec, namespace: str = "") -> None:
        self._bag, self._task = Bag(path), task
        ((self._name, self._arm),) = list(task.arms.items())[:1]
        self._recording = read_recording(self._bag, task, namespace)
        self._spans = [*_spans(self._recording)]
        self.remarks = list(self._recording.faults)
        """What is wrong with the bag, in words; complete once the episodes are read."""

    def count(self) -> int:
        """Return the number of episodes."""
        return len(self._spans)

    def read(self) -> Iterator[Episode]:
        """Yield the episodes, oldest first."""
        judged = any(span.success is not None for span in self._spans)
        if self._spans and not judged:
            self.remarks.append("no verdict in the bag: every episode counts as a success; see --relabel")
        for number, span in enumerate(self._spans):
            if span.left_out:
                self.remarks.append(f"episode {number}: {span.left_out} steps after the verdict are left out")
            success = (not judged) if span.success is None else span.success
            yield self._episode(number, span, success, span.success is False)

    def _episode(self, number: int, span: Span, success: bool, failure: bool) -> Episode:
        images, stamps = self._images(span.times_ns)
        states, (targets, actions, clipped) = self._motion(span.times_ns)
        stale = self._stale(span.times_ns, stamps)
        count = len(actions)
        for found, what in (
            (clipped, "steps faster than the task's action: clipped"),
            (stale[1:].sum(), "steps hidden"),
        ):
            if found:
                self.remarks.append(f"episode {number}: {found} of {count} {what}")
        obs = [
            {state_name(self._name): state_vector(self._arm, state, target)}
            | {camera: found[row] for camera, found in images.items()}
            for row, (state, target) in enumerate(zip(states, targets, strict=True))
        ]
        last, none = count - 1, no_action(len(actions[0]))
        steps = [
            StepRecord(
                actor="", run="", sequence=row, episode=number, step=row, obs=obs[row], action=action,
                policy_action=none, human_action=action, source=Source.DEMONSTRATION,
                reward=float(success and row == last), terminated=row == last and (success or failure),
                truncated=row == last and not (success or failure), success=success and row == last,
                next_obs=obs[-1] if row == last else None, policy_version=-1, stamp_ns=int(span.times_ns[row]),
                observed=not (stale[row] or stale[row + 1]),
            )
            for row, action in enumerate(actions)
        ]  # fmt: skip
        meta = {"task": self._task.name, "steps": count, "reward": float(success), "success": success}
        return Episode(steps, meta | {"bag": str(self._bag.path)})

    def _motion(self, times_ns: np.ndarray) -> tuple[list[RobotState], Recovered]:
        """Return the states (T + 1), and the actions towards what was commanded."""
        recording, arm = self._recording, self._arm
        rows = {series.topic: series.before(times_ns) for series in recording.states}
        states = [
            recording.state({topic: int(found[row]) for topic, found in rows.items()}, int(stamp))
            for row, stamp in enumerate(times_ns)
        ]
        goals = [recording.target.values[row] for row in recording.target.before(times_ns[1:] - 1)]
        grippers = [self._gripper(int(end_ns)) for end_ns in times_ns[1:]]
        return states, recover_actions(arm, [state.T_base_tcp for state in states], goals, grippers)

    def _gripper(self, end_ns: int) -> str:
        """Return the gripper's value that is commanded before a time."""
        series, gripper = self._recording.finger_target, self._arm.gripper
        if series is None or gripper is None or (row := int(series.before(np.array([end_ns - 1]))[0])) < 0:
            return HOLD
        return OPEN if series.values[row] > (gripper.open_m + gripper.closed_m) / 2 else CLOSE

    def _images(self, times_ns: np.ndarray) -> tuple[dict[str, list[np.ndarray]], dict[str, np.ndarray]]:
        """Return the image of each camera at each time (T + 1), and their stamps; images are read one by one."""
        topics = {topic: name for name, topic in self._recording.cameras.items()}
        images: dict[str, list[np.ndarray]] = {name: [] for name in topics.values()}
        stamps: dict[str, list[int]] = {name: [] for name in topics.values()}
        newest: dict[str, tuple[int, Any]] = {}

        def fill(name: str, until_ns: float) -> None:
            """Take the newest image of a camera for all times before the next one."""
            start, end = len(images[name]), int(np.searchsorted(times_ns, until_ns, "left"))
            if name in newest and end > start:
                stamp_ns, content = newest[name]
                images[name] += [_image(content, self._task.cameras[name])] * (end - start)
                stamps[name] += [stamp_ns] * (end - start)

        for topic, stamp_ns, log_ns, content in self._bag.messages(topics):
            name, at_ns = topics[topic], log_ns if stamp_ns is None else stamp_ns
            fill(name, at_ns)
            if not (name in newest and at_ns < newest[name][0]) and at_ns <= times_ns[-1]:
                newest[name] = (at_ns, content)
        for name in images:
            fill(name, np.inf)
            if len(images[name]) < len(times_ns):
                raise ConfigError(
                    f"camera {name}: got its first image after the start of an episode, expected one before; record "
                    "the cameras first."
                )
        return images, {name: np.array(found) for name, found in stamps.items()}

    def _stale(self, times_ns: np.ndarray, images_ns: dict[str, np.ndarray]) -> np.ndarray:
        """Return which observations (T + 1,) have a part that is too old."""
        stale = np.zeros(len(times_ns), bool)
        for series in self._recording.states:
            stale |= times_ns - series.stamps_ns[series.before(times_ns)] > STATE_AGE_S * NS_PER_S
        for stamps_ns in images_ns.values():
            stale |= times_ns - stamps_ns > IMAGE_AGE_S * NS_PER_S
        return stale


def _spans(recording: Recording) -> Iterator[Span]:
    """Yield the times of each episode of at least two steps."""
    stamps = recording.target.stamps_ns
    stamps = stamps[stamps >= max(series.stamps_ns[0] for series in recording.states)]
    aligned = abs(recording.target.period_s - PERIOD_S) <= RATE_TOLERANCE * PERIOD_S
    for part in np.split(stamps, np.flatnonzero(np.diff(stamps) > PAUSE_S * NS_PER_S) + 1):
        if not len(part):
            continue
        grid = part if aligned else np.arange(part[0], part[-1] + 1, PERIOD_NS)
        times = np.append(grid, grid[-1] + PERIOD_NS)
        verdict = next((each for each in recording.verdicts if times[0] < each[0] <= times[-1] + PERIOD_NS), None)
        end = len(times) if verdict is None else int(np.searchsorted(times, verdict[0], "left")) + 1
        kept = times[:end]
        if len(kept) > 2:
            yield Span(kept, None if verdict is None else verdict[1], len(times) - len(kept))


def _image(message: Any, camera: TaskCamera) -> np.ndarray:
    """Return the task's view (H, W, 3) uint8 of an image message; one that has its size already is taken as it is."""
    image = decompress(np.asarray(message.data)) if hasattr(message, "format") else read_image(message)
    size = (camera.height, camera.width)
    if image.shape[:2] == size:
        return np.ascontiguousarray(image)
    try:
        return views.apply(views.View(camera.crop, size), image)
    except ConfigError as error:
        raise BadMessageError(f"image: got {image.shape[1]} x {image.shape[0]} pixels; {error}") from error
