"""The actor: runs episodes and streams each step, without ever waiting for the network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import gymnasium

from robot_rl.core import checks
from robot_rl.core.clock import NS_PER_S, Clock, RateKeeper, SystemClock
from robot_rl.core.errors import DeviceLostError, RobotRLError, StopAskedError
from robot_rl.core.tasks import PERIOD_S
from robot_rl.rewards.combined import CombinedReward
from robot_rl.runtime.episode_log import EpisodeLog
from robot_rl.runtime.observation import Encoder
from robot_rl.runtime.outbox import Link, Outbox, Place
from robot_rl.runtime.stepper import Policy, Step, Stepper, action_size, episode_seeds, next_seed
from robot_rl.teleop.arbiter import Arbiter, Charge, Effort
from robot_rl.teleop.devices import Device

UPDATES_ON_THE_WAY = 200
"""Updates that a learner may have made, or be about to make, without having published their weights."""


class Metrics(Protocol):
    """Where numbers go."""

    def write(self, kind: str, step: int, **scalars: Any) -> None:
        """Write one event."""
        ...


@dataclass(frozen=True)
class ActorConfig:
    """How one actor runs.

    Raises:
        ConfigError: a number out of its range.
    """

    name: str = "actor-0"
    """Name of this actor; each actor of a run has its own."""
    run: str = "run"
    """Name of the run that its records belong to."""
    seed: int = 0
    """Seed of the episodes, the exploration and the encoder's random shifts."""
    period_s: float = PERIOD_S
    """Time of task that one step takes [s]. Source: HIL-SERL, 10 Hz."""
    speed: float | None = None
    """Pace relative to real time (1 is the robot's own); None runs as fast as the machine can."""
    updates_per_step: float | None = None
    """Between two episodes, stand still until the weights in use have had so many updates for each step made: the
    outcome of an experiment then does not depend on how fast the machine is. None never waits."""
    max_env_steps: int | None = None
    """Stop after so many steps, counted with those of earlier sessions; None goes on until told."""
    max_episodes: int | None = None
    """Stop after so many episodes of this session; None goes on until told."""
    label_window_s: float = 1.0
    """How far back a human's label reaches [s]. Source: operator.md, the last second."""
    greedy_share: float = 0.0
    """Share of the episodes in which the policy does not explore, evenly spread: where it then gets stuck is seen in
    training, and corrected."""
    await_weights_s: float = 0.0
    """How long the first episode may be put off for the learner's first weights [s]; 0 starts at once."""
    max_consecutive_faults: int = 10
    """Give up when so many episodes in a row end in a fault."""
    first_episode: int = 0
    """Number of the first episode, past those of earlier sessions."""
    first_env_step: int = 0
    """Steps of earlier sessions."""

    def __post_init__(self) -> None:
        checks.positive(self, "period_s", "label_window_s", "speed", "max_consecutive_faults")
        checks.fraction(self, "greedy_share")


@dataclass
class ActorSummary:
    """What an actor did in one session."""

    episodes: int = 0
    env_steps: int = 0
    successes: int = 0
    faults: int = 0
    effort: Effort = field(default_factory=Effort)
    weights_loaded: int = 0
    next_episode: int = 0  # where the next session goes on
    interrupted: str = ""  # what was waited for when a signal ended the session, and which signal

    def line(self) -> str:
        """What was done, in one line."""
        done = f"{self.env_steps} steps, {self.successes}/{self.episodes} episodes succeeded"
        return f"{self.interrupted}; {done}" if self.interrupted else done


def resumed(config: ActorConfig, events: Iterable[Mapping[str, Any]]) -> ActorConfig:
    """Return the config with which an actor goes on after the session that wrote these metrics.

    One episode number is left out: the session may have died in the middle of that episode.
    """
    lines = [event for event in events if event["kind"] == "episode"]
    if not lines:
        return config
    return replace(config, first_episode=lines[-1]["episode"] + 2, first_env_step=lines[-1]["env_steps"])


