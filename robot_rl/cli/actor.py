"""`robot-rl actor`: an actor by itself; it connects to a learner."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

import tyro

from robot_rl import build
from robot_rl.cli.arguments import ProcessArguments, base_config, parse, print_config, two_machines_text
from robot_rl.runtime.actor import ActorConfig, ActorSummary, run_actor
from robot_rl.runtime.metrics import MetricsWriter, read_metrics
from robot_rl.runtime.stop import StopSignal
from robot_rl.transport.journal import Journal
from robot_rl.transport.security import read_keys
from robot_rl.transport.sender import ActorLink

FLUSH_S = 20.0
"""How long the last records may take to reach the learner at the end; afterwards they wait in the spool."""

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
    patience_s: float = 900.0
    """How long to wait for the learner's first weights before acting [s]."""


def run(arguments: Sequence[str]) -> int:
    """Act until told to stop."""
    base, rest = base_config(arguments)
    flags = parse(rest, "actor", DESCRIPTION, ActorArguments(folder=tyro.MISSING, config=base))
    if flags.print_config:
        print_config(flags.config)
        return 0
    summary = act(flags)
    print(f"{flags.name}: {summary.env_steps} steps, {summary.successes}/{summary.episodes} episodes succeeded")
    return 0


def act(flags: ActorArguments) -> ActorSummary:
    """Build the actor from its settings and run it."""
    config, stop = flags.config, StopSignal().install()
    before = read_metrics(flags.folder, kind="episode")
    settings = actor_config(flags, before[-1] if before else None)
    with (
        closing(build.make_env(config)) as env,
        MetricsWriter(flags.folder) as metrics,
        Journal(flags.folder / "spool") as spool,
        ExitStack() as held,
    ):
        encoder = build.make_encoder(config)
        schema = build.make_schema(env, encoder, config)
        definition = build.make_definition(schema, config)
        keys = read_keys(flags.keys) if flags.keys else None
        human = build.make_human(env, config, settings.seed, settings.first_env_step)
        if human is not None:
            held.callback(human.close)
        with ActorLink(
            flags.address, schema, flags.name, flags.run_name, spool, agent_hash=definition.schema_hash(), keys=keys
        ) as link:
            summary = run_actor(
                env,
                build.make_policy(definition),
                encoder,
                human,
                build.make_arbiter(env, config),
                build.make_rewards(config),
                link,
                settings,
                metrics,
                should_stop=stop,
            )
            link.flush(FLUSH_S)
    return summary


def actor_config(flags: ActorArguments, last_episode: dict[str, float] | None) -> ActorConfig:
    """Return the loop's settings, going on after the last episode of an earlier process."""
    earlier = last_episode or {"episode": -1, "env_steps": 0}
    episode = int(earlier["episode"]) + 1
    return ActorConfig(
        name=flags.name,
        run=flags.run_name,
        # A process that goes on must not repeat the episodes of the one before.
        seed=flags.config.seed + 1000 * (flags.index + 1) + 1_000_000 * episode,
        period_s=build.PERIOD_S,
        speed=flags.config.speed,
        updates_per_step=flags.config.updates_per_step,
        greedy_share=flags.config.greedy_share,
        await_weights_s=flags.patience_s,
        first_episode=episode,
        first_env_step=int(earlier["env_steps"]),
    )
