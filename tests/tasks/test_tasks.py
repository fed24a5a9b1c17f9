"""Tasks as data: names, files, and shapes that need no environment."""

import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.action_layout import arm_layout
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.schema import ArraySpec
from robot_rl.core.settings import to_json
from robot_rl.core.tasks import (
    ActionScale,
    ArmGains,
    ArmTask,
    GripperRange,
    StartRegion,
    TaskCamera,
    TaskSpec,
    Workspace,
)
from robot_rl.envs.action import task_layout
from robot_rl.envs.observation import observation_schema
from robot_rl.envs.simulated import make_simulated_env
from robot_rl.presets import task_config
from robot_rl.tasks import TASKS, environment_id, find_task
from robot_rl.tasks.files import parse_task, read_task, task_template, toml_of

ARM = ArmTask(Workspace((0.4, -0.1, 0.0), (0.6, 0.1, 0.2)), StartRegion((0.5, 0.0, 0.1)))


def task_toml(task: TaskSpec) -> str:
    """The task's file; a single arm has no name."""
    data = to_json(task)
    if set(data["arms"]) == {""}:
        data["arm"] = data.pop("arms")[""]
    return toml_of(data)


lengths = st.floats(0.001, 1.0)
arms = st.builds(
    lambda stiffness, gripper: replace(ARM, gains=ArmGains(stiffness), gripper=gripper),
    st.floats(1.0, 5000.0),
    st.none() | st.builds(GripperRange, closed_m=st.just(0.0), open_m=lengths),
)
names = st.text("abcxyz-_", min_size=1, max_size=6)
cameras = st.dictionaries(names, st.builds(TaskCamera, st.integers(1, 512), st.integers(1, 512)), max_size=3)
specs = st.builds(
    TaskSpec,
    name=st.text(max_size=12),
    arms=st.one_of(arms.map(lambda arm: {"": arm}), st.dictionaries(names, arms, min_size=1, max_size=2)),
    time_limit_s=lengths,
    cameras=cameras,
    training=st.just({"preset": "small", "agent": {"hidden": [64, 64], "discount": 0.9}}),
    scene=st.none() | st.just("lab.scenes:Scene"),
)


@given(specs)
def test_a_task_survives_toml(task: TaskSpec) -> None:
    assert parse_task(task_toml(task)) == task


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("cameras", [None, (), ("wrist",)])
@pytest.mark.parametrize("privileged", [False, True])
def test_shapes_without_an_environment_are_those_of_the_environment(name, cameras, privileged) -> None:
    task = find_task(name)
    env = make_simulated_env(task, cameras=cameras, privileged=privileged)
    spaces = {key: ArraySpec(box.shape, box.dtype.name) for key, box in env.observation_space.spaces.items()}
    obs, _ = env.reset(seed=0)
    assert observation_schema(task, cameras, privileged) == spaces
    assert {key: ArraySpec(array.shape, array.dtype.name) for key, array in obs.items()} == spaces
    assert env.action_space.shape == (task_layout(task).size,)
    env.close()


def test_several_arms_have_names_in_action_and_observation() -> None:
    task = TaskSpec("two", {"left": ARM, "right": replace(ARM, gripper=GripperRange())}, cameras={})
    assert observation_schema(task) == {
        "left/state": ArraySpec((24,), "float32"), "right/state": ArraySpec((25,), "float32"),
    }  # fmt: skip
    layout = task_layout(task)
    assert layout.robots == ("left", "right") and layout.size == 13
    assert layout.of_robot("left")[1] == arm_layout(None)
    with pytest.raises(ConfigError, match="expected one; choose by name"):
        _ = task.arm


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('name = "x"', "arms: got nothing"),
        (
            'name = "x"\n[arm.start]\nposition_m=[0,0,0]\n[arm.workspace]\nlower=[0,0,0]',
            r"task.toml.arm.workspace key: .*did you mean 'lower_m'",
        ),
        (
            'name = "x"\n[arm.start]\nposition_m = [0.5, 0.0]',
            "arm.workspace: got nothing|arm.start.* expected 3 values",
        ),
        ("name = ", "not TOML"),
    ],
)
def test_wrong_task_file_is_refused_with_the_next_step(text: str, advice: str, tmp_path: Path) -> None:
    (tmp_path / "task.toml").write_text(text)
    with pytest.raises(ConfigError, match=advice):
        read_task(tmp_path / "task.toml")


def test_unknown_task_or_setting_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'pick-lift'"):
        find_task("pick-lft")
    with pytest.raises(ConfigError, match="expected a file"):
        find_task(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="expected a TaskSpec"):
        find_task("math:pi")
    path = tmp_path / "task.toml"
    path.write_text(task_toml(TaskSpec("x", {"": ARM}, training={"agent": {"discnt": 0.9}})))
    with pytest.raises(UnknownNameError, match="did you mean 'discount'"):
        task_config(str(path))


def test_real_task_without_a_scene_is_refused_in_the_simulator() -> None:
    with pytest.raises(ConfigError, match="scene: got none for the task 'x'"):
        make_simulated_env(TaskSpec("x", {"": ARM}))


def test_known_tasks_and_their_shapes_need_no_simulator() -> None:
    away = "import sys; sys.modules['mujoco'] = None; from robot_rl import build; from robot_rl.presets import preset; "
    shapes = "print([build.make_schema(preset(t), None).action.size for t in ('pick-lift', 'peg-insert')])"
    result = subprocess.run([sys.executable, "-c", away + shapes], capture_output=True, text=True, check=False)
    assert result.stdout == "[7, 7]\n", result.stderr


@pytest.mark.slow
def test_gymnasium_makes_an_environment_in_one_call_without_a_screen() -> None:
    program = f"import gymnasium; print(gymnasium.make('robot_rl.envs:{environment_id('pick-lift')}').reset(seed=0)[0]"
    result = subprocess.run(
        [sys.executable, "-c", program + "['wrist'].shape)"], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert result.stdout == "(128, 128, 3)\n", result.stderr


def test_new_task_file_is_a_task_that_names_each_of_its_settings() -> None:
    text = task_template("usb")
    task = parse_task(text)
    assert task.name == "usb" and task.arm.gripper is not None and list(task.cameras) == ["wrist", "side"]
    for kind in (ArmTask, Workspace, StartRegion, ActionScale, GripperRange, ArmGains, TaskCamera, TaskSpec):
        for field in fields(kind):
            assert field.name in text.replace("[arm.", "arms ")
    shown = re.sub(r"^# (?=[a-z_]+ = )(?!scene|expert|crop)", "", text, flags=re.MULTILINE)
    assert parse_task(shown) == task
