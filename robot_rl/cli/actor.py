"""`robot-rl actor`: an actor by itself; it connects to a learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tyro

from robot_rl.cli.arguments import ProcessArguments, base_config, parse, print_config, two_machines_text
from robot_rl.nodes.acting import ActorLaunch, act

DESCRIPTION = f"""Act: robot, cameras, policy and human; send each step to a learner, take weights from it.

usage: robot-rl actor [PRESET | --config FILE] --folder DIR [FLAGS]

The settings must be those of the learner: what differs is refused, with both sides named.

{two_machines_text()}"""


@dataclass(frozen=True)
class ActorArguments(ProcessArguments):
    """Flags of `robot-rl actor`; one that is started again with the same folder goes on."""

    name: str = "actor-0"
    """Each actor of a run has a name of its own."""
    run_name: str = "run"
    """Name of the run."""
    index: int = 0
    """Number of this actor: its episodes differ from those of the others."""
    weights_timeout_s: float = 900.0
    """How long to wait for the learner's first weights before acting [s]."""


def run(arguments: Sequence[str]) -> int:
    """Act until told to stop."""
    base, rest = base_config(arguments)
    flags = parse(rest, "actor", DESCRIPTION, ActorArguments(folder=tyro.MISSING, config=base))
    if flags.print_config:
        print_config(flags.config)
        return 0
    seat = ActorLaunch(
        flags.folder, flags.address, flags.keys, flags.name, flags.run_name, flags.index, flags.weights_timeout_s
    )
    summary = act(flags.config, seat)
    print(f"{flags.name}: {summary.line()}")
    return 0
