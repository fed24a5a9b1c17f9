"""Records from actor to learner: one step, and one human label of past steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError, NonFiniteRecordError
from robot_rl.core.labels import LABELS
from robot_rl.core.schema import StepSchema, check_array

UNNUMBERED = -1
"""Sequence of a record without a number."""
REWARD_MAX = 1e6
"""Bound of a reward's size: one sample beyond it would outweigh all others."""
WINDOW_STEPS_MAX = 10_000
"""Bound of a label's window."""
Observation = Mapping[str, np.ndarray]


class Source(IntEnum):
    """Source of the executed action."""

    POLICY = 0
    HUMAN = 1
    DEMONSTRATION = 2
    EARLIER = 3  # in a recorded episode that failed: experience that is not imitated
    PRIOR = 4  # policy of the run that this one starts from: experience that is not imitated
    PRIOR_HUMAN = 5  # human's intervention in that run, the same
    RETREAT = 6  # retreat of an arm that was stuck, neither policy nor human: experience that is not imitated


PRIOR_SOURCES = frozenset({Source.PRIOR, Source.PRIOR_HUMAN})
"""Sources of steps of an earlier run."""
RECORDED = frozenset({Source.DEMONSTRATION, Source.EARLIER}) | PRIOR_SOURCES
"""Sources of steps that are read from a folder; no actor sends them."""


@dataclass(frozen=True, slots=True, eq=False)
class StepRecord:
    """One step: observation, actions, result.

    A frame crosses the wire once: transition t is complete when record t + 1 of the same (actor, run, episode)
    arrives, or at once when `next_obs` is given, which is exactly on the last step of an episode.

    Shapes: obs per schema; action, policy_action, human_action (A,) float32.

    Raises:
        ConfigError: `next_obs` and the end of the episode disagree.
    """

    actor: str
    run: str
    sequence: int  # counts the records of (actor, run), labels included, from 0
    episode: int
    step: int  # from 0 within the episode
    obs: Observation  # before the action
    action: np.ndarray  # executed
    policy_action: np.ndarray  # NaN when the policy did not act
    human_action: np.ndarray  # NaN when no human acted
    source: Source
    reward: float
    terminated: bool  # the task ended: no bootstrapping
    truncated: bool  # the clock, the operator or a fault ended it: bootstrap from next_obs
    success: bool
    next_obs: Observation | None
    policy_version: int
    stamp_ns: int  # monotonic, of the observation
    frames: Observation = field(default_factory=dict)  # camera -> compressed image (bytes,) uint8 behind obs' features
    next_frames: Observation = field(default_factory=dict)  # the same of next_obs
    observed: bool = True  # False: a fault hid the action's result; the step is stored and never sampled

    def __post_init__(self) -> None:
        if self.last != (self.next_obs is not None):
            got = "none" if self.next_obs is None else "an observation"
            raise ConfigError(
                f"next_obs: got {got} with terminated={self.terminated}, truncated={self.truncated}, "
                "expected it exactly on the last step; pass it there only."
            )

    @property
    def last(self) -> bool:
        """Whether this step closes its episode."""
        return self.terminated or self.truncated


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """One human label of the steps up to and including `step`, over a retroactive window.

    Raises:
        UnknownNameError: the label is not one of `LABELS`.
        ConfigError: a window or value out of its range.
    """

    actor: str
    run: str
    sequence: int
    episode: int
    step: int
    label: str
    value: float
    window_steps: int  # number of steps up to `step` that it covers; at least 1
    stamp_ns: int

    def __post_init__(self) -> None:
        checks.one_of(self, LABELS, "label")
        checks.within(self, 1, WINDOW_STEPS_MAX, "window_steps")
        checks.within(self, -REWARD_MAX, REWARD_MAX, "value")


Record = StepRecord | LabelRecord


def check_step(record: StepRecord, schema: StepSchema) -> None:
    """Check that a step has exactly the arrays of a schema, and finite numbers.

    Raises:
        SchemaMismatchError: other arrays.
        NonFiniteRecordError: NaN or infinity, or a reward beyond its bound; of actions that were not made, all are NaN.
    """
    schema.check_observation(record.obs)
    if record.next_obs is not None:
        schema.check_observation(record.next_obs)
    for name in ("action", "policy_action", "human_action"):
        check_array(name, getattr(record, name), schema.action_spec)
    _check_finite(record)


def _check_finite(record: StepRecord) -> None:
    numbers = {"action": record.action, **record.obs, **{f"next {k}": v for k, v in (record.next_obs or {}).items()}}
    wrong = [name for name, array in numbers.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    for name in ("policy_action", "human_action"):
        action = getattr(record, name)
        wrong += [] if np.isfinite(action).all() or np.isnan(action).all() else [name]
    wrong += [] if abs(record.reward) <= REWARD_MAX else [f"reward {record.reward}"]
    if wrong:
        raise NonFiniteRecordError(
            f"record: got NaN, infinity or too large a value in {', '.join(wrong)} at step {record.step} of episode "
            f"{record.episode}, expected finite numbers; look for the sensor, encoder or reward that made it."
        )


def no_action(size: int) -> np.ndarray:
    """Return the (A,) placeholder for a missing action: all NaN."""
    return np.full(size, np.nan, dtype=np.float32)
