"""The last seconds of a rollout are saved on request, as episodes that every command reads, and the rollout goes on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.build_attended import attended
from robot_rl.config import TrainConfig
from robot_rl.core.errors import ConfigError
from robot_rl.core.records import Source
from robot_rl.data.episodes import list_episodes, read_episode
from robot_rl.runtime.acting.actor import run_actor
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.demonstrations import load_demonstrations
from robot_rl.runtime.acting.edits import Edits, edit_folder
from robot_rl.runtime.acting.recent_steps import BUSY, NOTHING, RecentSteps, SavingDevice
from robot_rl.runtime.acting.recordings import Origin, check_recordings
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.teleop.config import HumanConfig
from robot_rl.teleop.device import DeviceState, JudgingDevice
from robot_rl.testing import FakeClock
from tests.runtime.acting.point_world import TIME_LIMIT, LinearPolicy, Person, PointWorld, RecordingLink, TinyEncoder

QUIET, SAVE, STILL = DeviceState(), DeviceState(save=True), LinearPolicy(gain=0.0, noise=0.0)
ORIGIN = Origin("point", {"wrist": "8 x 8", "side": "not seen"})


class Session:
    """An actor whose person presses keys by script; what the person is shown is kept."""

    def __init__(self, folder: Path, states: list[DeviceState], kept: int = 200, **more) -> None:
        self.shown: list[str] = []
        self.link, human = RecordingLink(), SavingDevice(Person([QUIET, *states]))  # one read before the first episode
        human.recent = RecentSteps(folder, ORIGIN, kept, self.shown.append, **more)
        self.rollout = Rollout(
            PointWorld(), STILL, TinyEncoder(), human, clock=FakeClock(), recent=human.recent, keep_frames=True
        )

    def run(self, steps: int) -> None:
        run_actor(self.rollout, ActorConfig(max_env_steps=steps, max_episodes=9, await_weights_s=0.0), self.link)
        self.rollout.human.close()


def test_last_seconds_become_an_episode_with_images_while_the_rollout_goes_on(tmp_path: Path) -> None:
    session = Session(tmp_path, [QUIET] * 12 + [SAVE], kept=8)
    session.run(25)
    assert len(session.link.steps) == 25 and len(session.rollout.recent) == 8
    (path,) = list_episodes(tmp_path)
    steps, meta = read_episode(path)
    np.testing.assert_array_equal(
        [step.obs["state"] for step in steps], [step.obs["state"] for step in session.link.steps[4:12]]
    )
    assert (len(steps), meta["steps"], meta["success"], meta["cameras"]) == (8, 8, False, {"wrist": "8 x 8"})
    assert steps[-1].truncated and steps[-1].next_obs["wrist"].shape == (8, 8, 3)
    assert {step.source for step in steps} == {Source.POLICY}
    (text,) = session.shown
    assert "saved the last 8 steps: 1 episode in" in text


def test_steps_of_several_episodes_become_as_many(tmp_path: Path) -> None:
    session = Session(tmp_path, [QUIET] * (TIME_LIMIT + 10) + [SAVE], kept=20)
    session.run(TIME_LIMIT + 15)
    ends = [read_episode(path)[0] for path in list_episodes(tmp_path)]
    lengths = [len(steps) for steps in ends]
    assert sum(lengths) == 20 and len(lengths) == 2
    assert [step.step for step in ends[1]] == list(range(lengths[1]))


def test_request_between_two_episodes_saves_the_one_that_ended(tmp_path: Path) -> None:
    session = Session(tmp_path, [QUIET] * TIME_LIMIT + [SAVE])
    session.run(TIME_LIMIT + 1)
    assert [len(read_episode(path)[0]) for path in list_episodes(tmp_path)] == [TIME_LIMIT]


def test_without_a_new_step_there_is_nothing_to_save(tmp_path: Path) -> None:
    session = Session(tmp_path, [QUIET] * 3)
    session.rollout.recent.save()
    assert session.shown == [NOTHING] and not list_episodes(tmp_path)
    run_actor(session.rollout, ActorConfig(max_env_steps=3, await_weights_s=0.0))
    for _ in range(2):
        session.rollout.recent.save()
    session.rollout.recent.close()
    assert len(list_episodes(tmp_path)) == 1 and {NOTHING, BUSY} & set(session.shown[1:])


def test_memory_is_bounded_by_bytes_as_well(tmp_path: Path) -> None:
    size = sum(array.nbytes for array in PointWorld().reset(seed=0)[0].values())
    session = Session(tmp_path, [], bytes_max=5 * size)
    session.run(20)
    assert len(session.rollout.recent) == 5


def test_folder_that_takes_nothing_is_said_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    session = Session(tmp_path / "file" / "folder", [QUIET] * 3 + [SAVE])
    session.run(10)
    assert len(session.link.steps) == 10
    (text,) = session.shown
    assert text.startswith("not saved, after 0 episodes: ")


def test_saved_episode_becomes_a_demonstration_once_it_is_called_a_success(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    Session(folder, [QUIET] * 12 + [SAVE]).run(20)
    assert check_recordings([folder], "episodes", Origin("point", {"wrist": "8 x 8"})) == 0
    edit_folder(folder, "episodes", Edits(relabel={0: "success"}))
    steps = list(load_demonstrations(folder, TinyEncoder()))
    assert len(steps) == 12 and steps[-1].success and {step.source for step in steps} == {Source.DEMONSTRATION}


def test_stages_that_were_labelled_are_kept(tmp_path: Path) -> None:
    stage = DeviceState(labels=("stage",))
    session = Session(tmp_path, [*[QUIET] * 5, stage, *[QUIET] * 4, SAVE], reaction_steps=2)
    session.run(15)
    (path,) = list_episodes(tmp_path)
    assert read_episode(path)[1]["stages"] == [3]


def test_settings_attach_the_memory_to_whatever_person_acts(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = replace(TrainConfig(), human=HumanConfig(kind="keyboard", save_s=2.0))
    person = SavingDevice(Person())
    for human in (person, JudgingDevice(person)):
        rollout = attended(Rollout(PointWorld(), STILL, human=human, clock=FakeClock()), config, tmp_path / "run")
        assert rollout.recent is person.recent is not None
    assert attended(Rollout(PointWorld(), STILL), config).recent is None
    off = replace(config, human=HumanConfig(save_s=0.0))
    assert attended(Rollout(PointWorld(), STILL, human=person), off).recent is None
    with pytest.raises(ConfigError, match="save_s"):
        HumanConfig(save_s=-1.0)


def test_each_takeover_is_a_line_on_the_terminal(capsys) -> None:
    held = DeviceState(np.zeros(3, np.float32), engaged=True)
    config = replace(TrainConfig(), human=HumanConfig(kind="spacemouse"))
    human = Person([QUIET, QUIET, held, held, QUIET, QUIET, *[held] * TIME_LIMIT])
    rollout = attended(Rollout(PointWorld(), STILL, human=human, clock=FakeClock()), config)
    run_actor(rollout, ActorConfig(max_episodes=1, await_weights_s=0.0))
    assert capsys.readouterr().out.splitlines() == [
        ":: takeover by spacemouse: 2 steps, 0.2 s; the policy goes on",
        f":: takeover by spacemouse: {TIME_LIMIT - 5} steps, {(TIME_LIMIT - 5) / 10:.1f} s; out of time",
    ]
