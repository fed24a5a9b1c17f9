"""Learner loop: receives records, makes the updates that the data allows, publishes weights, saves checkpoints."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

import numpy as np

from robot_rl.agents.backend import Learner
from robot_rl.agents.gradients import network_health
from robot_rl.core import checks
from robot_rl.core.clock import Clock, SystemClock
from robot_rl.core.errors import CheckpointError, ConfigError, StorageError
from robot_rl.core.records import Record, StepRecord
from robot_rl.data.batch import Imitated
from robot_rl.data.intervention_penalty import InterventionPenalty
from robot_rl.data.replay import Replay
from robot_rl.runtime.learning.checkpoints import Checkpoints
from robot_rl.runtime.learning.cloning import start_from_clone
from robot_rl.runtime.learning.learner_metrics import LearnerMetrics
from robot_rl.runtime.learning.returns import Returns
from robot_rl.runtime.learning.saver import Saver, check_finite
from robot_rl.runtime.learning.update_ratio import UpdateRatioConfig, updates_allowed
from robot_rl.runtime.runs.metrics import Metrics


class Server(Protocol):
    """The learner's connection to its actors."""

    def recover(self) -> Iterator[Record]:
        """Yield the records that earlier processes of this run received."""

    def poll(self, timeout_s: float = 0.0) -> list[Record]:
        """Return new records, waiting at most `timeout_s` for the first."""

    def publish_weights(self, version: int, parameters: Mapping[str, np.ndarray]) -> None:
        """Send the policy to the actors."""

    def status(self) -> Mapping[str, float]:
        """Return counters of what was received, refused and lost, for metrics."""


_MEMORY = {"online": "journal", "demonstration": "demonstrations", "prior": "earlier run"}  # counted -> from where
Weighting = Literal["uniform", "returns"]
WEIGHTINGS: tuple[str, ...] = get_args(Weighting)
METRICS_EVERY_S = 1.0  # between two lines of metrics
POLL_TIMEOUT_S = 0.05  # longest wait for data when no update is allowed


@dataclass(frozen=True)
class LearnerConfig:
    """Settings of the learner's loop.

    Raises:
        ConfigError: a number that is not positive, or a share outside [0, 1].
    """

    batch: int = 256
    """Transitions in one update. Source: RLPD, HIL-SERL."""
    demo_fraction: float = 0.5
    """Share of a batch drawn from what is imitated. Source: RLPD's symmetric sampling."""
    prior_fraction: float = 0.0
    """Share of a batch drawn from what the run `prior` gathered, in place of as much of the run's own steps; 0: none of
    it is read. Source: arXiv 2602.20220."""
    prior_weighting: Weighting = "uniform"
    """How demonstrations, and steps of an earlier run, are drawn: all alike, or the more often the higher the return of
    their episode among them (`returns`), where some are bad. Source: Hong et al. 2023 (arXiv 2306.13085)."""
    prior_temperature: float = 0.1
    """Of these weights: exp(return / temperature), with returns scaled to 0..1; a high one draws all alike."""
    imitate: Imitated = "successes"
    """Steps imitated beside demonstrations: no interventions, those in episodes that succeeded (`successes`), or all;
    or whole `episodes` that succeeded, the policy's steps, too. Source: HIL-SERL all; see docs/results.md."""
    intervention_penalty: InterventionPenalty = field(default_factory=InterventionPenalty)
    """What the policy's steps before an intervention lose."""
    updates_per_call: int = 8
    """Updates in one compiled call."""
    publish_every_updates: int = 48
    """Updates between two publications of the policy. Source: HIL-SERL 50, SERL 30."""
    checkpoint_every_s: float = 60.0
    """Time between two checkpoints [s]; one more is written at the end."""
    clone_updates: int = 0
    """Updates of behaviour cloning on the demonstrations, before the first of `update_ratio`: the networks start from
    the clone. With the objective `value` alone, and not where they come from `prior`."""
    update_ratio: UpdateRatioConfig = field(default_factory=UpdateRatioConfig)
    """Limits on updates per transition."""

    @property
    def return_temperature(self) -> float | None:
        """Temperature of the weights by return; None without."""
        return self.prior_temperature if self.prior_weighting == "returns" else None

    def __post_init__(self) -> None:
        checks.fraction(self, "demo_fraction", "prior_fraction")
        if self.demo_fraction + self.prior_fraction > 1.0:
            raise ConfigError(
                f"prior_fraction: got {self.prior_fraction} beside demo_fraction {self.demo_fraction}, expected 1 or "
                "less in all; lower one."
            )
        checks.one_of(self, WEIGHTINGS, "prior_weighting")
        checks.positive(self, "prior_temperature")
        checks.at_least(self, 0, "clone_updates")
        checks.positive(self, "batch", "updates_per_call", "publish_every_updates", "checkpoint_every_s")


