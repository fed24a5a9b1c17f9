"""Demonstrations: recorded episodes read back as an actor's records, encoded."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.core.errors import RunFolderError
from robot_rl.core.records import Source, StepRecord
from robot_rl.core.seeds import Purpose, generator
from robot_rl.data.formats import make_format
from robot_rl.runtime.acting.observation import encode_steps
from robot_rl.vision.encoder import Encoder

ACTOR = "demonstration"
HELD = "success"
"""Folder, within that of the episodes, of the steps after success."""


def load_demonstrations(
    folder: Path, encoder: Encoder | None, seed: int = 0, run: str = ACTOR, dataset: str = "episodes"
) -> Iterator[StepRecord]:
    """Return the successful episodes of a folder as one actor's records, encoded and numbered through.

    Args:
        dataset: name of the dataset format.

    Raises:
        RunFolderError: the folder holds none.
    """
    episodes = make_format(dataset)
    if not episodes.count(folder):
        raise RunFolderError(
            f"demonstrations: got 0 episodes in {folder}, expected at least one; record some with `robot-rl record`."
        )
    return _load(folder, encoder, generator(Purpose.ENCODING, seed), run, dataset)


def _load(
    folder: Path, encoder: Encoder | None, rng: np.random.Generator, run: str, dataset: str
) -> Iterator[StepRecord]:
    sequence = 0
    for number, meta, steps in read_encoded(folder, encoder, rng, dataset):
        for step in steps if meta.get("success", True) else ():  # failures and play are for a reward classifier
            yield replace(step, actor=ACTOR, run=run, sequence=sequence, episode=number, source=Source.DEMONSTRATION)
            sequence += 1


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