def run_actor(
    env: gymnasium.Env[Any, Any],
    policy: Policy | None,
    encoder: Encoder | None,
    human: Device | None,
    arbiter: Arbiter | None,
    reward: CombinedReward | None,
    link: Link | None,
    config: ActorConfig,
    metrics: Metrics | None = None,
    clock: Clock | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    ends_wait: Callable[[str], AbstractContextManager[None]] = lambda awaited: nullcontext(),
    estop: Callable[[], bool] | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> ActorSummary:
    """Run episodes until told to stop or a limit is reached, and return what was done.

    A step cut off by `should_stop` closes its episode as truncated, so that everything sent is whole.

    Args:
        ends_wait: entered, with what is waited for in words, around what may take long between two episodes; it ends
            that by `StopAskedError` when the session shall end.

    Raises:
        RobotRLError: too many episodes in a row ended in a fault.
    """
    clock = clock or SystemClock()
    episodes_rng, steps_rng = episode_seeds(config.seed, session=config.first_episode)
    stepper = Stepper(
        env,
        policy,
        steps_rng,
        encoder=encoder,
        human=human,
        arbiter=arbiter or Arbiter(action_size(env), config.period_s),
        reward=reward,
        clock=clock,
        estop=estop,
    )
    actor = _Actor(stepper, link, config, metrics, clock, should_stop, ends_wait, on_step)
    actor.await_weights()
    while not actor.finished():
        actor.run_episode(next_seed(episodes_rng))
        actor.await_release()
        actor.await_updates()
    return actor.summarise()


def is_greedy(episode: int, share: float) -> bool:
    """Return whether the policy does not explore in an episode, so that `share` of the episodes are such.

    Example:
        >>> [is_greedy(episode, 0.5) for episode in range(4)]
        [False, True, False, True]
    """
    return math.floor((episode + 1) * share) > math.floor(episode * share)


class _Actor:
    """State of the loop between two steps."""

    def __init__(
        self,
        stepper: Stepper,
        link: Link | None,
        config: ActorConfig,
        metrics: Metrics | None,
        clock: Clock,
        should_stop: Callable[[], bool],
        ends_wait: Callable[[str], AbstractContextManager[None]],
        on_step: Callable[[Step], None] | None,
    ) -> None:
        self._stepper, self._link, self._config, self._metrics = stepper, link, config, metrics
        self._clock, self._should_stop, self._ends_wait, self._on_step = clock, should_stop, ends_wait, on_step
        self._summary = ActorSummary(effort=stepper.arbiter.effort)
        self._pace = None if config.speed is None else RateKeeper(config.speed / config.period_s, clock)
        window_steps = max(1, round(config.label_window_s / config.period_s))
        self._outbox = Outbox(
            config.name,
            config.run,
            link,
            clock,
            window_steps=window_steps,
            settle=stepper.settle,
        )
        self._newest: Place | None = None  # the last step done: what a label is about
        self._stopped = False  # the last step was an emergency stop
        self._weights_age_s: float | None = None
        self._faults_in_a_row = 0

    @property
    def _env_steps(self) -> int:
        return self._config.first_env_step + self._summary.env_steps

    @property
    def _episode(self) -> int:
        return self._config.first_episode + self._summary.episodes

    def finished(self) -> bool:
        """Return whether a limit is reached or a stop was asked for."""
        config = self._config
        steps_left = config.max_env_steps is None or self._env_steps < config.max_env_steps
        episodes_left = config.max_episodes is None or self._summary.episodes < config.max_episodes
        asked = bool(self._summary.interrupted) or self._should_stop()
        return asked or not (steps_left and episodes_left)

    def summarise(self) -> ActorSummary:
        """Return what was done, and where the next session goes on."""
        return replace(self._summary, next_episode=self._episode)

    def await_weights(self) -> None:
        """Put off the first episode, when asked to, until weights came; the robot does not move yet."""
        deadline_ns = self._clock.now_ns() + round(self._config.await_weights_s * NS_PER_S)
        while self._link is not None and not self._should_stop() and self._clock.now_ns() < deadline_ns:
            if self._link.latest_weights() is not None:
                return
            self._nap()

    def await_release(self) -> None:
        """After an emergency stop: no new episode before it is cleared."""
        while self._stopped and not self._should_stop():
            state = self._stepper.look()
            self._label(state.labels)
            self._stopped = state.estop
            self._nap()

    def await_updates(self) -> None:
        """Stand still between two episodes until the learner has kept up, where that is asked for."""
        ratio = self._config.updates_per_step
        while self._link is not None and ratio is not None and not self.finished():
            self._take_weights()
            policy = self._stepper.policy
            if policy is None or policy.version >= ratio * self._summary.env_steps - UPDATES_ON_THE_WAY:
                return
            self._nap()

    def _nap(self) -> None:
        self._clock.sleep_until(self._clock.now_ns() + round(self._config.period_s * NS_PER_S))

    def run_episode(self, seed: int) -> None:
        """Run one episode to its end, and write its line."""
        log = EpisodeLog.begin(self._stepper, self._clock.now_ns())
        self._stepper.deterministic = is_greedy(self._episode, self._config.greedy_share)
        if not self._begin(seed):
            return
        if self._pace is not None:
            self._pace.restart()
        step = self._run_step(log)
        while not (step.last or self.finished()):
            step = self._run_step(log)
        if not step.last:
            self._outbox.cut()
        self._outbox.release()
        self._finish(step, log)

    def _begin(self, seed: int) -> bool:
        """Return whether the environment could be reset; an arm or a referee that is away may come back.

        Raises:
            RobotRLError: too many faults in a row.
        """
        self._take_weights()  # the stepper may want to try the policy
        try:
            with self._ends_wait("a new episode"):
                self._stepper.begin(seed)
        except StopAskedError as asked:
            self._summary.interrupted = str(asked)
            return False
        except DeviceLostError as error:
            self._summary.faults += 1
            if self._metrics is not None:
                self._metrics.write("reset_fault", self._env_steps, fault_text=str(error))
            self._count_fault(str(error))
            self._nap()
            return False
        return True

    def _run_step(self, log: EpisodeLog) -> Step:
        self._take_weights()
        decision = self._stepper.decide()
        self._outbox.release(decision.took_over)
        labels = decision.labels
        if log.steps == 0:  # labels given before the first step are about the episode before
            self._label(labels)
            labels = ()
        step = self._stepper.execute(decision)
        self._newest = Place(self._episode, log.steps)
        self._outbox.keep(step, self._newest, labels)
        self._count(step, log)
        if self._pace is not None:
            self._pace.wait()
        return step

    def _label(self, labels: tuple[str, ...]) -> None:
        """Send labels about the last step done."""
        if self._newest is not None:
            for label in labels:
                self._outbox.label(label, self._newest)

    def _take_weights(self) -> None:
        """Swap weights between two steps, when others lie ready."""
        policy = self._stepper.policy
        weights = None if self._link is None else self._link.latest_weights()
        if weights is None or policy is None:
            return
        version, params, self._weights_age_s = weights
        if version != policy.version:  # not only newer: a learner restored from a checkpoint goes back
            policy.load(params, version)
            self._summary.weights_loaded += 1

    def _count(self, step: Step, log: EpisodeLog) -> None:
        log.add(step)
        self._summary.env_steps += 1
        self._stopped = step.decision.charge is Charge.ESTOP
        if self._on_step is not None:
            self._on_step(step)

    def _finish(self, last: Step, log: EpisodeLog) -> None:
        """Close the books of an episode.

        Raises:
            RobotRLError: too many episodes in a row ended in a fault.
        """
        self._write(log)
        self._summary.episodes += 1
        self._summary.successes += last.success
        self._summary.faults += bool(last.fault)
        self._count_fault(last.fault)

    def _count_fault(self, fault: str) -> None:
        self._faults_in_a_row = self._faults_in_a_row + 1 if fault else 0
        if self._faults_in_a_row >= self._config.max_consecutive_faults:
            raise RobotRLError(
                f"faults: got {self._faults_in_a_row} episodes in a row, expected fewer; the last said: {fault}"
            )

    def _write(self, log: EpisodeLog) -> None:
        """Write the episode's line of metrics."""
        if self._metrics is None:
            return
        self._metrics.write(
            "episode",
            self._env_steps,
            episode=self._episode,
            env_steps=self._env_steps,
            weights_age_s=self._weights_age_s,
            backlog=0 if self._link is None else self._link.backlog,
            missed=0 if self._pace is None else self._pace.missed,
            **log.line(self._clock.now_ns()),
        )
        if series := log.series():
            self._metrics.write("timing", self._env_steps, episode=self._episode, **series)
