"""Poses recorded by guiding become a task's workspace and start."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.cli.guide import record_poses, write_workspace
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import gripper_down
from robot_rl.tasks import find_task
from robot_rl.tasks.files import read_task, task_template
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from robot_rl.tasks.poses import RecordedPose, read_poses, workspace_changes, workspace_of, write_poses

COORDINATE = st.tuples(st.floats(0.2, 0.8), st.floats(-0.4, 0.4), st.floats(0.0, 0.6))


def recorded(p, yaw=0.0, q=(0.1,) * 7):
    return RecordedPose.of(np.array(q), gripper_down(np.array(p), yaw))


@given(st.lists(COORDINATE, min_size=2, max_size=8), st.floats(0.001, 0.1))
def test_the_box_holds_all_poses_with_its_margin(positions, margin_m):
    poses = {f"p{i}": recorded(p) for i, p in enumerate(positions)}
    box = workspace_of(poses, margin_m)
    for p in positions:
        assert (np.array(p) - box.lower_m >= margin_m - 1e-4).all()
        assert (np.array(box.upper_m) - p >= margin_m - 1e-4).all()


def test_tilt_and_yaw_are_those_of_the_poses():
    box = workspace_of({"a": recorded([0.4, 0.0, 0.2], 0.5), "b": recorded([0.5, 0.1, 0.2], -0.7)})
    assert box.yaw_rad == pytest.approx(0.75, abs=1e-3) and box.tilt_rad == pytest.approx(0.05, abs=1e-3)


def test_one_pose_spans_no_box():
    with pytest.raises(ConfigError, match="two or more"):
        workspace_of({"a": recorded([0.4, 0.0, 0.2])})


def test_poses_return_from_their_file_unchanged(tmp_path):
    poses = {"start": recorded([0.4, 0.0, 0.3], 0.2), "left corner": recorded([0.5, 0.2, 0.1])}
    write_poses(tmp_path / "poses.toml", poses)
    assert read_poses(tmp_path / "poses.toml") == poses


def test_the_pose_named_start_is_the_start_and_the_posture():
    poses = {"a": recorded([0.4, 0.0, 0.2]), "start": recorded([0.5, 0.1, 0.3], q=range(7))}
    changes = workspace_changes(PICK_LIFT, poses)
    assert changes["arm", "start"] == {"position_m": (0.5, 0.1, 0.3)}
    assert changes[("arm",)] == {"posture": tuple(range(7))}


class Hand:
    """An arm that a hand moves on between two samples, and that fails at the third sample if `fails`."""

    def __init__(self, fails=False):
        self.fails, self.samples, self.guided = fails, 0, []

    def guide(self, wanted):
        self.guided.append(wanted)

    def sample(self):
        self.samples += 1
        if self.fails and self.samples == 3:
            raise ConnectionError
        return np.full(7, 0.1 * self.samples), gripper_down(np.array([0.4, 0.1 * self.samples, 0.2]))


def test_recorded_poses_become_a_tasks_workspace_by_the_command(tmp_path):
    task = tmp_path / "usb.toml"
    task.write_text(task_template("usb"))
    lines = list(record_poses(hand := Hand(), ["a\n", "start\n", "c\n", "\n", "never\n"], tmp_path / "poses.toml"))
    assert hand.guided == [True, False] and len(lines) == 5
    list(write_workspace(task, read_poses(tmp_path / "poses.toml"), 0.02))
    arm = read_task(task).arm
    np.testing.assert_allclose(arm.workspace.lower_m, [0.38, 0.08, 0.18], atol=1e-4)
    np.testing.assert_allclose(arm.workspace.upper_m, [0.42, 0.32, 0.22], atol=1e-4)
    assert arm.start.position_m[1] == pytest.approx(0.2) and find_task(str(task)).arm.posture[0] == pytest.approx(0.2)
    assert (tmp_path / "usb.png").stat().st_size > 1000
    assert "# largest tilt from gripper-down" in task.read_text() and read_task(task).arm.gripper is not None


def test_an_arm_is_held_and_its_poses_are_kept_whatever_ends_the_guiding(tmp_path):
    with pytest.raises(ConnectionError):
        list(record_poses(hand := Hand(fails=True), "abc", tmp_path / "poses.toml"))
    assert hand.guided == [True, False] and set(read_poses(tmp_path / "poses.toml")) == {"a", "b"}
