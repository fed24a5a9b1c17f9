"""`robot-rl sinks`: a run's metrics in other services."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.run_folder import existing_run
from robot_rl.runtime.runs.sinks import Forwarder, check_sinks
from robot_rl.runtime.runs.stop import StopSignal

POLL_S = 1.0
PROJECT = "robot-rl"


@dataclass(frozen=True)
class Arguments:
    """Send the metrics that a run's processes wrote to Weights & Biases or Trackio, with its settings and the result of
    its evaluation; what was sent before is not sent again. `train --sinks wandb trackio` does so during a training.

    The run's own files stay the source: a service that fails, or cannot be reached, costs its view alone.

    examples:
      robot-rl sinks runs/first --to wandb                       a finished run
      robot-rl sinks runs/first --to wandb trackio --follow      until Ctrl-C
      robot-rl train pick-lift --sinks trackio                   local: then `trackio show`

    Without a network: WANDB_MODE=offline writes runs/first/wandb, which `wandb sync` sends later. Trackio writes to
    TRACKIO_DIR on this computer. Extras `wandb` and `trackio`; a sink of your own is module:Class (docs/watching.md).
    """

    run: Positional[Path]
    """The run's folder, as in `runs/NAME`."""
    to: tuple[str, ...] = ()
    """Services: wandb, trackio, or module:Class."""
    project: str = PROJECT
    """Project in the service; the run's name there is its folder's."""
    follow: bool = False
    """Go on with a training, until a signal comes or the parent process ends."""


def run(arguments: Arguments) -> int:
    """Send what there is, and what comes."""
    folder, stop, clock = existing_run(arguments.run), StopSignal().install(), SystemClock()
    if not arguments.to:
        raise ConfigError("--to: got no sink, expected one or more; for example --to wandb.")
    check_sinks(arguments.to)
    forwarder = Forwarder(folder, arguments.to, arguments.project)
    while arguments.follow and not stop():
        forwarder.turn()
        clock.sleep_until(clock.now_ns() + round(POLL_S * 1e9))
    forwarder.close()
    return 1 if forwarder.failed else 0
