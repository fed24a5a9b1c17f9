"""`robot-rl eyes`: an image encoder learned from a lab's own recordings, probed on held-out episodes."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro
from rich.progress import Progress

from robot_rl import build
from robot_rl.cli.arguments import RunArguments
from robot_rl.core.errors import ConfigError
from robot_rl.envs.observation import own_pose_names, own_poses
from robot_rl.runtime.acting.recordings import check_recordings
from robot_rl.tasks import find_task
from robot_rl.vision.architecture import EncoderFile, load_encoder, save_encoder
from robot_rl.vision.frozen import SHIPPED_ENCODER
from robot_rl.vision.probe import ProbeReport, held_out_rows, probe_encoder
from robot_rl.vision.recordings import Recording, read_recording
from robot_rl.vision.training_config import OwnConfig

ADVICE = """\
record more play, in which the arm moves everywhere, with cameras that show the tool wherever it goes; --own.steps
trains longer, --limit-mm accepts a larger error, --write-refused writes the file anyway (docs/eyes.md)"""


@dataclass(frozen=True, kw_only=True)
class Arguments(RunArguments):
    """Learn the encoder that turns a lab's camera images into numbers from its own recordings: demonstrations and
    play, with images. No label, no reward and no simulator is used: what is learned is what the arms measure of
    themselves and what the images show beside it.

    A linear probe on episodes that the training never saw ends it. An encoder in which the tool's place cannot be read
    is refused: nothing is written.

    example:
      robot-rl record usb.toml --out demos --by keyboard
      robot-rl record usb.toml --out play --by keyboard --keep-failures --episodes 30
      robot-rl eyes usb.toml --from demos play --out usb.safetensors --png usb.png
      robot-rl train usb.toml --vision.encoder usb.safetensors --demonstrations-from demos
    """

    recordings: Annotated[tuple[Path, ...], tyro.conf.arg(name="from")]
    """Folders of recorded episodes, successful or not."""
    out: Path
    """File to write; one that exists is refused."""
    png: Path | None = None
    """Image of held-out frames with the key points; None: none."""
    limit_mm: float = 5.0
    """Largest error of the tool's position on held-out images with which the encoder is written [mm]."""
    write_refused: bool = False
    """Write the file of an encoder that the probe refuses, too."""
    own: OwnConfig = field(default_factory=OwnConfig)


def run(arguments: Arguments) -> int:
    """Train, probe, write.

    Raises:
        ConfigError: too few episodes, no images, or a file that exists.
    """
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
        arguments.recordings, tuple(task.cameras), partial(own_poses, task), config.demonstrations_format
    )
    trained = _train(arguments.own, recording.part(~held_out_rows(recording)))
    report = probe_encoder(trained, recording, own_pose_names(task))
    print("\n".join(report.lines()))
    _print_simulators(recording, own_pose_names(task), report)
    if arguments.png is not None:
        from robot_rl.vision.key_point_image import draw_key_points

        draw_key_points(arguments.png, trained, recording.part(held_out_rows(recording)))
        print(f"key points {arguments.png}")
    faults = report.faults(arguments.limit_mm)
    for fault in faults:
        print(f"refused: {fault}")
    if faults:
        print(ADVICE)
    if faults and not arguments.write_refused:
        return 1
    card = trained.dataset_card | {"probe": report.lines()}
    save_encoder(arguments.out, replace(trained, dataset_card=card))
    print(f"wrote {arguments.out}")
    return 1 if faults else 0


def _train(config: OwnConfig, recording: Recording) -> EncoderFile:
    from robot_rl.vision.own import train_own

    with Progress(transient=True) as bar:
        row = bar.add_task("training", total=config.steps * len(recording.images))
        return train_own(config, recording, lambda n, loss: bar.update(row, advance=n, description=_text(loss)))


def _text(loss: float) -> str:
    return f"training, loss {loss:.3f}"


def _print_simulators(recording: Recording, kinds: tuple[str, ...], report: ProbeReport) -> None:
    """Print the object's error with the simulator's encoder, where the recording holds the simulator's truth."""
    shipped = load_encoder(SHIPPED_ENCODER)
    owners = {name.split("/", 1)[0] for name in shipped.params}
    height, width = next(iter(recording.images.values())).shape[1:3]
    fits = owners >= recording.images.keys() and (height, width) == (
        shipped.architecture.height,
        shipped.architecture.width,
    )
    if report.object_error and fits:
        print("the simulator's encoder, taught with labels:")
        print("\n".join(f"  {line}" for line in probe_encoder(shipped, recording, kinds).lines()))
