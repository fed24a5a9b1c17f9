"""The replay: every frame stored once, every sampled (obs, next_obs) a real pair.

A record takes one slot; `next_slot` points to the frame that followed it in the same episode, wherever that lies, so
actors may interleave, bursts of interventions need no copies, and a ring that wraps around breaks no pair: a
transition is in an index exactly while both of its frames are in memory. The frame that closes an episode has a slot
of its own which is never sampled as `obs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.core.labels import LABEL_RULES, LabelRule
from robot_rl.core.records import PRIOR_SOURCES, RECORDED, LabelRecord, Observation, Source, StepRecord, check_step
from robot_rl.core.schema import StepSchema
from robot_rl.data.batch import Batch, Horizon, Imitated, imitated_sources
from robot_rl.data.columns import NONE, Columns
from robot_rl.data.indexes import Indexes
from robot_rl.data.intervention_penalty import NO_PENALTY, InterventionPenalty, penalise
from robot_rl.data.replay_counters import ReplayCounters
from robot_rl.data.return_weights import EpisodeReturns
from robot_rl.data.sampling import gather_batch
from robot_rl.data.slots import SlotRing, SlotSet

DEMONSTRATION_CAPACITY = 20_000
ONE_STEP = Horizon()


@dataclass(slots=True)
class _Open:
    """The newest frame of an actor: the one that the next record completes."""

    slot: int
    serial: int
    episode: int
    step: int


class Replay:
    """Ring memory of transitions with an online and a demonstration index; owned by one thread.

    Recorded steps have a ring of their own, so that a long run does not push them out; those of an earlier run have
    another one, and a third index. Steps of a human's intervention live in the online ring, and belong to both indexes
    once their episode succeeded: a human who fails is not imitated, and does not crowd the demonstrations' rewards out
    of the batches. `imitate` names other rules.

    Args:
        capacity: frames kept of the online data; at least 2.
        seed: of the generator that draws samples.
        demonstration_capacity: frames kept of demonstrations; at most 20,000 when not given. Memory is taken from the
            system as it fills.
        label_rules: what each label does, from the reward sources in use; a label without a rule is ignored.
        imitate: steps that count as demonstrations, too.
        prior_capacity: frames kept of an earlier run; 0 takes none.
        penalty: of the policy's steps before an intervention.
        return_temperature: of the weights by return in demonstrations and in an earlier run; None: all steps alike.

    Raises:
        ConfigError: a capacity below 2, or more than the machine can hold.
    """

    def __init__(
        self,
        schema: StepSchema,
        capacity: int,
        seed: int,
        demonstration_capacity: int | None = None,
        label_rules: Mapping[str, LabelRule] = LABEL_RULES,
        imitate: Imitated = "successes",
        prior_capacity: int = 0,
        penalty: InterventionPenalty = NO_PENALTY,
        return_temperature: float | None = None,
    ) -> None:
        if demonstration_capacity is None:
            demonstration_capacity = min(capacity, DEMONSTRATION_CAPACITY)
        for name, value in (("capacity", capacity), ("demonstration_capacity", demonstration_capacity)):
            if value < 2:
                raise ConfigError(f"{name}: got {value}, expected 2 or more frames; a transition needs two.")
        own = capacity + demonstration_capacity
        slots = own + prior_capacity
        self._columns, (self._imitated, self._credited) = Columns.empty(schema, slots), imitated_sources(imitate)
        self.schema, self.counters, self._label_rules = schema, ReplayCounters(), label_rules
        self._penalty = penalty
        self._rng = np.random.default_rng(seed)
        online, demonstrations = SlotRing(0, capacity), SlotRing(capacity, demonstration_capacity)
        self._rings = dict.fromkeys(Source, online) | dict.fromkeys(RECORDED, demonstrations)
        if prior_capacity:
            self._rings |= dict.fromkeys(PRIOR_SOURCES, SlotRing(own, prior_capacity))
        self._returns = None if return_temperature is None else EpisodeReturns(slots, return_temperature)
        recorded = self._returns.weighted_set if self._returns else SlotSet
        self._indexes = Indexes(slots, prior=prior_capacity > 0, recorded=recorded)
        self._serials = 0
        self._open: dict[tuple[str, str], _Open] = {}
        self._steps: dict[tuple[str, str, int], dict[int, int]] = {}  # episode -> step -> slot
        self._identity: list[tuple[str, str, int] | None] = [None] * slots

    def __len__(self) -> int:
        """Number of transitions that can be sampled."""
        return len(self._indexes)

    # -- writing ---------------------------------------------------------------------------------------------------

    def append(self, record: StepRecord) -> int:
        """Store one step and return how many transitions it completed (0, 1 or 2).

        A step whose result was not observed completes the pair before it and is never sampled itself.

        Raises:
            SchemaMismatchError: arrays that differ from the schema; nothing is stored.
        """
        check_step(record, self.schema)
        slot = self._take(record)
        self._columns.write(slot, record)
        self._columns.imitated[slot] = record.source in self._imitated
        completed = self._complete_previous(record, slot)
        taken = penalise(self._columns, slot, self._penalty)
        if self._returns:
            episode = self._steps[record.actor, record.run, record.episode]
            self._returns.continued(slot, episode.values(), record.reward - taken)
        actor = (record.actor, record.run)
        if not record.last:
            self._open[actor] = _Open(slot, int(self._columns.serial[slot]), record.episode, record.step)
            return completed
        self._open.pop(actor, None)
        assert record.next_obs is not None
        completed += self._close(slot, record.next_obs, record.source)
        if record.success:
            self._credit(*actor, record.episode, record.step)
        return completed

    def relabel(self, label: LabelRecord) -> int:
        """Apply the rule of a label and return how many steps in memory it changed.

        A retroactive label is about every step of its window, another one about its step alone. Steps that an episode
        made after its end are taken out of the samples.
        """
        self.counters.labels += 1
        rule = self._label_rules.get(label.label)
        if rule is None:
            self.counters.labels_ignored += 1
            return 0
        slots = self._slots(label, label.step - label.window_steps + 1 if rule.retroactive else label.step, label.step)
        self.counters.labels_missed += not slots
        episode = self._slots(label, 0)
        before = self._columns.reward[episode].sum(dtype=float)
        for slot in slots:
            self._apply(rule, slot)
        if slots and (rule.success is not None or rule.excluded):  # an undone label was perhaps one of success
            self._credit(label.actor, label.run, label.episode, label.step if rule.success else None)
        if rule.terminated:
            for slot in self._slots(label, label.step + 1):
                self._exclude(slot)
        if self._returns:
            self._returns.changed(episode, self._columns.reward[episode].sum(dtype=float) - before)
        return len(slots)

    def _take(self, record: StepRecord) -> int:
        slot = self._fresh(record.source)
        self._identity[slot] = identity = (record.actor, record.run, record.episode)
        self._steps.setdefault(identity, {})[record.step] = slot
        return slot

    def _fresh(self, source: Source) -> int:
        """Return an empty slot of the ring that `source` belongs to."""
        slot = self._rings[source].take()
        self._evict(slot)
        self._columns.clear(slot, self._serials)
        self._serials += 1
        return slot

    def _evict(self, slot: int) -> None:
        """Take a slot's frame out of everything that refers to it."""
        columns = self._columns
        self.counters.evicted += self._indexes.remove(slot)
        previous, following = int(columns.previous_slot[slot]), int(columns.next_slot[slot])
        if previous != NONE:  # the frame before it lost its next frame
            self.counters.evicted += self._indexes.remove(previous)
            columns.next_slot[previous] = NONE
        if following != NONE:
            columns.previous_slot[following] = NONE
        identity = self._identity[slot]
        if identity is not None:
            self._forget_step(identity, int(columns.step[slot]), slot)

    def _forget_step(self, identity: tuple[str, str, int], step: int, slot: int) -> None:
        self._identity[slot] = None
        steps = self._steps.get(identity, {})
        if steps.get(step) == slot:  # else a later record of the same step took its place
            del steps[step]
            if not steps:
                del self._steps[identity]

    def _complete_previous(self, record: StepRecord, slot: int) -> int:
        """Join the actor's open step to this frame when it is the very next one of the same episode."""
        previous = self._open.pop((record.actor, record.run), None)
        if previous is None:
            return 0
        continues = (previous.episode, previous.step + 1) == (record.episode, record.step)
        alive = self._columns.serial[previous.slot] == previous.serial
        if not (continues and alive):
            self.counters.incomplete += 1
            return 0
        return self._link(previous.slot, slot)

    def _close(self, slot: int, next_obs: Observation, source: Source) -> int:
        closing = self._fresh(source)
        self._columns.write_frame(closing, next_obs)
        return self._link(slot, closing)

    def _link(self, slot: int, following: int) -> int:
        """Make (slot, following) a pair and, unless it was undone, samplable."""
        columns = self._columns
        columns.next_slot[slot], columns.previous_slot[following] = following, slot
        if columns.excluded[slot]:
            return 0
        source = Source(columns.source[slot])
        prior = source in PRIOR_SOURCES
        self.counters.prior += int(prior)
        self.counters.demonstration += int(source in RECORDED and not prior)
        self.counters.online += int(source not in RECORDED)
        self.counters.human += int(source == Source.HUMAN)
        self._insert(slot)
        return 1

    def _insert(self, slot: int) -> None:
        self._indexes.insert(slot, Source(self._columns.source[slot]), bool(self._columns.imitated[slot]))

    def _credit(self, actor: str, run: str, episode: int, success: int | None) -> None:
        """Keep each step's distance to step `success`, if any; imitate credited sources where it succeeded."""
        for step, slot in self._steps.get((actor, run, episode), {}).items():
            self._columns.steps_to_success[slot] = NONE if success is None or step > success else success - step
            if self._columns.source[slot] in self._credited:
                self._columns.imitated[slot] = success is not None
                if self._indexes.remove(slot):
                    self._insert(slot)

    def _slots(self, label: LabelRecord, first: int, last: int | None = None) -> list[int]:
        """Return the slots of the labelled episode's steps from `first` to `last` that are in memory."""
        steps = self._steps.get((label.actor, label.run, label.episode), {})
        return [slot for step, slot in steps.items() if first <= step and (last is None or step <= last)]

    def _apply(self, rule: LabelRule, slot: int) -> None:
        if rule.reward is not None:
            self._columns.reward[slot] = rule.reward
        if rule.terminated is not None:
            self._columns.terminated[slot] = rule.terminated
        if rule.excluded:
            self._exclude(slot)

    def _exclude(self, slot: int) -> None:
        """Take a step out of the samples for good; it counts for nothing in its episode's return."""
        self._columns.excluded[slot], self._columns.reward[slot] = True, 0.0
        self._indexes.remove(slot)

    # -- reading ---------------------------------------------------------------------------------------------------

    def sample(
        self,
        batch: int,
        updates: int,
        demo_fraction: float = 0.5,
        horizon: Horizon = ONE_STEP,
        prior_fraction: float = 0.0,
    ) -> Batch:
        """Draw `updates` batches, a fixed share of each from each index, with replacement: uniformly, or by return.

        An index that is empty leaves its share to the others. Entries with variants have one drawn per sample,
        independently for obs and next_obs: the stored form of a random crop. A sample ends before its horizon where the
        episode ends, where the next step cannot be sampled, and, unless the horizon says otherwise, where the human
        takes over or lets go.

        Shapes: every leaf (updates, batch, ...), see `Batch`; all but observations and actions are float32.

        Raises:
            ConfigError: nothing to sample, or a share outside [0, 1].
        """
        slots = self._indexes.draw(self._rng, batch, updates, demo_fraction, prior_fraction)
        return gather_batch(self._columns, self.schema, slots, horizon, self._rng)

    def counts(self) -> dict[str, int]:
        """Return what is in memory now (`*_now`) and the counters of what happened."""
        indexes = self._indexes
        now = {
            "online_now": len(indexes.online),
            "demonstration_now": len(indexes.demonstrations),
            "prior_now": len(indexes.prior),
            "samplable": len(self),
        }
        return now | {name: int(value) for name, value in vars(self.counters).items()}

    def rng_state(self) -> dict[str, Any]:
        """Return the generator's state, JSON-ready, for an exact resume."""
        return dict(self._rng.bit_generator.state)

    def set_rng_state(self, state: dict[str, Any]) -> None:
        """Continue the stream of samples from a state of `rng_state`."""
        self._rng.bit_generator.state = state
