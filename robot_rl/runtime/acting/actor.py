"""Actor: runs episodes and streams each step to the learner, without ever waiting for the network."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import DeviceLostError, RobotRLError, StopRequestedError
from robot_rl.core.seeds import Purpose, generator
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.episode_log import EpisodeLog
from robot_rl.runtime.acting.failed_scenes import Scene
from robot_rl.runtime.acting.outbox import Link, Outbox, StepId
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.schedule import Schedule
from robot_rl.runtime.acting.step import Step
from robot_rl.runtime.acting.stepper import Stepper
from robot_rl.runtime.runs.metrics import Metrics
from robot_rl.teleop.arbiter import ControlAuthority, InterventionStats

LABEL_WINDOW_S = 1.0
"""Reach of a human's label into the past [s]."""
STARTS = "The learner starts: it compiles, and learns from the demonstrations. The arm waits."
CONSECUTIVE_FAULTS_MAX = 10
"""Consecutive episodes with a fault that end the actor with an error."""
RESET_PAUSE_MAX_S = 5.0
"""Longest pause before a reset that failed is tried again; it doubles each time, so that a person can free the arm."""
UPDATES_ON_THE_WAY = 200
"""Updates that a learner may have made, or be about to make, without having published their weights."""
UPDATES_TIMEOUT_S = 120.0
"""Longest wait for updates of a learner that has every record and publishes nothing; compiling takes one
minute."""


@dataclass
class ActorSummary:
    """Counts of one session of an actor."""

    episodes: int = 0
    env_steps: int = 0
    successes: int = 0
    faults: int = 0
    effort: InterventionStats = field(default_factory=InterventionStats)
    weights_loaded: int = 0
    next_episode: int = 0  # number of the next session's first
    interrupted: str = ""  # the signal that ended the session, and the wait that it interrupted

    def count_episode(self, last: Step) -> None:
        """Count an episode by its last step."""
        self.episodes += 1
        self.successes += last.success
        self.faults += bool(last.fault)

    def line(self) -> str:
        """Return the counts in one line."""
        done = f"{self.env_steps} steps, {self.successes}/{self.episodes} episodes succeeded"
        return f"{self.interrupted}; {done}" if self.interrupted else done


def run_actor(
    rollout: Rollout,
    config: ActorConfig,
    link: Link | None = None,
    metrics: Metrics | None = None,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    ends_wait: Callable[[str], AbstractContextManager[None]] = lambda awaited: nullcontext(),
    on_step: Callable[[Step], None] = lambda step: None,
) -> ActorSummary:
    """Run episodes until a stop is requested or a limit is reached, and return the session's summary.

    A step cut off by `should_stop` closes its episode as truncated, so that everything sent is whole.

    Args:
        ends_wait: entered, with what is waited for in words, around what may take long between two episodes; it ends
            that by `StopRequestedError` when the session is to end.

    Raises:
        RobotRLError: too many episodes in a row ended in a fault.
    """
    rng = generator(Purpose.EXPLORATION, config.seed, config.index, config.first_episode)
    actor = _Actor(Stepper(rollout, rng), link, config, metrics, should_stop, ends_wait)
    actor.await_weights()
    actor.await_release()
    actor.await_go()
    while not actor.finished():
        actor.run_episode(on_step)
        actor.await_release()
        actor.await_updates()
    return actor.summarise()


