"""Recordings that hold tool poses, with the actions that would have made the motion, as episodes of a task.

Each step's goal is the tool pose that followed it, later by the lag of an arm behind its target
(`envs.recovered_actions`). States of ours keep all but the target's lead over the arm, which follows the new actions.
Those of others are made anew: pose and opening as recorded, velocity from the pose before, no force. Frames of another
rate than the control's are brought to its grid: poses between two frames, the nearest image.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose
from robot_rl.core.records import Observation, Source, StepRecord, no_action
from robot_rl.core.tasks import PERIOD_S, TaskSpec
from robot_rl.data.formats import DatasetFormat, Episode
from robot_rl.data.health import RATE_TOLERANCE, paced
from robot_rl.envs.observation import MOTION_SIZE, poses_of, state_name, state_vector, with_lead
from robot_rl.envs.recovered_actions import Recovered, gripper_values, recover_actions
from robot_rl.hardware.cameras import views
from robot_rl.hardware.robot import RobotState
from robot_rl.runtime.acting.pose_entries import PoseEntries

OUTSIDE_M = 0.005
"""Distance from the workspace from which a pose is reported [m]."""


@dataclass
class Motion:
    """Poses and openings of one episode's frames (T + 1), and the steps that they belong to."""

    poses: list[Pose]
    openings: np.ndarray  # (T + 1,) in 0..1
    rows: np.ndarray  # (T + 1,) frame whose images are seen
    step_of: np.ndarray  # step (old T,) in which each recorded step lies
    stamps_ns: np.ndarray  # (T + 1,)


@dataclass
class _Totals:
    steps: int = 0
    clipped: int = 0
    poses: int = 0
    outside: int = 0
    rates_hz: set[float] = field(default_factory=set)
    tasks: set[str] = field(default_factory=set)  # others that the recordings name


