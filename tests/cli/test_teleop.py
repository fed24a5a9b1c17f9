"""A person moves the arm under the task's limits; the same command in process and over the graph."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl import build
from robot_rl.cli import main
from robot_rl.cli.teleop import move
from robot_rl.data.episodes import list_episodes, read_episode
from robot_rl.presets import preset
from robot_rl.runtime.acting.recent_steps import RecentSteps, SavingDevice
from robot_rl.runtime.acting.recordings import Origin
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.teleop.device import DeviceState
from robot_rl.testing import FakeClock
from tests.contracts.listings import listing
from tests.runtime.acting.point_world import Person, PointWorld

STILL, SAVE = DeviceState(np.zeros(3, np.float32), engaged=True), DeviceState(save=True)
LABEL = DeviceState(np.zeros(3, np.float32), engaged=True, labels=("success",))

PERSON = '''
import numpy as np
from robot_rl.teleop.device import DeviceState

class Person:
    """Pushes down without end."""
    @classmethod
    def open(cls, context):
        person = cls()
        person.size = context.layout.size
        return person
    def reset(self): ...
    def read(self, proposed=None):
        action = np.zeros(self.size, np.float32)
        action[2] = 1.0
        return DeviceState(action, engaged=True)
    def close(self): ...
'''


@pytest.mark.slow
def test_task_of_a_file_is_moved_in_real_time_by_a_device_of_a_file(tmp_path: Path, capsys) -> None:
    (tmp_path / "person.py").write_text(PERSON)
    (tmp_path / "lift.toml").write_text(listing("gentle_lift.toml"))
    words = ["--device", f"{tmp_path}/person.py:Person", "--seconds", "0.5"]
    assert main(["teleop", str(tmp_path / "lift.toml"), *words]) == 0
    assert "5 steps, 5 by hand, 0 refused" in capsys.readouterr().out


def test_hand_that_pushes_on_stays_within_the_tasks_workspace() -> None:
    config, clock = preset("pick-lift"), FakeClock()
    env = build.make_env(config, cameras=())

    class Pushes:
        def reset(self) -> None: ...

        def read(self, proposed: np.ndarray | None = None) -> DeviceState:
            return DeviceState(np.array([1, 0, 1, 0, 0, 0, 0], np.float32), engaged=True)

        def close(self) -> None: ...

    summary = move(Rollout(env, human=Pushes(), clock=clock), 6.0, lambda: False)
    workspace, p = env.unwrapped.task.arm.workspace, next(iter(env.unwrapped.targets.values())).p
    assert summary.startswith("60 steps, 60 by hand") and clock.now_s() == pytest.approx(6.0)
    assert (p >= np.array(workspace.lower_m) - 1e-9).all() and (p <= np.array(workspace.upper_m) + 1e-9).all()
    env.close()


def test_last_seconds_of_a_motion_are_saved_and_end_at_the_success(tmp_path: Path) -> None:
    person, env, shown = SavingDevice(Person([STILL] * 5 + [LABEL, STILL, SAVE])), PointWorld(), []
    person.recent = RecentSteps(tmp_path, Origin("point"), 100, shown.append)
    move(Rollout(env, human=person, clock=FakeClock(), recent=person.recent), 1.0, lambda: False)
    person.close()
    path, _ = list_episodes(tmp_path)  # the motion after the success is the next one
    steps, meta = read_episode(path)
    assert meta["success"] and steps[-1].terminated and [step.success for step in steps] == [False] * 5 + [True]
    assert steps[0].obs["wrist"].dtype == np.uint8 and "saved the last" in shown[0]
