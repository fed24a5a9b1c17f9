"""Recordings of poses alone, ours and another robot's, become episodes of a task with actions."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from robot_rl.cli import main
from robot_rl.core.action_layout import GRIPPER, OPEN
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import GRIPPER_DOWN
from robot_rl.core.records import StepRecord, check_step, no_action
from robot_rl.core.schema import StepSchema
from robot_rl.core.tasks import TaskSpec
from robot_rl.data.formats import Episode, make_format
from robot_rl.envs.action import task_layout
from robot_rl.envs.observation import observation_schema
from robot_rl.runtime.acting.pose_entries import PoseEntries
from robot_rl.runtime.acting.posed_episodes import PosedEpisodes
from robot_rl.tasks import find_task
from tests.data.builders import step_record
from tests.runtime.bags.graph_bag import simulate

TASK = replace(find_task("pick-lift"), cameras={"wrist": find_task("pick-lift").cameras["wrist"]})
ENTRIES = PoseEntries(position=(0, 1, 2), rotation=(3, 4, 5, 6), gripper=7, gripper_open=0.08, cameras=("wrist=hand",))
SPEED_M_PER_S = np.array([0.1, 0.05, -0.02])


class Recordings:
    """A dataset format whose episodes are given."""

    def __init__(self, *episodes: Episode) -> None:
        self.episodes = episodes

    def count(self, folder: Path) -> int:
        return len(self.episodes)

    def read(self, folder: Path):
        yield from self.episodes

    def write(self, folder: Path, episode: Episode) -> None:
        raise NotImplementedError


def foreign(rate_hz: float, seconds: float, speed: np.ndarray = SPEED_M_PER_S) -> Episode:
    """Return another robot's motion at a constant velocity: its gripper closes to half in the middle; no actions."""
    frames, none = round(rate_hz * seconds) + 1, no_action(0)

    def obs(row: int) -> dict[str, np.ndarray]:
        p = np.array(TASK.arm.workspace.centre_m) + speed * (row / rate_hz - seconds / 2)
        quat = Rotation.from_matrix(GRIPPER_DOWN).as_quat()
        opening_m = 0.08 if row < frames // 2 else 0.04
        image = np.full((120, 160, 3), row, np.uint8)
        return {"state": np.array([*p, *quat, opening_m], np.float32), "hand": image}

    arrays = {"action": none, "policy_action": none, "human_action": none, "actor": "", "reward": 0.0}
    steps = [
        step_record(row, step=row, obs=obs(row), stamp_ns=round(1e9 * row / rate_hz), **arrays)
        for row in range(frames - 1)
    ]
    end = {"terminated": True, "success": True, "reward": 1.0, "next_obs": obs(frames - 1)}
    return Episode([*steps[:-1], replace(steps[-1], **end)], {"task": "", "text": "plug"})


def converted(*episodes: Episode, entries: PoseEntries = ENTRIES, task: TaskSpec = TASK):
    made = PosedEpisodes(Recordings(*episodes), Path("unused"), task, entries)
    return list(made.read()), " | ".join(made.remarks)


def actions(steps: list[StepRecord]) -> np.ndarray:
    return np.array([step.action for step in steps])


@pytest.mark.parametrize("rate_hz", [10.0, 30.0, 25.0, 5.0])
def test_a_constant_velocity_becomes_constant_actions_at_the_control_rate(rate_hz: float) -> None:
    ((steps, meta),), text = converted(foreign(rate_hz, 2.0))
    assert len(steps) == 20 and meta["steps"] == 20 and (meta["task"], meta["text"]) == ("pick-lift", "plug")
    expected = GRIPPER_DOWN.T @ SPEED_M_PER_S * 0.1 / TASK.arm.action.step_m  # in the tool's frame
    np.testing.assert_allclose(actions(steps)[1:-2, :3], np.tile(expected, (17, 1)), atol=1e-4)
    np.testing.assert_allclose(actions(steps)[0, :3], 2.5 * expected, atol=1e-4)  # the lead over a lag of 0.15 s
    np.testing.assert_allclose(actions(steps)[:, :3].sum(axis=0), 20 * expected, atol=1e-3)
    np.testing.assert_allclose(actions(steps)[:, 3:6], 0.0, atol=1e-5)
    assert "0 of 20 steps (0.0%)" in text and "no forces" in text
    assert (f"{rate_hz:.1f} Hz brought to 10 Hz" in text) == (rate_hz != 10.0)


def test_the_episode_fits_the_tasks_schema_and_keeps_its_end_and_images() -> None:
    ((steps, _),), _ = converted(foreign(30.0, 2.0))
    schema = StepSchema(observation_schema(TASK), task_layout(TASK), TASK.name)
    for step in steps:
        check_step(step, schema)
    assert [step.last for step in steps] == [False] * 19 + [True]
    assert steps[-1].success and sum(step.reward for step in steps) == 1.0
    assert [int(step.obs["wrist"][0, 0, 0]) for step in steps[:3]] == [0, 3, 6]
    np.testing.assert_allclose(steps[5].obs["state"][6:9] * 0.2, GRIPPER_DOWN.T @ SPEED_M_PER_S, atol=1e-3)
    values = [task_layout(TASK).decode(step.action)[GRIPPER] == OPEN for step in steps]
    assert values == [True] * 9 + [False] * 11


