"""Batches out of the replay's columns, each a copy of the rows that its samples span."""

import numpy as np

from robot_rl.core.schema import StepSchema
from robot_rl.data.arena import empty_together
from robot_rl.data.batch import Batch, Horizon
from robot_rl.data.columns import NONE, Columns

_FRAMES = ("obs", "next_obs")
_SCALARS = ("reward", "discount", "terminated", "imitated", "outcome")

Leaves = dict[str, np.ndarray]


def gather_batch(
    columns: Columns, schema: StepSchema, slots: np.ndarray, horizon: Horizon, rng: np.random.Generator
) -> Batch:
    """Return the samples that begin at `slots`; one variant of an entry is drawn for each of obs and next_obs."""
    leaves = empty_together(_layout(schema, slots.shape, horizon.steps))
    last = _accumulate(columns, slots, horizon, leaves)
    _gather_frames(columns, schema, slots, "obs", leaves, rng)
    _gather_frames(columns, schema, np.take(columns.next_slot, last), "next_obs", leaves, rng)
    leaves["terminated"][:] = np.take(columns.terminated, last)
    remaining = np.take(columns.steps_to_success, slots)
    leaves["outcome"][:] = np.where(remaining == NONE, 0.0, horizon.discount**remaining)
    obs, next_obs = ({name: leaves.pop(f"{part}/{name}") for name in schema.observation} for part in _FRAMES)
    return Batch(obs, next_obs, **leaves)


def _accumulate(columns: Columns, slots: np.ndarray, horizon: Horizon, leaves: Leaves) -> np.ndarray:
    """Write actions, reward, discount and imitation of samples that begin at `slots`, and return their last slots."""
    action, last, imitated = leaves["action"], slots, leaves["imitated"]
    imitated[:] = np.take(columns.imitated, slots)
    np.take(columns.reward, slots, out=leaves["reward"], mode="clip")
    leaves["discount"][:] = horizon.discount
    if horizon.steps == 1:
        np.take(columns.action, slots, axis=0, out=action, mode="clip")
        return slots
    action[:], action[..., 0, :] = 0.0, columns.action[slots]
    going = ~columns.terminated[slots]
    for step in range(1, horizon.steps):
        following = columns.next_slot[last]  # of a slot that can be sampled it exists
        going &= _samplable(columns, following)
        if horizon.over_takeovers:
            imitated[going] *= columns.imitated[following[going]]
        else:
            going &= columns.source[following] == columns.source[slots]
        leaves["reward"][going] += horizon.discount**step * columns.reward[following[going]]
        leaves["discount"][going] *= horizon.discount
        action[going, step] = columns.action[following[going]]
        last = np.where(going, following, last)
        going &= ~columns.terminated[last]
    return last


def _samplable(columns: Columns, slots: np.ndarray) -> np.ndarray:
    """Return which slots hold a step whose pair is in memory."""
    return (columns.next_slot[slots] != NONE) & ~columns.excluded[slots]


def _layout(schema: StepSchema, lead: tuple[int, ...], steps: int) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Return shape and dtype of every leaf of a batch."""
    frames = {
        f"{part}/{name}": (lead + spec.sample_shape, np.dtype(spec.dtype))
        for part in _FRAMES
        for name, spec in schema.observation.items()
    }
    spec = schema.action_spec
    action = (lead + ((steps,) if steps > 1 else ()) + spec.shape, np.dtype(spec.dtype))
    return frames | {"action": action} | dict.fromkeys(_SCALARS, (lead, np.dtype(np.float32)))


def _gather_frames(
    columns: Columns, schema: StepSchema, slots: np.ndarray, part: str, leaves: Leaves, rng: np.random.Generator
) -> None:
    for name, spec in schema.observation.items():
        rows, index = columns.obs[name], slots
        if spec.variants:  # a view: each variant becomes a row of its own
            rows = rows.reshape(-1, *spec.sample_shape)
            index = slots * spec.variants + rng.integers(0, spec.variants, slots.shape)
        np.take(rows, index, axis=0, out=leaves[f"{part}/{name}"], mode="clip")
