"""Coverage and quality of data sets: SACo and TQ, of recorded episodes.

    SACo = unique state-action pairs / unique state-action pairs of a reference
    TQ   = (mean return - random return) / (expert return - random return)

States and actions are continuous here, so that pairs are those of bins. The state of an arm is its tool pose and the
gripper's opening; velocities, forces, images and objects do not count. Other states: each of their numbers in tenths of
its range over the set and the reference. A return is the sum of an episode's rewards, as recorded.
Source: Schweighofer et al. 2022, arXiv 2111.04714, where the reference is the replay of an online run, of equal size.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robot_rl.core import checks
from robot_rl.core.action_layout import SEPARATOR
from robot_rl.core.errors import ConfigError
from robot_rl.core.records import Observation
from robot_rl.data.formats import Episode
from robot_rl.envs.observation import MOTION_SIZE, PLACE_SCALE_M, STATE, TURN_SCALE_RAD

TENTHS = 10
ARM, ARM_WITH_GRIPPER = 6, 7
"""Sizes of the action of one arm."""
_ARM_TEXT = "tool position and rotation"
_OTHER_TEXT = "each number of the observation's vectors, in tenths of its range"


@dataclass(frozen=True)
class Bins:
    """Widths of the bins in which states and actions are equal, wide enough that a run visits some again."""

    position_m: float = 0.05
    """Of each axis of the tool's position [m]."""
    rotation_rad: float = 0.5
    """Of each entry of the tool's rotation vector from gripper-down [rad]."""
    gripper: float = 0.5
    """Of the gripper's opening in 0..1: closed, half open, open."""
    action: float = 1.0
    """Of each entry of an action in -1..1: back, little, forth; and one for each value of a gripper."""

    def __post_init__(self) -> None:
        checks.positive(self, "position_m", "rotation_rad", "gripper", "action")


@dataclass
class Gathered:
    """What coverage and quality need of a set's episodes: states, actions, returns."""

    states: list[np.ndarray] = field(default_factory=list)  # (T, S) of each episode
    actions: list[np.ndarray] = field(default_factory=list)  # (T, A)
    returns: list[float] = field(default_factory=list)
    arm: str = ""
    """Kinds of the numbers of a state, a letter each: p position, r rotation, g gripper; empty: another state."""

    def add(self, episode: Episode) -> None:
        """Add an episode.

        Raises:
            ConfigError: states or actions other than those of the first one.
        """
        actions = np.array([step.action for step in episode.steps], np.float64)
        kinds = _arm_kinds(episode.steps[0].obs, actions.shape[1])
        states = np.array([_state(step.obs, actions.shape[1], kinds) for step in episode.steps])
        if self.states and (self.arm, *self.sizes) != (kinds, states.shape[1], actions.shape[1]):
            raise ConfigError(
                f"episode {len(self.states)}: got {states.shape[1]} numbers of a state and {actions.shape[1]} of an "
                f"action, expected {self.sizes[0]} and {self.sizes[1]} as in the first one; leave it out by --only."
            )
        self.arm = kinds
        self.states.append(states)
        self.actions.append(actions)
        self.returns.append(float(sum(step.reward for step in episode.steps)))

    @property
    def state_text(self) -> str:
        """What a state is here."""
        return _ARM_TEXT + (", gripper's opening" if "g" in self.arm else "") if self.arm else _OTHER_TEXT

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of a state and of an action."""
        return self.states[0].shape[1], self.actions[0].shape[1]

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return states (N, S) and actions (N, A) of the steps that have a finite action.

        Raises:
            ConfigError: there is none.
        """
        actions = np.concatenate(self.actions) if self.actions else np.zeros((0, 0))
        kept = np.isfinite(actions).all(axis=1) & (actions.shape[1] > 0)
        if not kept.any():
            raise ConfigError("coverage: got no step with a finite action, expected some; see --only.")
        return np.concatenate(self.states)[kept], actions[kept]


@dataclass(frozen=True)
class Coverage:
    """Unique pairs of a set, and of its reference."""

    pairs: int
    steps: int
    reference_pairs: int | None = None
    reference_steps: int | None = None
    saco: float | None = None
    """Pairs over those of the reference; above 1 where the set has more."""
    shared: float | None = None
    """Share of the reference's pairs that the set has, too."""


@dataclass(frozen=True)
class Quality:
    """Mean return of a set's episodes between two others."""

    mean: float
    random: float
    expert: float
    tq: float | None
    """None where both ends are equal."""