def test_what_is_too_fast_or_outside_of_the_workspace_is_reported() -> None:
    _, text = converted(foreign(10.0, 1.0, np.array([0.4, 0.0, 0.0])))
    assert "10 of 10 steps (100.0%) faster than the task's action" in text and "4 of 11 poses outside" in text


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        (replace(ENTRIES, vector="joints"), r"poses\.vector: got joints"),
        (replace(ENTRIES, gripper=8), "index 8 of state"),
        (replace(ENTRIES, rotation=(7, 7, 7), convention="rotvec", cameras=()), "camera wrist: got hand"),
        (PoseEntries(), "expected state"),
    ],
)
def test_wrong_entries_are_refused_with_what_there_is(entries: PoseEntries, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        converted(foreign(10.0, 1.0), entries=entries)


def test_quaternion_of_zeros_is_refused() -> None:
    entries = replace(ENTRIES, rotation=(5, 5, 5, 5))
    with pytest.raises(ConfigError, match=r"poses\.rotation"):
        converted(foreign(10.0, 1.0), entries=entries)


@pytest.mark.parametrize("convention", ["quat_wxyz", "rotvec", "rpy"])
def test_conventions_say_the_same(convention: str) -> None:
    turned = Rotation.from_euler("xyz", [[0.2, -0.1, 0.4], [0.1, 0.3, -0.2]])
    xyzw = turned.as_quat()
    values = {"quat_wxyz": xyzw[:, [3, 0, 1, 2]], "rotvec": turned.as_rotvec(), "rpy": turned.as_euler("xyz")}
    rows = np.hstack([np.zeros((2, 3)), values[convention]])
    entries = PoseEntries(position=(0, 1, 2), rotation=tuple(range(3, rows.shape[1])), convention=convention)  # type: ignore[arg-type]
    _, found, openings = entries.read([{"state": row} for row in rows])
    np.testing.assert_allclose(found.as_matrix(), turned.as_matrix(), atol=1e-9)
    assert openings.tolist() == [1.0, 1.0]


def test_tool_frame_of_another_robot_is_turned_into_ours() -> None:
    entries = replace(ENTRIES, tool_rpy_rad=(np.pi, 0.0, 0.0))
    _, found, _ = entries.read([{"state": np.array([0, 0, 0, 0, 0, 0, 1, 0.0])}])
    np.testing.assert_allclose(found.as_matrix()[0], GRIPPER_DOWN, atol=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {"position": (0, 1, 2)},
        {"position": (0, 1, 2), "rotation": (3, 4, 5)},
        {"gripper_open": 0.0},
        {"cameras": ("wrist",)},
        {"convention": "euler"},
    ],
)
def test_settings_are_checked(settings) -> None:
    with pytest.raises(ConfigError):
        PoseEntries(**settings)


def test_lerobot_dataset_without_an_action_column_becomes_demonstrations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow")
    import shutil

    import pyarrow.parquet as pq

    source, out = tmp_path / "theirs", tmp_path / "ours"
    steps, meta = foreign(10.0, 1.0)
    full = np.zeros(7, np.float32)
    arrays = {"action": full, "policy_action": full, "human_action": full}
    make_format("lerobot").write(source, Episode([replace(step, **arrays) for step in steps], meta))
    shutil.rmtree(source / "robot_rl")
    info = source / "meta/info.json"
    described = json.loads(info.read_text())
    del described["features"]["action"]
    info.write_text(json.dumps(described))
    rows = source / "data/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(rows).drop_columns(["action"]), rows)

    assert main(["episodes", str(source)]) == 1 and "! no actions" in capsys.readouterr().out
    words = ["export", str(source), "--out", str(out), "--format", "episodes", "--task", "pick-lift"]
    words += ["--actions", "poses", "--poses.position", "0", "1", "2", "--poses.rotation", "3", "4", "5", "6"]
    words += ["--poses.gripper", "7", "--poses.gripper-open", "0.08", "--poses.cameras", "wrist=hand", "side=hand"]
    assert main(words) == 0
    assert "0 of 9 steps (0.0%)" in capsys.readouterr().out
    ((back, meta),) = make_format("episodes").read(out)
    assert (len(back), meta["actions"], back[0].action.shape) == (9, "poses", (7,))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--actions", "poses"], "without --task"),
        (["--poses.gripper", "7"], "without --actions poses"),
    ],
)
def test_flags_that_need_each_other_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    try:
        code = main(["export", str(tmp_path), "--out", str(tmp_path / "new"), *words])
    except SystemExit as end:
        code = int(str(end.code))
    printed = capsys.readouterr()
    assert code == 2 and text in " ".join((printed.out + printed.err).split())


def test_states_of_ours_keep_all_but_the_lead_and_get_actions_along_the_commanded_ones() -> None:
    run, none = simulate("pick-lift", 3, cameras=()), no_action(7)
    arrays = {"action": none, "policy_action": none, "human_action": none}
    steps = [step_record(row, step=row, obs=run.obs[row], **arrays) for row in range(len(run.actions))]
    steps[-1] = replace(steps[-1], terminated=True, success=True, next_obs=run.obs[-1])
    ((back, _),), text = converted(Episode(steps, {"task": "peg"}), entries=PoseEntries())
    assert [step.obs["state"][:18].tobytes() for step in back] == [obs["state"][:18].tobytes() for obs in run.obs[:-1]]
    assert [step.obs["state"][24] for step in back] == [obs["state"][24] for obs in run.obs[:-1]]
    measured, commanded = actions(back), np.array(run.actions)
    assert np.array_equal(measured[:, 6], commanded[:, 6])
    assert np.corrcoef(measured[:, :3].ravel(), commanded[:, :3].ravel())[0, 1] > 0.8
    assert "recorded for task peg, taken as pick-lift" in text and "no forces" not in text
