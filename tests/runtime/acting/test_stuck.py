"""An arm without progress retreats, lets the policy try again, and requests help; a retreat is not the policy's."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from robot_rl.agents.config import AgentConfig
from robot_rl.config import TrainConfig
from robot_rl.core.errors import ConfigError
from robot_rl.core.records import Source
from robot_rl.core.schema import StepSchema
from robot_rl.data.replay import Replay
from robot_rl.envs.simulated import make_simulated_env
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.observation import step_schema
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.stepper import Stepper
from robot_rl.runtime.acting.stuck import Place, StuckConfig, StuckWatch, Tool, without_progress
from robot_rl.runtime.acting.stuck_arms import watched
from robot_rl.tasks import find_task
from robot_rl.teleop.arbiter import ControlAuthority
from tests.runtime.acting.actor_runs import HELD, QUIET, act
from tests.runtime.acting.point_world import STRIDE, TIME_LIMIT, LinearPolicy, Person, PointWorld

SMALL = StuckConfig(retreats=2, after_s=0.5, still_m=0.02, distance_m=0.4)


class Walled(PointWorld):
    """The point starts in the middle and runs into a wall at x = 0.5; the goal is behind it."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.point, self.goal = np.zeros(2), np.array([0.9, 0.0])
        return self._observe(), {}

    def step(self, action):
        self.point = np.minimum(self.point + STRIDE * action[:2], (0.5, 1.0)) - STRIDE * action[:2]
        return super().step(action)


class PointTool(Tool):
    """The point as a tool in a plane, without a leash."""

    def place(self, obs):
        return Place(np.array([*obs["state"][:2], 0.0]), np.eye(3), np.zeros(3))

    def displacement(self, action):
        return np.array([*STRIDE * action[:2], 0.0])

    def bounded(self, p):
        return np.clip(p, -1.0, 1.0)

    def towards(self, obs, p):
        return np.array([*np.clip((p[:2] - obs["state"][:2]) / STRIDE, -1.0, 1.0), 0.0], np.float32)


def run(config: StuckConfig = SMALL, human=None, policy=None, episodes: int = 1, env: PointWorld | None = None):
    """Return records, metrics line and what was shown of an actor that acts into the wall."""
    shown: list[str] = []
    watch = StuckWatch(config, [PointTool()], 0.1, shown.append)
    straight = policy or LinearPolicy(noise=0.0)
    _, link, _, ledger = act(ActorConfig(max_episodes=episodes), straight, human, env=env or Walled(), stuck=watch)
    lines = [line for line in ledger.lines if line["kind"] == "episode"]
    return link, lines, shown


def sources(link) -> str:
    return "".join(step.source.name[0] for step in link.steps)


def test_it_retreats_lets_the_policy_try_again_then_requests_help_and_goes_on() -> None:
    link, (line,), shown = run()
    assert len(link.steps) == TIME_LIMIT
    assert {name: line[name] for name in ("retreats", "retreat_steps", "retries", "help_requests")} == {
        "retreats": 2,
        "retreat_steps": 4,
        "retries": 2,
        "help_requests": 1,
    }
    # Three steps to the wall, five without progress, two back; the last try goes on until the time is over.
    assert sources(link)[:10] == "PPPPPPPPRR" and sources(link)[10] == "P" and sources(link).endswith("P" * 10)
    assert len(shown) == 1 and "stuck, also after 2 retreats" in shown[0]


def test_a_retreat_leads_back_along_the_last_motion() -> None:
    link, _, _ = run()
    back = [step for step in link.steps if step.source is Source.RETREAT]
    np.testing.assert_allclose(back[0].action, [-1.0, 0.0, 0.0])
    first = next(i for i, step in enumerate(link.steps) if step.source is Source.RETREAT)
    moved = link.steps[first + 2].obs["state"][0] - link.steps[first].obs["state"][0]
    assert moved == pytest.approx(-SMALL.distance_m, abs=0.05)


def test_steps_of_a_retreat_are_neither_the_policys_nor_the_persons_nor_imitated() -> None:
    link, (line,), _ = run()
    back = [step for step in link.steps if step.source is Source.RETREAT]
    assert all(np.isnan(step.policy_action).all() and np.isnan(step.human_action).all() for step in back)
    assert (line["human_steps"], line["interventions"]) == (0, 0)
    schema: StepSchema = step_schema(Walled(), None, "point")
    replay = Replay(schema, 100, 0, imitate="episodes")
    # The same steps in an episode that succeeded: all of the policy's are imitated, and only those.
    *before, last = link.steps
    for step in (*before, _won(last)):
        replay.append(step)
    batch = replay.sample(200, 1, demo_fraction=1.0)
    assert len(replay) == TIME_LIMIT
    assert batch.imitated.all() and not (batch.action[..., 0] < 0.0).any()