class PosedEpisodes:
    """Episodes of a dataset, with actions from their tool poses.

    Args:
        entries: where the poses are; without a position, the states are ours.

    Raises:
        ConfigError: a task of several arms.
    """

    def __init__(self, dataset: DatasetFormat, folder: Path, task: TaskSpec, entries: PoseEntries) -> None:
        self._dataset, self._folder, self._task, self._entries = dataset, folder, task, entries
        if len(task.arms) != 1:
            raise ConfigError(f"task: got {task.name} with {len(task.arms)} arms, expected one; poses are of one arm.")
        ((self._name, self._arm),) = task.arms.items()
        self._totals = _Totals()

    def count(self) -> int:
        """Return the number of episodes."""
        return self._dataset.count(self._folder)

    def read(self) -> Iterator[Episode]:
        """Yield the episodes, oldest first.

        Raises:
            ConfigError: a pose or a camera is missing.
        """
        for episode in self._dataset.read(self._folder):
            steps, meta = episode
            last = steps[-1]
            assert last.next_obs is not None
            frames = [*(step.obs for step in steps), last.next_obs]
            made = self._own(steps, frames) if self._entries.own else self._foreign(steps, frames)
            self._totals.tasks |= {str(meta["task"])} - {self._task.name} if meta.get("task") else set()
            kept = {name: value for name, value in meta.items() if name != "steps"}
            yield Episode(made, kept | {"task": self._task.name, "steps": len(made), "actions": "poses"})

    @property
    def remarks(self) -> list[str]:
        """What a reader should know of the actions, in words; complete once the episodes are read."""
        totals, found = self._totals, []
        share = totals.clipped / max(totals.steps, 1)
        found.append(f"{totals.clipped} of {totals.steps} steps ({share:.1%}) faster than the task's action: clipped")
        if totals.outside:
            found.append(f"{totals.outside} of {totals.poses} poses outside of the task's workspace: the target stops")
        found += [f"{rate:.1f} Hz brought to {1 / PERIOD_S:g} Hz" for rate in sorted(totals.rates_hz)]
        found += [f"recorded for task {name}, taken as {self._task.name}" for name in sorted(totals.tasks)]
        return found if self._entries.own else [*found, "no forces: zero in the observation"]

    def _own(self, steps: Sequence[StepRecord], frames: Sequence[Observation]) -> list[StepRecord]:
        """Return steps of our states with other actions, and the lead of the target that these make."""
        name = state_name(self._name)
        size = MOTION_SIZE + (self._arm.gripper is not None)
        if any(frame.get(name, np.zeros(0)).size < size for frame in frames):
            raise ConfigError(
                f"poses: got {_entries_text(frames[0])}, expected {name}[{size}] of the task {self._task.name}; name "
                "another robot's pose by --poses.position and --poses.rotation."
            )
        poses = [poses_of(self._arm, frame[name])[0] for frame in frames]
        openings = np.array([frame[name][MOTION_SIZE] if size > MOTION_SIZE else 1.0 for frame in frames])
        found = self._recovered(poses, openings)
        states = [
            frame | {name: with_lead(self._arm, frame[name], pose, target)}
            for frame, pose, target in zip(map(dict, frames), poses, found.targets, strict=True)
        ]
        return [
            replace(step, obs=states[row], **_chosen(action), next_obs=states[-1] if step.last else None)
            for row, (step, action) in enumerate(zip(steps, found.actions, strict=True))
        ]

    def _foreign(self, steps: Sequence[StepRecord], frames: Sequence[Observation]) -> list[StepRecord]:
        """Return the steps of another robot's poses, at the control rate, with observations of the task."""
        motion = self._motion(steps, frames)
        found = self._recovered(motion.poses, motion.openings)
        observations = self._observations(motion, found, frames)
        last, count = steps[-1], len(found.actions)
        rewards = np.bincount(motion.step_of, [step.reward for step in steps], count)
        hidden = np.bincount(motion.step_of, [not step.observed for step in steps], count) > 0
        ends = {name: getattr(last, name) for name in ("terminated", "truncated", "success")}
        return [
            StepRecord(
                actor="", run="", sequence=row, episode=last.episode, step=row, obs=observations[row],
                **_chosen(action), reward=float(rewards[row]),
                **(ends if row == count - 1 else dict.fromkeys(ends, False)),
                next_obs=observations[-1] if row == count - 1 else None, policy_version=-1,
                stamp_ns=int(motion.stamps_ns[row]), observed=not hidden[row],
            )
            for row, action in enumerate(found.actions)
        ]  # fmt: skip

    def _motion(self, steps: Sequence[StepRecord], frames: Sequence[Observation]) -> Motion:
        """Return the motion at the control rate."""
        positions, rotations, openings = self._entries.read(frames)
        stamps = np.array([step.stamp_ns for step in steps])
        period_ns = float(np.median(np.diff(stamps))) if len(stamps) > 1 else PERIOD_S * NS_PER_S
        times_s = (np.append(stamps, stamps[-1] + round(period_ns)) - stamps[0]) / NS_PER_S
        grid_s, period_s = times_s, period_ns / NS_PER_S
        if paced(steps) and abs(period_s - PERIOD_S) > RATE_TOLERANCE * PERIOD_S:
            self._totals.rates_hz.add(round(1 / max(period_s, 1e-3), 1))
            grid_s = PERIOD_S * np.arange(max(round(times_s[-1] / PERIOD_S), 1) + 1)
        at_s = np.clip(grid_s, 0.0, times_s[-1])
        made = self._entries.between(times_s, positions, rotations, at_s)
        rows = np.abs(times_s[:, None] - at_s).argmin(axis=0)
        step_of = np.clip(np.searchsorted(grid_s, times_s[:-1] + 1e-6, "right") - 1, 0, len(grid_s) - 2)
        stamps_ns = stamps[0] + np.rint(grid_s * NS_PER_S).astype(np.int64)
        return Motion(made, np.interp(at_s, times_s, openings), rows, step_of, stamps_ns)

    def _recovered(self, poses: Sequence[Pose], openings: np.ndarray) -> Recovered:
        times_s, totals = PERIOD_S * np.arange(len(poses)), self._totals
        positions, rotations = np.array([pose.p for pose in poses]), Rotation.from_matrix([pose.R for pose in poses])
        later_s = np.minimum(times_s[1:] + self._entries.lag_s, times_s[-1])
        goals = self._entries.between(times_s, positions, rotations, later_s)
        found = recover_actions(self._arm, poses, goals, [*gripper_values(openings.tolist())])
        low, high = np.subtract(self._arm.workspace.lower_m, OUTSIDE_M), np.add(self._arm.workspace.upper_m, OUTSIDE_M)
        totals.steps, totals.clipped = totals.steps + len(found.actions), totals.clipped + found.clipped
        totals.poses += len(poses)
        totals.outside += sum(bool((pose.p < low).any() or (pose.p > high).any()) for pose in poses)
        return found

    def _observations(
        self, motion: Motion, found: Recovered, frames: Sequence[Observation]
    ) -> list[dict[str, np.ndarray]]:
        """Return the task's observations (T + 1)."""
        made, twist = [], np.zeros(6)
        open_m = 0.0 if self._arm.gripper is None else self._arm.gripper.open_m
        for row, (pose, target) in enumerate(zip(motion.poses, found.targets, strict=True)):
            twist = pose.minus(motion.poses[row - 1]) / PERIOD_S if row else twist
            state = RobotState(pose, twist, np.zeros(6), float(motion.openings[row]) * open_m, "", 0)
            images = self._images(frames[motion.rows[row]])
            made.append({state_name(self._name): state_vector(self._arm, state, target), **images})
        return made

    def _images(self, frame: Observation) -> dict[str, np.ndarray]:
        """Return the task's view of each of its cameras."""
        named, found = self._entries.camera_names, {}
        for name, camera in self._task.cameras.items():
            image = frame.get(named.get(name, name))
            if image is None or image.ndim != 3:
                raise ConfigError(
                    f"camera {name}: got {_entries_text(frame)}, expected an image of that name; name it by "
                    f"--poses.cameras {name}=THEIRS."
                )
            size = (camera.height, camera.width)
            found[name] = image if image.shape[:2] == size else views.apply(views.View(camera.crop, size), image)
        return found


def _chosen(action: np.ndarray) -> dict[str, Any]:
    """Return the fields of a step whose action was demonstrated."""
    none = no_action(len(action))
    return {"action": action, "policy_action": none, "human_action": action, "source": Source.DEMONSTRATION}


def _entries_text(frame: Observation) -> str:
    """Return names and sizes of an observation."""
    return ", ".join(f"{name}[{' x '.join(map(str, entry.shape))}]" for name, entry in sorted(frame.items()))
