"""Demonstrations: recorded episodes read back as an actor's records, encoded."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.core.errors import RunFolderError
from robot_rl.core.records import Source, StepRecord
from robot_rl.core.seeds import Purpose, generator
from robot_rl.data.formats import make_format
from robot_rl.rewards.combined import CombinedReward
from robot_rl.rewards.source import StepOutcome
from robot_rl.runtime.acting.observation import encode_steps
from robot_rl.vision.encoder import Encoder

ACTOR = "demonstration"
HELD = "success"
"""Folder, within that of the episodes, of the steps after success."""


def load_demonstrations(
    folder: Path,
    encoder: Encoder | None,
    seed: int = 0,
    run: str = ACTOR,
    dataset: str = "episodes",
    judge: CombinedReward | None = None,
    failures: bool = False,
) -> Iterator[StepRecord]:
    """Return the successful episodes of a folder as one actor's records, encoded and numbered through.

    Args:
        dataset: name of the dataset format.
        judge: judges again which episodes succeeded, and when; None: as recorded.
        failures: whether recorded failures are returned, too, as steps that are not imitated.

    Raises:
        RunFolderError: the folder holds none, or `judge` finds a success in none.
    """
    episodes = make_format(dataset)
    if not episodes.count(folder):
        raise RunFolderError(
            f"demonstrations: got 0 episodes in {folder}, expected at least one; record some with `robot-rl record`."
        )
    encoded = read_encoded(folder, encoder, generator(Purpose.ENCODING, seed), dataset)
    if judge is None:  # failures and play are for a reward classifier, or experience
        episodes_read = ((number, steps, meta.get("success", True)) for number, meta, steps in encoded)
        return _numbered((episode for episode in episodes_read if episode[2] or failures), run)
    judged = [(number, steps, True) for number, _, every in encoded if (steps := judge_again(list(every), judge))]
    if not judged:
        raise RunFolderError(
            f"demonstrations: got {episodes.count(folder)} episodes in {folder} of which {', '.join(judge.names)} "
            "finds a success in none, expected one; train the classifier on more, or let the recording judge."
        )
    return _numbered(judged, run)


def _numbered(episodes: Iterable[tuple[int, Iterable[StepRecord], bool]], run: str) -> Iterator[StepRecord]:
    sequence = 0
    for number, steps, success in episodes:
        for step in steps:
            shown = success and step.source is not Source.RETREAT
            source = Source.DEMONSTRATION if shown else Source.EARLIER
            yield replace(step, actor=ACTOR, run=run, sequence=sequence, episode=number, source=source)
            sequence += 1


def judge_again(steps: Sequence[StepRecord], judge: CombinedReward) -> list[StepRecord]:
    """Return an episode up to its first success, as reward sources judge its observations; nothing without one."""
    judge.reset()
    for number, step in enumerate(steps):
        following = steps[number + 1] if number + 1 < len(steps) else None
        obs, frames = (step.next_obs, step.next_frames) if following is None else (following.obs, following.frames)
        assert obs is not None  # the last step's own
        reward, _, success = judge.judge(StepOutcome(0.0, step.terminated, False, obs=obs))
        if success:
            end = replace(
                step, reward=reward, terminated=True, truncated=False, success=True, next_obs=obs, next_frames=frames
            )
            return [*(replace(before, reward=0.0) for before in steps[:number]), end]
    return []


def read_encoded(
    folder: Path, encoder: Encoder | None, rng: np.random.Generator, dataset: str
) -> Iterator[tuple[int, Mapping[str, Any], Iterable[StepRecord]]]:
    """Yield number, meta and steps of a folder's episodes; the steps are encoded as they are read.

    Raises:
        RunFolderError: an episode holds the features of another encoder and no frames.
    """
    for number, (steps, meta) in enumerate(make_format(dataset).read(folder)):
        missing = _missing_encoder(f"episode {number} of {folder}", steps[0], meta.get("encoder"), encoder)
        yield number, meta, steps if missing is None else encode_steps(steps, missing, rng)


def _missing_encoder(where: str, step: StepRecord, stored: str | None, encoder: Encoder | None) -> Encoder | None:
    """Return what has yet to encode an episode; None for one that holds this encoder's features.

    Args:
        step: one of the episode.
        stored: identity of the encoder whose features the episode holds, None for images.

    Raises:
        RunFolderError: it holds the features of another encoder and no frames.
    """
    own = "" if encoder is None else encoder.identity
    if stored is None or (stored != own and encoder is not None and step.frames.keys() >= set(encoder.cameras)):
        return encoder
    if stored == own:
        return None
    raise RunFolderError(
        f"demonstrations: got {where} with features of encoder {stored[:12]} and no frames, expected images, frames or "
        f"features of {own[:12] or 'none'}; record with images, or train with that encoder."
    )