def test_free_motion_is_not_stuck() -> None:
    _, (line,), _ = run(env=PointWorld())
    assert line["success"] and line["retreats"] == 0


def test_a_policy_that_commands_nothing_is_not_stuck() -> None:
    link, (line,), _ = run(policy=LinearPolicy(gain=0.0, noise=0.0))
    assert line["retreats"] == 0 and set(sources(link)) == {"P"}


def test_without_motion_before_it_retreats_against_the_commands() -> None:
    class AtTheWall(Walled):
        def reset(self, **settings):
            super().reset(**settings)
            self.point = np.array([0.5, 0.0])
            return self._observe(), {}

    link, _, _ = run(env=AtTheWall())
    assert sources(link)[:6] == "PPPPPR" and link.steps[5].action[0] == -1.0


def test_a_person_who_takes_over_ends_a_retreat_at_once_and_the_request() -> None:
    link, (line,), _ = run(human=Person([QUIET] * 10 + [HELD] * 2 + [QUIET] * 40))
    first = sources(link).index("R")
    held = sources(link).index("H")
    assert held == first + 1, "the second step of the retreat is the person's"
    assert (line["retreats"], line["retries"], line["interventions"]) == (2, 1, 1)
    _, _, shown = run(human=Person([QUIET] * 28 + [HELD] * 2 + [QUIET] * 40))
    assert len(shown) == 2 and shown[1] == ""


def test_each_episode_begins_anew() -> None:
    _, lines, shown = run(episodes=2)
    assert [line["retreats"] for line in lines] == [2, 2]
    assert [bool(text) for text in shown] == [True, False, True]


def test_a_target_at_the_leashs_end_is_stuck_unless_the_tool_follows() -> None:
    def places(lead: float, step_m: float, slide_m: float = 0.0) -> list[Place]:
        return [
            Place(np.array([i * slide_m, 0.0, i * step_m]), np.eye(3), np.array([0.0, 0.0, lead])) for i in range(11)
        ]

    still = [np.zeros(3)] * 10
    assert without_progress(places(1.0, 0.0), still, 0.002)
    assert without_progress(places(1.0, 0.0, slide_m=0.01), still, 0.002), "it slides, pressed against something"
    assert not without_progress(places(1.0, 0.01), still, 0.002), "fast free motion"
    assert not without_progress(places(0.5, 0.0), still, 0.002), "it holds"
    assert not without_progress([*places(0.0, 0.0)[:1], *places(1.0, 0.0)[1:]], still, 0.002), "not for long enough"


def test_a_peg_on_the_rim_is_lifted_off_and_the_arm_requests_help(capsys: pytest.CaptureFixture[str]) -> None:
    task = find_task("peg-insert")
    with closing(make_simulated_env("peg-insert", cameras=())) as env:
        rollout = Rollout(env, Downwards())
        stepper = Stepper(watched(rollout, task, StuckConfig(retreats=1)), np.random.default_rng(0))
        stepper.begin(29)  # the tip above the edge of the hole
        watch, steps = stepper.rollout.stuck, [stepper.step()]
        assert watch is not None
        while not (steps[-1].last or watch.counts.help_requests):
            steps.append(stepper.step())
    back = [step for step in steps if step.decision.charge is ControlAuthority.RETREAT]
    lifted_m = 0.1 * (back[-1].next_obs["state"][2] - back[0].obs["state"][2])
    assert lifted_m == pytest.approx(0.03, abs=0.006)
    assert watch.metrics() == {
        "retreats": 1,
        "retreat_steps": len(back),
        "retries": 1,
        "help_requests": 1,
    }
    assert ">> The arm is stuck, also after 1 retreats" in capsys.readouterr().out
    assert not steps[-1].failure, "the gripper held the peg"


class Downwards:
    """Pushes the tool down, whatever it sees."""

    version = 0

    def act(self, obs, rng, deterministic):
        return np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], np.float32)

    def load(self, params, version): ...


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="retreats"):
        StuckConfig(retreats=-1)
    with pytest.raises(ConfigError, match="after_s"):
        StuckConfig(after_s=0.0)


def test_runs_whose_arm_is_unknown_or_that_clone_each_step_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"stuck\.retreats: got 2 with gym:Pendulum-v1"):
        TrainConfig(task="gym:Pendulum-v1", rewards=("ground-truth",), stuck=StuckConfig(2))
    with pytest.raises(ConfigError, match=r"stuck\.retreats: got 2 with objective iql"):
        TrainConfig(agent=AgentConfig(objective="iql"), stuck=StuckConfig(2))


def _won(step):
    return replace(step, success=True, terminated=True, truncated=False, reward=1.0)
