"""`robot-rl train-encoder`: train the simulator's image encoder again, from random scenes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.progress import Progress

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.stop import writes_at_the_end
from robot_rl.vision.architecture import save_encoder
from robot_rl.vision.training_config import PretrainConfig


@dataclass(frozen=True)
class Arguments:
    """Train the encoder that turns the simulator's images into numbers, from renders of random scenes. No
    task's scene, reward or object is used. The default settings are those of the file that is shipped.

    example:
      robot-rl train-encoder --out my.safetensors --scenes 4000 --steps 1000
      robot-rl train pick-lift --vision.encoder my.safetensors
    """

    out: Path = Path("encoder.safetensors")
    """File to write; one that exists is refused."""
    config: Annotated[PretrainConfig, tyro.conf.arg(name="")] = field(default_factory=PretrainConfig)


def run(flags: Arguments) -> int:
    """Render, train, save."""
    with writes_at_the_end(flags.out, "train-encoder"):
        return _train(flags)


def _train(flags: Arguments) -> int:
    if flags.out.exists():
        raise ConfigError(
            f"out: got {flags.out}, expected a file that does not exist; choose another name or move it away."
        )
    from robot_rl.sim.scene import CAMERAS
    from robot_rl.vision.pretrain import draw_datasets, train_encoder

    config = flags.config
    with Progress() as bar:
        scenes = bar.add_task("rendering random scenes", total=config.scenes)
        datasets = draw_datasets(config, lambda n: bar.update(scenes, advance=n))
        steps = bar.add_task("training", total=config.steps * len(CAMERAS))

        def progress(count: int, loss: float) -> None:
            bar.update(steps, advance=count, description=f"training, loss {loss:.3f}")

        encoder = train_encoder(config, datasets, progress)
    save_encoder(flags.out, encoder)
    print(f"wrote {flags.out}")
    for name, value in encoder.dataset_card.items():
        print(f"  {name}: {value}")
    return 0
