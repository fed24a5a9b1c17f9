"""Rollout: an environment with policy, human, arbiter and rewards. Actor, evaluation and recording each run one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import gymnasium

from robot_rl.agents.backend import Policy
from robot_rl.core import checks
from robot_rl.core.clock import Clock, RateKeeper, SystemClock
from robot_rl.envs.operator_episodes import Hear, OperatorEpisodes, Prompt
from robot_rl.envs.protocol import RobotEnvironment, robot_environment
from robot_rl.rewards.combined import CombinedReward, make_reward
from robot_rl.runtime.acting.monitor import Monitor, NoMonitor
from robot_rl.runtime.acting.recent_steps import RecentSteps
from robot_rl.runtime.acting.stuck import StuckWatch
from robot_rl.teleop.arbiter import Arbiter
from robot_rl.teleop.device import Device, ScriptedDevice
from robot_rl.vision.encoder import Encoder

Environment = gymnasium.Env[Any, Any]


def ground_truth() -> CombinedReward:
    """Return the environment's own reward as the only source."""
    return make_reward(("ground-truth",))


@dataclass(frozen=True, eq=False)
class Rollout:
    """One environment, its policy and human, its rewards, and the pace of its steps.

    The pace is 1 where the arm moves in real time, and at most 1 where a person acts, whatever `speed` is.

    Raises:
        ConfigError: a speed that is not positive.
    """

    env: Environment
    """Returns freshly allocated arrays; they are kept, not copied."""
    policy: Policy | None = None
    """Proposes actions; None leaves the arm to the human alone."""
    encoder: Encoder | None = None
    """Turns images into features; None keeps the images."""
    human: Device | None = None
    """A device, of a person or scripted; None for none."""
    arbiter: Arbiter | None = None
    """Decides who acts; None: one without a blend."""
    reward: CombinedReward = field(default_factory=ground_truth)
    """Judges each step."""
    speed: float | None = None
    """Pace relative to real time (1 is the robot's own); None: as fast as possible."""
    clock: Clock = field(default_factory=SystemClock)
    estop: Callable[[], bool] | None = None
    """Whether an emergency stop from outside the environment holds (a page, a pendant's relay); None: there is none."""
    monitor: Monitor = field(default_factory=NoMonitor)
    """Follows the steps."""
    keep_frames: bool = False
    """Whether the encoder's images are kept beside their features, compressed."""
    stuck: StuckWatch | None = None
    """Lets an arm that is stuck retreat; None: it does not notice."""
    recent: RecentSteps | None = None
    """Keeps the last seconds, for a person who wants to save them; None: they are not kept."""

    def __post_init__(self) -> None:
        checks.positive(self, "speed")

    @cached_property
    def robot_env(self) -> RobotEnvironment:
        """The environment's action layout and kind of time."""
        return robot_environment(self.env)

    @property
    def period_s(self) -> float:
        """Task time of one step [s]."""
        return self.robot_env.period_s

    @property
    def person_acts(self) -> bool:
        """Whether a person may act through the device."""
        return self.human is not None and not isinstance(self.human, ScriptedDevice)

    @property
    def _operator_episodes(self) -> OperatorEpisodes | None:
        episodes = getattr(getattr(self.env.unwrapped, "cell", None), "episodes", None)
        return episodes if isinstance(episodes, OperatorEpisodes) else None

    @property
    def prompt(self) -> Prompt | None:
        """What prompts the operator of a real arm, whose resets prompt by themselves; None elsewhere."""
        episodes = self._operator_episodes
        return None if episodes is None else partial(episodes.prompt, hear=episodes.hear)

    def hear(self, take: Hear) -> None:
        """Let `take` have the labels that a person gives while a reset waits for them."""
        if (episodes := self._operator_episodes) is not None:
            episodes.hear = take

    def announce(self, wanted: str) -> None:
        """Set what the next reset's prompt says of the scene, where an operator sets it."""
        if (episodes := self._operator_episodes) is not None:
            episodes.wanted = wanted

    @property
    def operated(self) -> bool:
        """Whether a reset itself asks a person to set the scene."""
        return self.prompt is not None

    def look_again(self) -> None:
        """Let a policy that decides several steps at once decide anew at the next one."""
        if self.policy is not None:
            getattr(self.policy, "look_again", lambda: None)()

    def policy_metrics(self) -> dict[str, float]:
        """Return the policy's measurements since the last call, where it has any."""
        measure = getattr(self.policy, "metrics", None)
        return {} if measure is None else measure()

    def make_pace(self) -> RateKeeper | None:
        """Return the rate at which steps follow each other; None: as fast as possible."""
        speed = self.speed
        if self.robot_env.real_time:
            speed = 1.0
        elif self.person_acts:
            speed = min(1.0, self.speed or 1.0)
        return None if speed is None else RateKeeper(speed / self.period_s, self.clock)
