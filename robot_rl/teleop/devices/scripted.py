"""Scripted operators for the simulator: an expert that judges the policy and intervenes, with or without action noise.

The rule is RLIF's (Luo et al. 2023): where the policy's action is worse than the expert's by a threshold, take over
with a high probability, elsewhere with a low one, for a short burst of steps. "Worse" is the running distance

    d <- memory d + (1 - memory) rms(policy_action - expert_action)

and an episode longer than `intervene_after_steps` counts as worse, too: a stuck policy may command nearly
what an expert would.
"""

import math
from collections import deque
from collections.abc import Callable

import numpy as np

from robot_rl.core.action_layout import ActionLayout
from robot_rl.teleop.device import DeviceState, Expert, ScriptedDevice
from robot_rl.teleop.devices import DeviceContext
from robot_rl.teleop.devices.scripted_config import ActionNoise, ScriptedHumanConfig
from robot_rl.teleop.devices.scripted_labels import ScriptedLabels


class FunctionExpert:
    """An expert without memory, from a function such as an environment's `expert_action`."""

    def __init__(self, action: Callable[[], np.ndarray], layout: ActionLayout) -> None:
        self._action, self.layout = action, layout

    def reset(self) -> None:
        """Do nothing: there is nothing to forget."""

    def action(self) -> np.ndarray:
        """Return the function's action (A,)."""
        return self._action()


class ExpertDevice(ScriptedDevice):
    """An expert that always has control: demonstrations."""

    Settings = ActionNoise

    @classmethod
    def open(cls, context: DeviceContext) -> "ExpertDevice":
        """Return the simulator's expert.

        Raises:
            ConfigError: the environment has none.
        """
        return cls(context.expert(), context.rng, context.settings)

    def __init__(self, expert: Expert, rng: np.random.Generator, action_noise: ActionNoise | None = None) -> None:
        self._expert = expert
        self._execution = _NoisyExecution(action_noise or ActionNoise(), expert.layout, rng)

    def reset(self) -> None:
        """Begin an episode."""
        self._expert.reset()
        self._execution.reset()

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the expert's action, engaged."""
        return DeviceState(self._execution.follow(self._expert.action()), engaged=True)


