"""`robot-rl classifier check`: scores of a reward classifier on recordings that it never saw."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.progress import Progress

from robot_rl import build
from robot_rl.cli.arguments import RunArguments
from robot_rl.core.errors import ConfigError
from robot_rl.rewards.classifier_training import held_out_scores
from robot_rl.rewards.success_model import Frames, load_model
from robot_rl.runtime.acting.recordings import check_recordings
from robot_rl.runtime.acting.success_frames import read_frames


@dataclass(frozen=True, kw_only=True)
class Arguments(RunArguments):
    """Judge recordings by a classifier that was not trained on them, frame by frame, and print how often it is wrong
    and in which episodes. Record some on another day, near misses among them.

    example:
      robot-rl record pick-lift --out others --hold-success 9 --seed 7
      robot-rl classifier check pick-lift --from others --file lifted.safetensors
    """

    recordings: Annotated[tuple[Path, ...], tyro.conf.arg(name="from")]
    """Folders of `robot-rl record`."""
    file: Path
    """File of `robot-rl classifier train`."""
    margin: int | None = None
    """Frames before the last one of a success that count as nothing; see `classifier train`."""
    recall: float = 0.95
    """Share of the successes at which false positives are given beside those at the classifier's own threshold."""


def run(arguments: Arguments) -> int:
    """Read, judge, print.

    Raises:
        ConfigError: a classifier of another task, encoder or view, or recordings without success.
    """
    config, origin, model = arguments.config, build.make_origin(arguments.config), load_model(arguments.file)
    check_recordings(arguments.recordings, config.demonstrations_format, origin, origin.cameras)
    encoder = build.make_encoder(config)
    model.views.check(build.make_views(config, encoder))
    with Progress(transient=True) as bar:
        row = bar.add_task("judging episodes", total=None)
        frames = read_frames(
            arguments.recordings,
            encoder,
            model.views,
            arguments.margin,
            config.demonstrations_format,
            lambda done, count: bar.update(row, completed=done, total=count),
        )
    if not frames.success.any() or frames.success.all():
        raise ConfigError(
            "from: got frames of one kind only, expected some with and some without success; record whole episodes by "
            "`robot-rl record --hold-success 9`."
        )
    probability = model.probability(frames.inputs[:, 0].astype(np.float32))
    print("\n".join(describe(frames, probability, model.threshold, arguments.recall)))
    return 0


def describe(frames: Frames, probability: np.ndarray, threshold: float, recall: float) -> Iterator[str]:
    """Yield the scores in lines, at a threshold and at a recall, and the episodes with false positives."""
    successes, episodes = int(frames.success.sum()), np.unique(frames.episode).size
    yield f"{successes} frames of success, {len(frames.success) - successes} without, of {episodes} episodes"
    kept = max(1, math.ceil(recall * successes))
    level = np.nextafter(np.sort(probability[frames.success])[-kept], -np.inf)
    for name, value in (("at its threshold", threshold), (f"at a recall of {recall:.0%}, threshold", float(level))):
        scores = held_out_scores(probability, frames.success, value)
        rates = f"recall {scores['recall']:.1%}, false positives {scores['false_positive_rate']:.2%} of the frames"
        yield f"{name} {value:.3f}: {rates}"
    wrong = frames.episode[~frames.success & (probability > threshold)]
    for episode, count in zip(*np.unique(wrong, return_counts=True), strict=True):
        yield f"episode {episode}: {count} false positives"
