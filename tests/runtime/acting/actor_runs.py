"""Runs of the actor in the point world."""

from collections.abc import Callable

import numpy as np

from robot_rl.rewards.combined import make_reward
from robot_rl.runtime.acting.actor import ActorSummary, run_actor
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.teleop.device import Device, DeviceState
from robot_rl.teleop.devices.scripted import FunctionExpert, ScriptedHuman
from robot_rl.teleop.devices.scripted_config import ScriptedHumanConfig
from robot_rl.testing import FakeClock
from tests.runtime.acting.point_world import (
    LinearPolicy,
    MemoryMetrics,
    PointWorld,
    RecordingLink,
)

HUMAN_ACTION = np.array([0.0, 0.0, 0.0], np.float32)
HELD = DeviceState(HUMAN_ACTION, engaged=True)
QUIET = DeviceState()


def still() -> LinearPolicy:
    return LinearPolicy(gain=0.0, noise=0.0)


def act(
    config: ActorConfig,
    policy: LinearPolicy | None = None,
    human: Device | None = None,
    link: RecordingLink | None = None,
    rewards: tuple[str, ...] = ("ground-truth", "human-label"),
    clock: FakeClock | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **more,
) -> tuple[ActorSummary, RecordingLink, PointWorld, MemoryMetrics]:
    """Run an actor in the point's world."""
    link, env, ledger = link or RecordingLink(), more.pop("env", None) or PointWorld(), MemoryMetrics()
    parts = {name: more.pop(name) for name in ("encoder", "speed", "estop", "keep_frames", "stuck") if name in more}
    reward = make_reward(rewards, more.pop("reward_settings", None))
    rollout = Rollout(env, policy or LinearPolicy(), human=human, reward=reward, clock=clock or FakeClock(), **parts)
    summary = run_actor(rollout, config, link, ledger, should_stop=should_stop, **more)
    return summary, link, env, ledger


def after(calls: int) -> Callable[[], bool]:
    """Return a question that is answered with yes from its `calls`-th time on."""
    asked = iter(range(10**9))
    return lambda: next(asked) >= calls


def scripted(env: PointWorld, seed: int = 0, **settings) -> ScriptedHuman:
    config = ScriptedHumanConfig(burst_steps=(2, 4), **settings)
    return ScriptedHuman(FunctionExpert(env.expert_action, env.action_layout), config, np.random.default_rng(seed))


class Breaking(LinearPolicy):
    """Breaks on its fourth step."""

    def __init__(self, value: float) -> None:
        super().__init__(gain=0.0, noise=0.0)
        self.value, self.calls = value, 0

    def act(self, obs, rng, deterministic):
        self.calls += 1
        action = super().act(obs, rng, deterministic)
        return np.full_like(action, self.value) if self.calls == 4 else action
