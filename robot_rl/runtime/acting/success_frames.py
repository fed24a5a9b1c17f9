"""Labelled frames for a reward classifier from recorded episodes."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.core.seeds import Purpose, generator
from robot_rl.data.formats import make_format
from robot_rl.rewards.success_model import Frames, Views
from robot_rl.runtime.acting.demonstrations import HELD, read_encoded
from robot_rl.vision.encoder import Encoder


def read_frames(
    folders: Sequence[Path],
    encoder: Encoder | None,
    views: Views,
    margin: int | None = None,
    dataset: str = "episodes",
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> Frames:
    """Return the frames of all episodes: those after success are successes, all others are not.

    Successes are the closing frame of an episode with success and the frames held after it (`record --hold-success`).

    Args:
        margin: frames before the closing one of a success that are left out; None: as recorded, none where success was
            ground truth, a reaction time where it was a label.
        progress: episodes read so far, and in all.

    Raises:
        ConfigError: a folder without episodes, success held after none of them, or features of another encoder without
            images.
    """
    rng, form = generator(Purpose.ENCODING, 0), make_format(dataset)
    counts = [form.count(folder) for folder in folders]
    if 0 in counts or not counts:
        empty = folders[counts.index(0)] if counts else "no folder"
        raise ConfigError(f"from: got {empty} without episodes, expected recordings; see `robot-rl record --help`.")
    inputs: list[np.ndarray] = []
    success: list[bool] = []
    episodes: list[int] = []
    for index, folder in enumerate(folders):
        base = sum(counts[:index])
        for number, meta, encoded in read_encoded(folder, encoder, rng, dataset):
            steps = list(encoded)
            last = steps[-1]
            assert last.next_obs is not None
            won = bool(meta.get("success", last.success))
            unsure = int(meta.get("unsure", 0)) if margin is None else margin
            before = steps[: max(0, len(steps) - unsure)] if won else steps
            inputs += [views.read(obs) for obs in (*(step.obs for step in before), last.next_obs)]
            success += [False] * len(before) + [won]
            episodes += [base + number] * (len(before) + 1)
            progress(base + number + 1, sum(counts))
        for _, meta, encoded in read_encoded(folder / HELD, encoder, rng, dataset):
            steps, owner = list(encoded), int(meta["demonstration"])
            if owner >= counts[index]:
                raise ConfigError(
                    f"recordings: got success held after episode {owner} in {folder}, expected one of its "
                    f"{counts[index]} episodes; take it away by `robot-rl record ... --remove-last`, or put it back."
                )
            held = [step.obs for step in steps[1:]] + [obs for step in steps if (obs := step.next_obs) is not None]
            inputs += [views.read(obs) for obs in held]
            success += [True] * len(held)
            episodes += [base + owner] * len(held)
    return Frames(np.stack(inputs).astype(np.float16), np.array(success), np.array(episodes))
