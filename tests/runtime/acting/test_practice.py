"""Scenes that failed lately come again, by the settings' share, until the policy succeeds there alone."""

from dataclasses import replace

import pytest

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.acting.actor_config import ActorConfig, resumed
from robot_rl.runtime.acting.failed_scenes import FAILED_MAX, FailedScenes, Scene
from robot_rl.runtime.acting.schedule import Schedule
from tests.runtime.acting.actor_runs import act, still
from tests.runtime.acting.point_world import LinearPolicy, MemoryMetrics, PointWorld
from tests.runtime.acting.test_actor_sessions import OperatedWorld


def drawn(schedule: Schedule, episodes: int, *, success: bool, alone: bool = True) -> list[Scene]:
    scenes = []
    for episode in range(episodes):
        scenes.append(scene := schedule.draw())
        schedule.end(scene, episode, success=success, alone=alone)
    return scenes


def episode_lines(ledger: MemoryMetrics) -> list[dict]:
    return [line for line in ledger.lines if line["kind"] == "episode"]


def test_without_a_share_each_scene_is_new_and_the_same_as_before() -> None:
    scenes = drawn(Schedule(ActorConfig(seed=3)), 50, success=False)
    assert len({scene.seed for scene in scenes}) == 50 and not any(scene.line["practice"] for scene in scenes)
    new = [
        s for s in drawn(Schedule(ActorConfig(seed=3, practice_fraction=0.5)), 100, success=False) if not s.failed_in
    ]
    assert [scene.seed for scene in new if scene.failed_in is None][:20] == [scene.seed for scene in scenes[:20]]


def test_share_of_the_episodes_repeats_one_of_the_newest_failures() -> None:
    scenes = drawn(Schedule(ActorConfig(practice_fraction=0.5)), 1000, success=False)
    repeats = [episode for episode, scene in enumerate(scenes) if scene.failed_in is not None]
    assert 450 < len(repeats) < 550
    for episode in repeats:
        failed_in = scenes[episode].failed_in
        assert failed_in is not None and failed_in < episode and scenes[failed_in].seed == scenes[episode].seed
        assert len({scene.seed for scene in scenes[failed_in:episode]}) <= FAILED_MAX + 1


def test_success_of_the_policy_alone_ends_the_practice_and_a_humans_does_not() -> None:
    scenes = FailedScenes([Scene(7, 0), Scene(8, 1)])
    scenes.add(7, 2, success=True, alone=False)
    scenes.add(8, 3, success=True, alone=True)
    scenes.add(9, 4, success=True, alone=False)
    assert scenes.scenes() == (Scene(7, 0),)


def test_nothing_is_repeated_while_nothing_fails() -> None:
    assert not any(
        scene.line["practice"] for scene in drawn(Schedule(ActorConfig(practice_fraction=1.0)), 20, success=True)
    )


def test_persons_late_label_counts() -> None:
    schedule = Schedule(ActorConfig(practice_fraction=1.0))
    (scene,) = drawn(schedule, 1, success=True)
    schedule.label(("failure",))
    assert schedule.draw() == Scene(scene.seed, 0)
    schedule.label(("undo", "stage"))
    assert schedule.draw().failed_in == 0
    schedule.label(("success",))
    assert schedule.draw().failed_in is None


def test_actor_repeats_the_scene_that_failed_bit_for_bit() -> None:
    _, link, _, ledger = act(ActorConfig(max_episodes=3, practice_fraction=1.0), still())
    first, *others = [episode[0].obs["state"].tolist() for episode in link.episodes()]
    assert others == [first, first]
    assert [line["practice"] for line in episode_lines(ledger)] == [False, True, True]


def test_actor_that_comes_back_goes_on_with_what_failed() -> None:
    config = ActorConfig(max_episodes=2, practice_fraction=1.0)
    _, link, _, ledger = act(config, still())
    later = resumed(config, ledger.lines)
    assert [scene.failed_in for scene in later.failed_scenes] == [1]
    _, again, _, _ = act(replace(later, max_episodes=1), still())
    assert again.steps[0].obs["state"].tolist() == link.steps[0].obs["state"].tolist()
    assert resumed(config, [{"kind": "episode", "episode": 0, "env_steps": 3}]).failed_scenes == ()  # an older line


def test_interrupted_episode_is_no_failure() -> None:
    _, _, _, ledger = act(ActorConfig(max_env_steps=5, practice_fraction=1.0), still())
    assert [line.get("scene") for line in episode_lines(ledger)] == [None]


def test_operator_of_a_real_arm_reads_which_scene_is_wanted() -> None:
    shown: list[str] = []

    class Prompted(OperatedWorld):
        def reset(self, **settings):
            shown.append(self.cell.episodes.wanted)
            return PointWorld.reset(self, **settings)

    act(ActorConfig(max_episodes=3, practice_fraction=1.0), still(), env=Prompted(lambda text: ()))
    assert shown == ["", ", as it was in episode 0, which failed", ", as it was in episode 1, which failed"]


def test_policy_that_succeeds_sees_new_scenes_only() -> None:
    _, _, _, ledger = act(ActorConfig(max_episodes=4, practice_fraction=1.0), LinearPolicy())
    assert len({line["scene"] for line in episode_lines(ledger)}) == 4


def test_share_outside_its_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="practice_fraction: got 2"):
        ActorConfig(practice_fraction=2.0)