class LearnerLoop:
    """Receives records, learns from them, publishes weights and saves checkpoints."""

    def __init__(
        self,
        server: Server,
        replay: Replay,
        agent: Learner,
        config: LearnerConfig,
        metrics: Metrics,
        checkpoints: Checkpoints,
        clock: Clock | None = None,
        cloner: Learner | None = None,
    ) -> None:
        self._cloner = cloner
        self._server, self._replay, self._agent, self._config = server, replay, agent, config
        self._checkpoints, self._saver, self._clock = checkpoints, Saver(checkpoints), clock or SystemClock()
        self._metrics, self._meter = metrics, LearnerMetrics(metrics, self._clock, METRICS_EVERY_S)
        self._returns = Returns(agent.horizon.discount)
        self.updates, self._published = 0, -1
        self._checkpoint_s = self._clock.now_s()

    def run(
        self,
        should_stop: Callable[[], bool],
        recorded: Iterable[Record] = (),
        restored: Callable[[], None] = lambda: None,
    ) -> int:
        """Learn until a stop is requested; return the number of updates since the run began.

        Memory comes first: demonstrations, which a new run clones where the settings want it, and an earlier run, then
        the server's journal, then the newest checkpoint, so that a resumed run continues as if it had not stopped.
        Weights are first published after the pretraining: no arm acts before it. Checkpoints are written in the
        background; the last one is on the disk when this returns, after Ctrl-C as well.

        Args:
            recorded: demonstrations, and steps of an earlier run with their labels.
            restored: called once memory and checkpoint have been read.

        Raises:
            DivergedError: the learner's state has become non-finite; it was neither published nor saved.
            CheckpointError: the checkpoint is of another origin.
            StorageError: the disk failed under the journal; a checkpoint is written where that is possible.
        """
        self._remember(recorded)
        if not self._clone(should_stop):
            return 0  # nothing is saved: the next start clones anew
        self._remember(self._server.recover())
        self._resume()
        restored()
        self._publish_if_due()
        try:
            self._learn(should_stop)
        finally:
            self._saver.finish()
        return self.updates

    def _learn(self, should_stop: Callable[[], bool]) -> None:
        """Take turns until a stop is requested, then publish and save."""
        try:
            while not should_stop():
                self._turn()
        except KeyboardInterrupt:
            pass  # a second interrupt: save all the same
        except StorageError:
            self._save()
            raise
        self._remember(self._server.poll(0.0))
        self._publish()
        self._meter.write(self.updates, self._status())
        self._save()

    def _remember(self, records: Iterable[Record]) -> None:
        """Put records into the replay."""
        for record in records:
            if isinstance(record, StepRecord):
                self._replay.append(record)
                self._returns.add(record)
            else:
                self._replay.relabel(record)

    def _clone(self, should_stop: Callable[[], bool]) -> bool:
        """Let a new run's networks start from the clone of its demonstrations, if the settings want it and some exist.

        Returns: whether the run can go on; it was stopped otherwise.
        """
        cloner, config, self._cloner = self._cloner, self._config, None
        if cloner is None or self._checkpoints.paths() or not self._replay.counts()["demonstration"]:
            return True
        updates = config.clone_updates
        print(f"learner: cloning the demonstrations, {updates} updates", flush=True)
        return start_from_clone(self._agent, cloner, self._replay, config.batch, updates, should_stop)

    def _resume(self) -> None:
        """Continue from the newest checkpoint, if there is one."""
        checkpoint = self._checkpoints.latest()
        if checkpoint is None:
            return
        try:
            self._replay.set_rng_state(checkpoint.meta["replay_rng"])
            self._agent.load_state_dict(checkpoint.arrays)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(
                f"checkpoint: got one of {checkpoint.updates} updates that does not load ({error!r}), expected one of "
                "this agent; resume with the run's own configuration."
            ) from error
        self.updates = checkpoint.updates
        self._meter.begin(self.updates)
        self._compare(checkpoint.meta.get("counts"))

    def _compare(self, counts: Any) -> None:
        """Print what is missing of the transitions that a checkpoint was made with."""
        for kind, source in _MEMORY.items():
            before = counts.get(kind, 0) if isinstance(counts, Mapping) else 0
            missing = before - self._replay.counts()[kind]
            if missing > 0:
                text = f"{missing} of the {before} transitions that the checkpoint was made with are missing"
                print(f"learner: {source}: {text}; updates wait for as many new ones.", flush=True)

    def _turn(self) -> None:
        """Receive records, make one call's updates if the data allows, then publish and save when due."""
        allowed = self._allowed()
        self._remember(self._server.poll(0.0 if allowed else POLL_TIMEOUT_S))
        if allowed:
            self._update()
        self._publish_if_due()
        self._meter.write_if_due(self.updates, self._status)
        if self._clock.now_s() - self._checkpoint_s >= self._config.checkpoint_every_s:
            self._save()

    @property
    def pretraining(self) -> bool:
        """Whether the next call's updates are on demonstrations and an earlier run alone."""
        config, recorded = self._config, self._replay.counters.recorded
        planned = config.update_ratio.pretrain_updates if recorded else 0
        return self.updates + config.updates_per_call <= planned

    def _publish_if_due(self) -> None:
        if self.pretraining:
            return
        if self._published < 0 or self.updates - self._published >= self._config.publish_every_updates:
            self._publish()

    def _publish(self) -> None:
        """Send the policy, its version being the number of updates that made it."""
        parameters = self._agent.policy_parameters()
        check_finite("policy", parameters, self.updates)
        self._server.publish_weights(self.updates, parameters)
        self._published = self.updates

    def _save(self) -> None:
        """Begin to save all that a resumed run needs beside the journal."""
        meta = {"replay_rng": self._replay.rng_state(), "counts": self._replay.counts()}
        state = self._agent.state_dict()
        if health := network_health(state):
            self._metrics.write("health", self.updates, **health)
        self._saver.begin(self.updates, state, meta)
        self._checkpoint_s = self._clock.now_s()

    def _allowed(self) -> bool:
        """Whether the data allows one call's updates."""
        counters = self._replay.counters  # an intervention is online
        allowed = updates_allowed(self._config.update_ratio, counters.online, counters.recorded, self.updates)
        return allowed >= self._config.updates_per_call

    def _update(self) -> None:
        config, demo_fraction = self._config, 1.0 if self.pretraining else self._config.demo_fraction
        with self._meter.timed("sample"):
            batch = self._replay.sample(
                config.batch, config.updates_per_call, demo_fraction, self._agent.horizon, config.prior_fraction
            )
        with self._meter.timed("update"):
            self._meter.latest = self._agent.update(batch)
        self.updates += config.updates_per_call

    def _status(self) -> dict[str, Any]:
        counts = self._replay.counts()
        online = counts["online"]
        planned = self._config.update_ratio.pretrain_updates if self._replay.counters.recorded else 0
        ratio = max(0, self.updates - planned) / online if online else 0.0
        replay = {f"replay_{name}": count for name, count in counts.items()} | self._returns.metrics()
        return {"transitions": online, "updates_per_transition": ratio, **replay, **self._server.status()}