class ScriptedHuman(ScriptedDevice):
    """A human who watches the policy and takes over by RLIF's rule; a `Device`.

    The expert is evaluated on every watched step, in charge or not, so that it can continue from the state in which
    the policy left the robot.

    Args:
        expert: the simulator's, with ground truth.
        rng: draws interventions, bursts and action noise.
        env_steps: steps trained before, so that a resumed run goes on tapering.
        labels: its label buttons, also in episodes in which it does not take over; None: it gives none.
    """

    Settings = ScriptedHumanConfig

    @classmethod
    def open(cls, context: DeviceContext) -> "ScriptedHuman":
        """Return the scripted human over the simulator's expert.

        Raises:
            ConfigError: the environment has none.
        """
        habits = context.settings.labels
        labels = ScriptedLabels(context.outcome(), habits, context.rng.spawn(1)[0]) if habits.probability else None
        return cls(context.expert(), context.settings, context.rng, context.env_steps, labels)

    def __init__(
        self,
        expert: Expert,
        config: ScriptedHumanConfig,
        rng: np.random.Generator,
        env_steps: int = 0,
        labels: ScriptedLabels | None = None,
    ) -> None:
        self.env_steps, self._labels = env_steps, labels
        self._expert, self._config, self._rng = expert, config, rng
        self._execution = _NoisyExecution(config.action_noise, expert.layout, rng)
        self._watches = False
        self._begin_episode()

    def reset(self) -> None:
        """Begin an episode, watched or not."""
        self._begin_episode()
        if self._labels is not None:
            self._labels.reset()
        self._watches = False
        if self._rng.random() < self._config.watched_share(self.env_steps):
            self._watch()

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Judge the proposed action and return whether the human intervenes; one call a step.

        Without a policy the human always acts, as in a demonstration.
        """
        self.env_steps += 1
        self._steps += 1
        labels = () if self._labels is None else self._labels.read()
        if not self._watches:
            if proposed is not None:
                return DeviceState(labels=labels)
            self._watch()
        expert_action = self._expert.action()
        self._seen.append((proposed, expert_action))
        if len(self._seen) > self._config.reaction_steps:
            self._judge(*self._seen.popleft())
        action = self._execution.follow(expert_action)
        return DeviceState(action, proposed is None or self._decide(), labels)

    @property
    def distance(self) -> float:
        """Running distance between the policy's and the expert's action, in [0, 2]."""
        return self._distance

    def _begin_episode(self) -> None:
        self._distance = math.nan  # nothing judged yet
        self._seen: deque[tuple[np.ndarray | None, np.ndarray]] = deque()  # proposed, expert's; not judged yet
        self._remaining = 0  # steps of the burst
        self._alone = self._config.free_steps  # steps the policy is still left alone
        self._steps = 0

    def _watch(self) -> None:
        self._watches = True
        self._expert.reset()
        self._execution.reset()

    def _judge(self, proposed: np.ndarray | None, expert_action: np.ndarray) -> None:
        if proposed is None:  # no policy acts: nothing could be worse
            self._distance = math.inf
            return
        difference = np.minimum(np.maximum(proposed, -1.0), 1.0) - expert_action
        now = math.sqrt(float(difference @ difference) / len(difference))
        memory = self._config.memory if math.isfinite(self._distance) else 0.0
        self._distance = memory * self._distance + (1.0 - memory) * now if memory else now

    def _decide(self) -> bool:
        """Return whether the human is in charge of this step."""
        if self._remaining == 0 and self._takes_over():
            shortest, longest = self._config.burst_steps
            self._remaining = int(self._rng.integers(shortest, longest + 1))
        if self._remaining == 0:
            return False
        self._remaining -= 1
        if self._remaining == 0:
            self._alone = self._config.rest_steps
        return True

    def _takes_over(self) -> bool:
        if self._alone > 0:
            self._alone -= 1
            return False
        config = self._config
        # A distance that is not a number (a broken policy) is worse, too.
        impatient = config.intervene_after_steps is not None and self._steps > config.intervene_after_steps
        worse = impatient or (self._steps > config.reaction_steps and not self._distance <= config.threshold)
        return bool(self._rng.random() < (config.probability_worse if worse else config.probability_otherwise))


class _NoisyExecution:
    """Executes actions with delay, gain, noise and dropouts."""

    def __init__(self, config: ActionNoise, layout: ActionLayout, rng: np.random.Generator) -> None:
        self._config, self._rng, self._moves = config, rng, layout.continuous_indices
        self._delayed: deque[np.ndarray] = deque(maxlen=config.delay_steps + 1)
        self._dropout = 0  # steps left

    def reset(self) -> None:
        """Begin an episode."""
        self._delayed.clear()
        self._dropout = 0

    def follow(self, expert_action: np.ndarray) -> np.ndarray:
        """Return the noisy execution (A,) float32 of the expert's action; discrete heads take no noise."""
        config = self._config
        self._delayed.append(expert_action)
        action = np.array(self._delayed[0], dtype=np.float32)
        action[self._moves] *= config.gain
        if config.noise_std > 0.0:
            action[self._moves] += self._rng.normal(0.0, config.noise_std, len(self._moves))
        if config.lapse_probability > 0.0 and self._drops_out():
            action[:] = 0.0
        return np.minimum(np.maximum(action, np.float32(-1.0)), np.float32(1.0))

    def _drops_out(self) -> bool:
        if self._dropout == 0 and self._rng.random() < self._config.lapse_probability:
            self._dropout = self._config.lapse_steps
        drops_out = self._dropout > 0
        self._dropout -= drops_out
        return drops_out
