"""Replay of a recorded motion: the targets of an episode again, at reduced speed, checked before anything moves."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from robot_rl.core.action_layout import GRIPPER
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.core.pose import Pose
from robot_rl.core.records import StepRecord
from robot_rl.core.tasks import PERIOD_S, ArmTask, TaskSpec
from robot_rl.envs.action import finger_target, task_layout
from robot_rl.envs.observation import MOTION_SIZE, STATE, poses_of
from robot_rl.envs.operator_episodes import distance
from robot_rl.hardware.robot import Robot

SPEED_MAX = (0.5, 2.0)  # of the replayed target [m/s, rad/s]
SLACK_M = 0.001


class Waypoint(NamedTuple):
    """One step of a motion: the target, and the pose that the arm had reached with it."""

    T_base_target: Pose
    T_base_tcp: Pose
    finger_m: float | None  # None: as it is


class Deviation(NamedTuple):
    """Largest and mean distance from the recorded poses."""

    steps: int
    largest_m: float
    mean_m: float
    largest_rad: float
    stopped: str
    """Why it ended early; empty at its end."""


def recorded_motion(task: TaskSpec, steps: Sequence[StepRecord]) -> list[Waypoint]:
    """Return the motion of an episode of one arm, from the states that it observed.

    Raises:
        ConfigError: an episode of another task.
    """
    arm, layout, motion, finger_m = task.arm, task_layout(task), [], None
    for step in steps:
        after = step.next_obs
        if after is None:
            following = [other for other in steps if other.step == step.step + 1]
            after = following[0].obs if following else step.obs
        state = np.asarray(after.get(STATE, np.zeros(0)), float)
        if state.size < MOTION_SIZE:
            raise ConfigError(f"episode: got {sorted(after)}, expected the state of one arm; name the task it is of.")
        if arm.gripper is not None:
            kept = arm.gripper.start_m if finger_m is None else finger_m
            finger_m = finger_target(arm.gripper, layout.decode(step.action)[GRIPPER], kept)
        T_base_tcp, T_base_target = poses_of(arm, state)
        motion.append(Waypoint(T_base_target, T_base_tcp, finger_m))
    return motion


def check_motion(arm: ArmTask, motion: Sequence[Waypoint], speed: float) -> None:
    """Check a motion against workspace and speed.

    Raises:
        ConfigError: the first step that violates a bound, and the bound.
    """
    if not 0.0 < speed <= 1.0:
        raise ConfigError(f"speed: got {speed}, expected more than 0 and at most 1; choose a fraction of the recorded.")
    box = arm.workspace
    for number, waypoint in enumerate(motion):
        p = waypoint.T_base_target.p
        if (p < np.array(box.lower_m) - SLACK_M).any() or (p > np.array(box.upper_m) + SLACK_M).any():
            raise ConfigError(
                f"step {number}: got the target {p.round(3).tolist()} m, expected it within {list(box.lower_m)} to "
                f"{list(box.upper_m)}; use the task that it was recorded with."
            )
        last = motion[max(number - 1, 0)].T_base_target
        rates = np.array(distance(waypoint.T_base_target, last)) * speed / PERIOD_S
        if (rates > SPEED_MAX).any():
            raise ConfigError(
                f"step {number}: got {rates[0]:.2f} m/s and {rates[1]:.2f} rad/s, expected at most {SPEED_MAX}; "
                "lower the speed."
            )


def replay_motion(
    robot: Robot, motion: Sequence[Waypoint], speed: float, should_stop: Callable[[], bool]
) -> Deviation:  # fmt: skip
    """Send the motion's targets, interpolated to the reduced speed, from its first pose on; report the deviation."""
    off: list[tuple[float, float]] = []
    stopped, parts = "", max(1, round(1.0 / speed))
    for number, (T_base_target, waypoint) in enumerate(_slowed(motion, parts), 1):
        stopped = "stopped on request" if should_stop() else _follow(robot, T_base_target, waypoint.finger_m)
        if stopped:
            break
        if number % parts == 0:
            off.append(distance(robot.state().T_base_tcp, waypoint.T_base_tcp))
    far = np.array(off or [(0.0, 0.0)])
    return Deviation(len(off), float(far[:, 0].max()), float(far[:, 0].mean()), float(far[:, 1].max()), stopped)


def _slowed(motion: Sequence[Waypoint], parts: int) -> Iterator[tuple[Pose, Waypoint]]:
    """Yield the targets of a motion, `parts` on the way to each waypoint, with that waypoint."""
    last = motion[0].T_base_target
    for waypoint in motion:
        for part in range(1, parts + 1):
            yield last.plus(part / parts * waypoint.T_base_target.minus(last)), waypoint
        last = waypoint.T_base_target


def _follow(robot: Robot, T_base_target: Pose, finger_m: float | None) -> str:
    """Command a target for one period; return the fault, else empty."""
    try:
        robot.command(T_base_target, finger_m)
        return robot.wait(PERIOD_S).fault
    except DeviceLostError as error:
        return str(error)
