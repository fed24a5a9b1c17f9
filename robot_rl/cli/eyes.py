"""`robot-rl eyes`: an image encoder learned from a lab's own recordings, probed on held-out episodes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro
from rich.progress import Progress

from robot_rl import build
from robot_rl.cli.arguments import RunArguments
from robot_rl.core.errors import ConfigError
from robot_rl.envs.observation import own_pose_entries, own_pose_names, own_poses
from robot_rl.runtime.acting.recordings import check_recordings
from robot_rl.runtime.runs.stop import writes_at_the_end
from robot_rl.tasks import find_task
from robot_rl.vision.architecture import EncoderFile, load_encoder, save_encoder
from robot_rl.vision.frozen import SHIPPED_ENCODER
from robot_rl.vision.goal_config import GoalConfig
from robot_rl.vision.goal_reader import PoseEntry
from robot_rl.vision.own import OwnConfig, train_own
from robot_rl.vision.probe import all_features, held_out_rows, probe_encoder
from robot_rl.vision.recordings import Recording, read_recording

SIMULATOR = "simulator"
"""Name of the encoder that is shipped."""
ADVICE = """\
record more play that ends in success, with cameras that show the goal; --own.candidates chooses among more detectors,
--limit accepts a larger error, --write-refused writes the file anyway (docs/eyes.md)"""


@dataclass(frozen=True, kw_only=True)
class Arguments(RunArguments):
    """Learn the encoder that turns a lab's camera images into numbers from its own recordings: demonstrations and
    play, with images. What is learned is where successful episodes ended, seen from the tool, and what the images show
    beside the arms; no object is labelled, no simulator is used.

    A linear probe on episodes that the training never saw judges it; then all episodes train the encoder that is
    written. One in which the goal is read hardly better than from the tool's pose alone is refused.

    example:
      robot-rl record usb.toml --out demos --by keyboard
      robot-rl record usb.toml --out play --by keyboard --keep-failures --episodes 30
      robot-rl eyes usb.toml --from demos play --out usb.safetensors --png usb.png
      robot-rl train usb.toml --vision.encoder usb.safetensors --demonstrations-from demos
      robot-rl eyes pick-lift --from demos --keep simulator --out goal.safetensors      the goal read-out alone
    """

    recordings: Annotated[tuple[Path, ...], tyro.conf.arg(name="from")]
    """Folders of recorded episodes, successful or not."""
    out: Path
    """File to write; one that exists is refused."""
    keep: Path | None = None
    """Encoder whose features are kept, so that only its goal read-out is learned: a file, or `simulator` for the one
    that is shipped; None: both are learned."""
    png: Path | None = None
    """Image of held-out frames with the key points; None: none."""
    limit: float = 0.7
    """Largest error of the goal's place on held-out episodes, as a share of the error from the tool's pose alone."""
    write_refused: bool = False
    """Write the file of an encoder that the probe refuses, too."""
    own: OwnConfig = field(default_factory=OwnConfig)
    goal: GoalConfig = field(default_factory=GoalConfig)


def run(arguments: Arguments) -> int:
    """Train, probe, write.

    Raises:
        ConfigError: too few episodes, no images, or a file that exists.
    """
    with writes_at_the_end(arguments.out, "eyes"):
        return _learn(arguments)


def _learn(arguments: Arguments) -> int:
    if arguments.out.exists():
        raise ConfigError(f"out: got {arguments.out}, expected a file that does not exist; choose another name.")
    config = arguments.config
    task, origin = find_task(config.task), build.make_origin(config)
    if not origin.cameras:
        why = f"--vision.mode {config.vision.mode}" if config.vision.mode == "state" else "no cameras"
        raise ConfigError(
            f"eyes: got task {task.name!r} with {why}, expected images; name a task or preset with cameras."
        )
    check_recordings(arguments.recordings, config.demonstrations_format, origin, origin.cameras)
    recording = read_recording(
        arguments.recordings,
        tuple(task.cameras),
        partial(own_poses, task),
        own_pose_names(task),
        config.demonstrations_format,
    )
    pose = own_pose_entries(task)
    trained = _train(arguments, recording.part(~held_out_rows(recording)), pose)
    report = probe_encoder(trained, recording)
    print("\n".join(report.lines()))
    if str(arguments.keep) != SIMULATOR:
        _print_simulators(recording)
    if arguments.png is not None:
        from robot_rl.vision.key_point_image import draw_key_points

        draw_key_points(arguments.png, trained, recording.part(held_out_rows(recording)))
        print(f"key points {arguments.png}")
    faults = report.faults(arguments.limit)
    for fault in faults:
        print(f"refused: {fault}")
    if faults:
        print(ADVICE)
    if faults and not arguments.write_refused:
        return 1
    trained = _train(arguments, recording, pose)
    card = {"probe": report.lines(), "views": dict(origin.cameras)}
    save_encoder(arguments.out, replace(trained, dataset_card=trained.dataset_card | card))
    print(f"wrote {arguments.out}")
    return 1 if faults else 0


def _train(arguments: Arguments, recording: Recording, pose: tuple[PoseEntry, ...]) -> EncoderFile:
    """Return encoder and goal read-out of a recording."""
    from robot_rl.vision.goal_training import train_goal_reader

    with Progress(transient=True) as bar:
        row = bar.add_task("training", total=len(recording.images) + 1)
        encoder = _encoder(arguments, recording, lambda: bar.update(row, advance=1))
        if not arguments.goal.members:
            return encoder
        known = recording.part(recording.known_goals())
        features = all_features(encoder, known.images)
        return replace(encoder, goal=train_goal_reader(arguments.goal, features, known.poses, known.goals, pose))


def _encoder(arguments: Arguments, recording: Recording, progress: Callable[[], None]) -> EncoderFile:
    """Return the encoder that is kept, or one learned from a recording.

    Raises:
        ConfigError: one that is kept lacks a camera of the recording.
    """
    if arguments.keep is None:
        return train_own(arguments.own, recording, progress)
    kept = load_encoder(SHIPPED_ENCODER if str(arguments.keep) == SIMULATOR else arguments.keep)
    for camera in recording.images:
        kept.owner(camera)
    return replace(kept, goal=None)


def _print_simulators(recording: Recording) -> None:
    """Print what is read from the simulator's encoder, where the recording comes from the simulator."""
    shipped = load_encoder(SHIPPED_ENCODER)
    size = (shipped.architecture.height, shipped.architecture.width)
    fits = set(shipped.cameras) >= recording.images.keys() and all(
        frames.shape[1:3] == size for frames in recording.images.values()
    )
    if recording.objects.shape[1] and fits:
        print("the simulator's encoder, taught with labels:")
        print("\n".join(f"  {line}" for line in probe_encoder(shipped, recording).lines()))