def coverage(found: Gathered, bins: Bins, reference: Gathered | None = None) -> Coverage:
    """Return how many unique state-action pairs a set has, and how many of a reference's.

    Raises:
        ConfigError: no step with an action, or a reference of other states or actions.
    """
    states, actions = found.pairs()
    if reference is None:
        return Coverage(len(_cells(states, actions, bins, found.arm, _ranges(states))), len(states))
    theirs, their_actions = reference.pairs()
    if (found.arm, *found.sizes) != (reference.arm, *reference.sizes):
        raise ConfigError(
            f"coverage: got states of {found.sizes[0]} and actions of {found.sizes[1]} numbers against a reference's "
            f"{reference.sizes[0]} and {reference.sizes[1]}, expected the same; name one of the same task."
        )
    ranges = _ranges(np.concatenate([states, theirs]))
    own = _cells(states, actions, bins, found.arm, ranges)
    other = _cells(theirs, their_actions, bins, found.arm, ranges)
    saco, shared = len(own) / len(other), len(own & other) / len(other)
    return Coverage(len(own), len(states), len(other), len(theirs), saco, shared)


def quality(found: Gathered, random: float | None = None, expert: float | None = None) -> Quality:
    """Return the trajectory quality of a set.

    Args:
        random: mean return of a policy that knows nothing; None: the lowest of the set's episodes.
        expert: mean return of the best policy; None: the highest of the set's episodes.
    """
    mean = float(np.mean(found.returns))
    low = min(found.returns) if random is None else random
    high = max(found.returns) if expert is None else expert
    return Quality(mean, low, high, (mean - low) / (high - low) if high != low else None)


def described(measured: Mapping[str, Any]) -> list[str]:
    """Return what was measured in lines of text.

    Args:
        measured: `coverage`, `quality`, `bins` and the names `relative_to` which they are measured, as values of JSON.
    """
    explored, returns, bins, names = (measured[key] for key in ("coverage", "quality", "bins", "relative_to"))
    widths = f"{bins['position_m']:g} m, {bins['rotation_rad']:g} rad, gripper {bins['gripper']:g}"
    widths = f"bins of {widths}, " if explored["state"].startswith(_ARM_TEXT) else ""
    lines = [
        f"coverage: {explored['pairs']} unique state-action pairs of {explored['steps']} steps",
        f"  state: {explored['state']}; {widths}action {bins['action']:g}",
    ]
    if explored["saco"] is not None:
        theirs = f"{explored['reference_pairs']} pairs of {explored['reference_steps']} steps in {names['reference']}"
        lines.append(f"SACo {explored['saco']:.3f}: against {theirs}, of which {explored['shared']:.0%} are here, too")
    tq = "-, since both ends are equal; name them by --random and --expert" if returns["tq"] is None else ""
    ends = " and ".join(f"{returns[end]:.3g} ({names[end]})" for end in ("random", "expert"))
    return [*lines, f"TQ {tq or format(returns['tq'], '.3f')}: mean return {returns['mean']:.3g} between {ends}"]


def _cells(states: np.ndarray, actions: np.ndarray, bins: Bins, arm: str, ranges: np.ndarray) -> set[bytes]:
    """Return the unique pairs of bins."""
    low, width = ranges
    widths = {"p": bins.position_m, "r": bins.rotation_rad, "g": bins.gripper}
    if arm:
        places = np.rint(states / [widths[kind] for kind in arm])
    else:
        places = np.minimum((states - low) // width, TENTHS - 1)
    rows = np.concatenate([places, np.rint(actions / bins.action)], axis=1).astype(np.int32)
    return {row.tobytes() for row in rows}


def _ranges(states: np.ndarray) -> np.ndarray:
    """Return the lowest value and a tenth of the range of each number (2, S); a tenth of 1 where it is constant."""
    low, high = states.min(axis=0), states.max(axis=0)
    return np.array([low, np.where(high > low, high - low, 1.0) / TENTHS])


def _arm_kinds(obs: Observation, actions: int) -> str:
    """Return the kinds of the numbers of all arms' poses; empty for a state that is no arm's."""
    names = _arm_names(obs)
    gripper = actions == ARM_WITH_GRIPPER * len(names) and all(obs[name].size > MOTION_SIZE for name in names)
    return ("ppprrr" + "g" * gripper) * len(names) if gripper or actions == ARM * len(names) else ""


def _arm_names(obs: Observation) -> list[str]:
    named = [name for name in sorted(obs) if name == STATE or name.endswith(SEPARATOR + STATE)]
    return [name for name in named if obs[name].ndim == 1 and obs[name].size >= MOTION_SIZE]


def _state(obs: Observation, actions: int, kinds: str) -> np.ndarray:
    """Return tool positions [m], rotations [rad] and openings (S,); of other states all their numbers."""
    if not kinds:
        entries = [obs[name] for name in sorted(obs) if obs[name].ndim == 1 and obs[name].dtype.kind == "f"]
        return np.concatenate(entries, dtype=np.float64) if entries else np.zeros(0)
    units = np.repeat([PLACE_SCALE_M, TURN_SCALE_RAD, 1.0], 3)[: 6 + kinds.count("g") // len(_arm_names(obs))]
    index = [*range(6), MOTION_SIZE][: len(units)]
    return np.concatenate([units * obs[name][index] for name in _arm_names(obs)])