class _Actor:
    """State of the loop between two steps."""

    def __init__(
        self,
        stepper: Stepper,
        link: Link | None,
        config: ActorConfig,
        metrics: Metrics | None,
        should_stop: Callable[[], bool],
        ends_wait: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._stepper, self._link, self._config, self._metrics = stepper, link, config, metrics
        self._clock, self._should_stop, self._ends_wait = stepper.rollout.clock, should_stop, ends_wait
        self._summary = ActorSummary(effort=stepper.arbiter.effort)
        self._schedule = Schedule(config, newest=stepper.rollout.operated)
        stepper.heard = lambda: self._label_late(at_rest=True)
        period_s = stepper.rollout.period_s
        self._outbox = Outbox(
            config.name,
            config.run,
            link,
            self._clock,
            window_steps=max(1, round(LABEL_WINDOW_S / period_s)),
            reaction_steps=stepper.rollout.reward.reaction_steps(period_s),
            finalise=stepper.finalise,
        )
        self._stopped = stepper.rollout.person_acts  # the arm must stand: the first time until the person is there
        self._weights_age_s: float | None = None
        self._faults_in_a_row = 0

    @property
    def _env_steps(self) -> int:
        return self._config.first_env_step + self._summary.env_steps

    @property
    def _episode(self) -> int:
        return self._config.first_episode + self._summary.episodes

    def finished(self) -> bool:
        """Return whether a limit is reached or a stop is requested."""
        config = self._config
        steps_left = config.max_env_steps is None or self._env_steps < config.max_env_steps
        episodes_left = config.max_episodes is None or self._summary.episodes < config.max_episodes
        requested = bool(self._summary.interrupted) or self._should_stop()
        return requested or not (steps_left and episodes_left)

    def summarise(self) -> ActorSummary:
        """Return the summary so far."""
        return replace(self._summary, next_episode=self._episode)

    def await_weights(self) -> None:
        """Put off the first episode until weights came, as long as the settings allow; the robot does not move yet."""
        deadline_ns = self._clock.now_ns() + round(self._config.await_weights_s * NS_PER_S)
        monitor, link = self._stepper.rollout.monitor, self._link
        if link is not None:
            monitor.show(STARTS)
        while link is not None and not self._should_stop() and self._clock.now_ns() < deadline_ns:
            if link.latest_weights() is not None:
                break
            self._nap()
        monitor.show("")

    def await_release(self) -> None:
        """Hold after an emergency stop, and before the person's device answers: no new episode meanwhile."""
        while self._stopped and not self._should_stop():
            self._stopped = self._stepper.read_between_episodes()
            self._label_late()
            if self._stopped:
                self._nap()

    def await_go(self) -> None:
        """Hold a real arm after a death of its actor until the person, who sees it, says go: it never moves by itself.

        Raises:
            ConfigError: there is no person's device.
        """
        prompt, config = self._stepper.rollout.prompt, self._config
        if prompt is None or not config.died or self.finished():
            return
        try:
            with self._ends_wait("the person's go"):
                prompt(f"{config.name} starts again, it died: {config.died}. The arm holds; free its way to the start.")
        except StopRequestedError as request:
            self._summary.interrupted = str(request)

    def await_updates(self) -> None:
        """Hold between two episodes until the learner has made its updates, where the settings require it.

        A version counts the updates of the whole run, hence the steps of the whole run count. The wait ends when a
        learner that has every record publishes nothing for `UPDATES_TIMEOUT_S`.
        """
        ratio, policy = self._config.updates_per_step, self._stepper.rollout.policy
        if self._link is None or ratio is None or policy is None:
            return
        self._take_weights()
        version, since_s = policy.version, self._clock.now_s()
        while policy.version < ratio * self._env_steps - UPDATES_ON_THE_WAY and not self.finished():
            if policy.version != version or self._link.backlog:
                version, since_s = policy.version, self._clock.now_s()
            if self._clock.now_s() - since_s > UPDATES_TIMEOUT_S:
                return
            self._nap()
            self._take_weights()

    def _nap(self, time_s: float | None = None) -> None:
        """Sleep for a time, by default a period."""
        time_s = self._stepper.rollout.period_s if time_s is None else time_s
        self._clock.sleep_until(self._clock.now_ns() + round(time_s * NS_PER_S))

    def run_episode(self, on_step: Callable[[Step], None]) -> None:
        """Run one episode to its end, and write its line of metrics."""
        log, scene = EpisodeLog.begin(self._stepper, self._clock.now_ns()), self._schedule.draw()
        self._stepper.deterministic = self._schedule.is_greedy(self._episode)
        if not self._begin(scene):
            return
        step = self._run_step(log, on_step)
        while not (step.last or self.finished()):
            step = self._run_step(log, on_step)
        if not step.last:
            self._outbox.cut()
        self._outbox.release()
        if whole := step.last and not (step.fault or self._stopped):
            self._schedule.end(scene, self._episode, success=step.success, alone=not log.human_steps)
        self._stepper.read_last_labels()
        self._label_late()
        self._write(log, scene.line if whole else {})
        self._summary.count_episode(step)
        self._count_fault("" if self._stopped else step.fault)

    def _label_late(self, at_rest: bool = False) -> None:
        """Send what a person says of the last episode after its end."""
        labels = self._stepper.take_late_labels()
        self._schedule.label(labels)
        self._outbox.label(*labels, at_rest=at_rest)

    def _begin(self, scene: Scene) -> bool:
        """Return whether the environment could be reset; one that could not may be back for the next try.

        Raises:
            RobotRLError: too many faults in a row.
        """
        self._take_weights()  # the stepper may want to try the policy
        try:
            self._stepper.rollout.announce(scene.wanted)
            with self._ends_wait("a new episode"):
                self._stepper.begin(scene.seed)
            self._label_late(at_rest=True)
        except StopRequestedError as request:
            self._summary.interrupted = str(request)
            return False
        except DeviceLostError as error:
            self._summary.faults += 1
            if self._metrics is not None:
                self._metrics.write("reset_fault", self._env_steps, fault_text=str(error))
            self._stopped = self._stepper.rollout.person_acts and self._stepper.read_between_episodes()
            self._count_fault("" if self._stopped else str(error))
            self._nap(min(RESET_PAUSE_MAX_S, self._stepper.rollout.period_s * 2.0**self._faults_in_a_row))
            return False
        return True

    def _run_step(self, log: EpisodeLog, on_step: Callable[[Step], None]) -> Step:
        self._take_weights()
        decision = self._stepper.decide()
        self._outbox.release(decision.intervention_start)
        self._outbox.label(*self._stepper.take_late_labels())
        step = self._stepper.execute(decision)
        self._outbox.keep(step, StepId(self._episode, log.steps))
        log.add(step)
        self._summary.env_steps += 1
        self._stopped = decision.paused or decision.charge is ControlAuthority.ESTOP
        on_step(step)
        return step

    def _take_weights(self) -> None:
        """Swap weights between two steps, when others lie ready."""
        policy = self._stepper.rollout.policy
        weights = None if self._link is None else self._link.latest_weights()
        if weights is None or policy is None:
            return
        version, params, self._weights_age_s = weights
        if version != policy.version:  # not only newer: a learner restored from a checkpoint goes back
            policy.load(params, version)
            self._summary.weights_loaded += 1

    def _count_fault(self, fault: str) -> None:
        count = self._faults_in_a_row = self._faults_in_a_row + 1 if fault else 0
        if count >= CONSECUTIVE_FAULTS_MAX:
            raise RobotRLError(f"faults: got {count} episodes in a row, expected fewer; the last: {fault}")

    def _write(self, log: EpisodeLog, scene: Mapping[str, Any]) -> None:
        if self._metrics is None:
            return
        self._metrics.write(
            "episode",
            self._env_steps,
            episode=self._episode,
            env_steps=self._env_steps,
            weights_age_s=self._weights_age_s,
            **({"backlog": 0} if self._link is None else self._link.status()),
            missed=self._stepper.missed,
            **log.line(self._clock.now_ns()),
            **scene,
        )
        if series := log.series():
            self._metrics.write("timing", self._env_steps, episode=self._episode, **series)
