"""`robot-rl classifier train`: train a reward classifier from recordings; `check` judges one on others."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich.progress import Progress

from robot_rl import build
from robot_rl.cli.arguments import RunArguments, run_command
from robot_rl.core.errors import ConfigError
from robot_rl.rewards.classifier_training import TrainingConfig, held_out_scores, train_model
from robot_rl.rewards.success_model import SuccessModel, save_model, sigmoid
from robot_rl.runtime.acting.recordings import check_recordings
from robot_rl.runtime.acting.success_frames import read_frames
from robot_rl.runtime.runs.stop import writes_at_the_end

RECALL_MIN = 0.5
"""Share of the held-out successes that a useful classifier recognises at the wanted rate of false positives."""
VARIANTS = 4
"""Encodings of each frame, the first one clean: a random shift is the images' augmentation."""


@dataclass(frozen=True, kw_only=True)
class Arguments(RunArguments):
    """Train a classifier that says from the encoder's features, pose and gripper whether the task is done.

    Successes: the last frame of each successful episode and those held after it. All other frames are none, as are
    those of failures and play (`record --keep-failures`): record near misses, which it must tell from success.

    examples:
      robot-rl record pick-lift --out demos --hold-success 9
      robot-rl record pick-lift --out play --by keyboard --keep-failures --episodes 5
      robot-rl classifier train pick-lift --from demos play --out lifted.safetensors --png lifted.png
      robot-rl classifier check pick-lift --from others --file lifted.safetensors     on recordings that it never saw
      robot-rl train pick-lift --rewards classifier human-label --reward-settings classifier.file lifted.safetensors
    """

    recordings: Annotated[tuple[Path, ...], tyro.conf.arg(name="from")] = ()
    """Folders of `robot-rl record`."""
    out: Path
    """File to write; one that exists is refused."""
    png: Path | None = None
    """Image with the curves of precision over recall and recall over false positives; None: none."""
    margin: int | None = None
    """Frames before the last one of a success that count as nothing; None: none where success was ground truth, those
    of a reaction time where it was a label."""
    proprioception: bool = True
    """Judge pose and gripper opening beside the images; `--no-proprioception`: the images alone."""
    write_refused: bool = False
    """Write the file of a useless classifier, too."""
    training: TrainingConfig = field(default_factory=TrainingConfig)


ACTIONS = {"train": __name__, "check": "robot_rl.cli.classifier_check"}
"""First word -> module of its arguments and function."""


def main(words: Sequence[str]) -> int:
    """Train a classifier, or check one.

    Raises:
        ConfigError: another word, or settings that cannot work.
    """
    action, rest = ("train", words) if {"--help", "-h"} & set(words[:1]) else ("".join(words[:1]), words[1:])
    if action not in ACTIONS:
        raise ConfigError(f"classifier: got {action or 'nothing'}, expected 'train' or 'check'; see --help.")
    return run_command(importlib.import_module(ACTIONS[action]), f"classifier {action}", rest)


def run(arguments: Arguments) -> int:
    """Read, encode, train, save; print the scores on held-out episodes."""
    with writes_at_the_end(arguments.out, "classifier"):
        return _learn(arguments)


def _learn(arguments: Arguments) -> int:
    if arguments.out.exists():
        raise ConfigError(f"out: got {arguments.out}, which exists, expected a new file; choose another name.")
    config, origin = arguments.config, build.make_origin(arguments.config)
    check_recordings(arguments.recordings, config.demonstrations_format, origin, origin.cameras)
    model = _train(arguments)
    print("\n".join(describe(model, arguments.training.false_positive_rate)))
    if arguments.png is not None:
        draw_scores(model, arguments.png)
        print(f"curves in {arguments.png}")
    fault = find_fault(model, arguments.training.false_positive_rate)
    if fault:
        print(f"refused: {fault}")
    if fault and not arguments.write_refused:
        return 1
    save_model(arguments.out, model)
    print(f"wrote {arguments.out}")
    return 1 if fault else 0


def find_fault(model: SuccessModel, rate: float) -> str:
    """Return why a classifier is useless: it misses most successes where false positives are as rare as wanted.

    Args:
        rate: wanted of false positives.
    """
    logit, success = np.array(model.card["held_out"]), model.frames.success
    strict = float(np.quantile(logit[~success], 1.0 - rate, method="higher"))
    recall = held_out_scores(logit, success, strict)["recall"]
    if recall >= RECALL_MIN:
        return ""
    return (
        f"at {rate:.1%} false positives it recognises {recall:.0%} of the held-out successes, expected "
        f"{RECALL_MIN:.0%} or more; record more successes (--hold-success) and near misses, or take an encoder that "
        "shows the difference; --write-refused writes it anyway"
    )


def _train(arguments: Arguments) -> SuccessModel:
    config = arguments.config
    config = replace(config, vision=replace(config.vision, variants=VARIANTS))
    encoder = build.make_encoder(config)
    views = build.make_views(config, encoder)
    views = views if arguments.proprioception else replace(views, state={})
    with Progress(transient=True) as bar:
        reading, training = bar.add_task("encoding episodes", total=None), None
        frames = read_frames(
            arguments.recordings,
            encoder,
            views,
            arguments.margin,
            config.demonstrations_format,
            lambda done, count: bar.update(reading, completed=done, total=count),
        )
        training = bar.add_task("training", total=arguments.training.steps)
        rng, card = np.random.default_rng(config.seed), {"task": config.task}
        return train_model(frames, views, arguments.training, rng, card, lambda n: bar.update(training, advance=n))


def describe(model: SuccessModel, rate: float) -> list[str]:
    """Return the card in lines.

    Args:
        rate: wanted of false positives.
    """
    card: dict[str, Any] = dict(model.card)
    return [
        f"{card['task']}, {card['date']}: {card['positives']} frames of success, {card['negatives']} without, of "
        f"{card['episodes']} episodes",
        f"on held-out episodes at the threshold {model.threshold:.3f}: precision {card['precision']:.1%}, recall "
        f"{card['recall']:.1%}, false positives {card['false_positive_rate']:.2%} of the frames",
        *_warnings(model, rate),
        f"views: {', '.join(f'{name} ({view})' for name, view in model.views.cameras.items())}; "
        f"{', '.join(model.views.state) or 'no proprioception'}; encoder {model.views.encoder[:12]}",
    ]


def _warnings(model: SuccessModel, rate: float) -> list[str]:
    """Return a line where more frames than wanted are false positives: the episodes to record more of."""
    frames, card = model.frames, model.card
    if card["false_positive_rate"] <= rate:
        return []
    wrong = ~frames.success & (sigmoid(card["held_out"]) > model.threshold)
    counts = np.bincount(frames.episode[wrong])
    worst = ", ".join(f"{episode} ({counts[episode]} frames)" for episode in np.argsort(-counts)[:3] if counts[episode])
    return [f"more false positives than {rate:.1%}: record more like episodes {worst}, counted from 0 over the folders"]


def draw_scores(model: SuccessModel, path: Path) -> None:
    """Draw precision over recall, and recall over the rate of false positives, of held-out episodes."""
    from robot_rl.runtime.runs.curves import draw_lines  # matplotlib takes a second to import

    logit, success = np.array(model.card["held_out"]), model.frames.success
    points = [held_out_scores(logit, success, threshold) for threshold in np.unique(logit)]
    recall = [point["recall"] for point in points]
    draw_lines(
        path,
        [
            ("recall", "precision", recall, [point["precision"] for point in points]),
            ("false positives a frame", "recall", [point["false_positive_rate"] for point in points], recall),
        ],
    )
