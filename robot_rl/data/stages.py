"""Stages of an episode, from a person's labels: which steps end one, and what each is called.

meta["stages"]      steps that a `stage` label is about, the last of their stages, in order
meta["subtasks"]    names of the stages, one more than there are labels; without them, `stage 1`, `stage 2` ...
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

STAGES, SUBTASKS = "stages", "subtasks"
LABEL = "stage"


def stages_meta(labels: Sequence[Sequence[str]], reaction_steps: int = 0) -> dict[str, Any]:
    """Return the entry of an episode's meta for its labels; nothing where no stage was labelled.

    Args:
        labels: of each step.
        reaction_steps: steps from an event to its label.
    """
    ends = [max(0, i - reaction_steps) for i, given in enumerate(labels) if LABEL in given]
    return {STAGES: ends} if ends else {}


def step_subtasks(meta: Mapping[str, Any], count: int) -> list[str]:
    """Return the name of the stage that each of an episode's steps is in."""
    ends, names = list(meta.get(STAGES, ())), _names(meta)
    return [names[sum(end < i for end in ends)] for i in range(count)]


def _names(meta: Mapping[str, Any]) -> list[str]:
    """Return the names of an episode's stages."""
    given, count = list(meta.get(SUBTASKS, ())), len(meta.get(STAGES, ())) + 1
    return [given[i] if i < len(given) else f"stage {i + 1}" for i in range(count)]


def meta_of_subtasks(names: Sequence[str]) -> dict[str, Any]:
    """Return the entries of an episode's meta for the name of each step's stage; nothing for one stage throughout."""
    ends = [i for i, (name, following) in enumerate(pairwise(names)) if name != following]
    return {STAGES: ends, SUBTASKS: [names[0], *(names[end + 1] for end in ends)]} if ends else {}


def split_stages(meta: Mapping[str, Any], at: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the entries for the parts of an episode that is split before a step; empty where it has none."""
    if STAGES not in meta:
        return {}, {}
    ends, names = list(meta[STAGES]), _names(meta)
    done = sum(end < at for end in ends)
    parts = ((ends[:done], names[: done + 1]), ([end - at for end in ends[done:]], names[done:]))
    first, second = ({STAGES: own, SUBTASKS: named} for own, named in parts)
    return first, second
