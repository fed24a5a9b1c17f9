"""A person moves the arm under the task's limits; the same command in process and over the graph."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl import build
from robot_rl.cli import main
from robot_rl.cli.teleop import move
from robot_rl.presets import preset
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.teleop.device import DeviceState
from robot_rl.testing import FakeClock
from tests.contracts.listings import listing

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
