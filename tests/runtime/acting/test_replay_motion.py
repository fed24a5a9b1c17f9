"""A recorded motion is replayed by its targets, at reduced speed, or refused before anything moves."""

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose, gripper_down
from robot_rl.core.records import Source, StepRecord
from robot_rl.core.tasks import PERIOD_S
from robot_rl.envs.observation import state_vector
from robot_rl.hardware.robot import RobotState
from robot_rl.runtime.acting.replay_motion import Waypoint, check_motion, recorded_motion, replay_motion
from robot_rl.tasks.pick_lift import TASK

ARM = TASK.arm
CENTRE = ARM.workspace.centre_m


class Arm:
    """Reaches each target at once; faults at the step that is given."""

    def __init__(self, faults_at=None):
        self.T, self.targets, self.faults_at = gripper_down(CENTRE), [], faults_at

    def command(self, T_base_target, finger_m):
        self.T = T_base_target
        self.targets.append(T_base_target)

    def wait(self, period_s):
        assert period_s == PERIOD_S
        return self.state()

    def state(self):
        fault = "pressed" if self.faults_at == len(self.targets) else ""
        return RobotState(self.T, np.zeros(6), np.zeros(6), 0.0, fault, 0)


def path(count=10, step_m=0.005):
    return [gripper_down(CENTRE + np.array([step_m * i, 0.0, 0.0]), 0.01 * i) for i in range(count)]


def motion_of(poses):
    return [Waypoint(pose, pose, None) for pose in poses]


def test_targets_and_poses_of_an_episode_are_those_that_it_observed():
    poses, lead = path(), np.array([0.004, 0.0, -0.003])
    steps = []
    for i, pose in enumerate(poses):
        state = RobotState(pose, np.zeros(6), np.zeros(6), 0.02, "", 0)
        obs = {"state": state_vector(ARM, state, Pose(pose.p + lead, pose.R))}
        last = i == len(poses) - 1
        steps.append(
            StepRecord(
                "a",
                "r",
                i,
                0,
                i,
                obs,
                np.zeros(7, np.float32),
                np.full(7, np.nan),
                np.full(7, np.nan),
                Source.DEMONSTRATION,
                0.0,
                False,
                last,
                False,
                obs if last else None,
                0,
                0,
            )
        )
    motion = recorded_motion(TASK, steps)
    for waypoint, pose in zip(motion, [*poses[1:], poses[-1]], strict=True):
        np.testing.assert_allclose(waypoint.T_base_tcp.p, pose.p, atol=1e-5)
        np.testing.assert_allclose(waypoint.T_base_target.p, pose.p + lead, atol=1e-5)
        np.testing.assert_allclose(waypoint.T_base_tcp.R, pose.R, atol=1e-5)


@pytest.mark.parametrize("speed", [1.0, 0.5, 0.25])
def test_a_slower_replay_passes_the_same_poses_in_smaller_steps(speed):
    arm, motion = Arm(), motion_of(path())
    done = replay_motion(arm, motion, speed, lambda: False)
    assert done.steps == len(motion) and done.largest_m < 1e-9 and done.stopped == ""
    assert len(arm.targets) == len(motion) / speed
    steps = np.linalg.norm(np.diff([target.p for target in arm.targets], axis=0), axis=1)
    assert steps.max() <= 0.005 * speed + 1e-9


def test_a_fault_and_a_request_end_the_replay_at_once():
    assert replay_motion(arm := Arm(faults_at=3), motion_of(path()), 1.0, lambda: False).stopped == "pressed"
    assert len(arm.targets) == 3
    stopping = Arm()
    done = replay_motion(stopping, motion_of(path()), 1.0, lambda: len(stopping.targets) >= 4)
    assert len(stopping.targets) == 4 and done.stopped == "stopped on request"


def test_a_deviation_is_reported():
    motion = [Waypoint(pose, Pose(pose.p + np.array([0.0, 0.003, 0.0]), pose.R), None) for pose in path()]
    assert replay_motion(Arm(), motion, 1.0, lambda: False).largest_m == pytest.approx(0.003)


def test_a_motion_beyond_workspace_or_speed_is_refused_by_its_step():
    outside = motion_of([*path(3), gripper_down(np.array(ARM.workspace.upper_m) + 0.02)])
    with pytest.raises(ConfigError, match="step 3"):
        check_motion(ARM, outside, 0.5)
    fast = motion_of(path(5, step_m=0.06)[:2])
    with pytest.raises(ConfigError, match="lower the speed"):
        check_motion(ARM, fast, 1.0)
    check_motion(ARM, fast, 0.5)
    with pytest.raises(ConfigError, match="at most 1"):
        check_motion(ARM, fast, 1.5)
