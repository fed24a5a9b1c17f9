"""The actor's program: builds its parts from a run's settings and runs them, whoever starts it."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from robot_rl import build
from robot_rl.config import TrainConfig
from robot_rl.core.errors import StopAskedError
from robot_rl.core.tasks import PERIOD_S
from robot_rl.runtime.acting.actor import ActorConfig, ActorSummary, run_actor
from robot_rl.runtime.runs.metrics import MetricsWriter, read_metrics
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.transport.journal import Journal
from robot_rl.transport.security import read_keys
from robot_rl.transport.sender import ActorLink

FLUSH_S = 20.0
"""How long the last records may take to reach the learner at the end; afterwards they wait in the spool."""


@dataclass(frozen=True)
class ActorLaunch:
    """Where one actor sits: its folder, its learner, its name."""

    folder: Path
    """Metrics, and the spool that must not be lost; an actor that is started again there goes on."""
    address: str
    """Where the learner listens."""
    keys: Path | None
    """File with the CURVE keys of this process."""
    name: str
    run_name: str
    index: int
    """Number of this actor: its episodes differ from those of the others."""
    weights_timeout_s: float
    """How long to wait for the learner's first weights before acting [s]."""


def act(config: TrainConfig, seat: ActorLaunch) -> ActorSummary:
    """Act until told to stop, be it before arm, cameras and referee have answered."""
    stop = StopSignal().install()
    before = read_metrics(seat.folder, kind="episode")
    settings = actor_config(config, seat, before[-1] if before else None)
    try:
        env = _await_env(config, seat.name, stop)
    except StopAskedError as asked:
        return ActorSummary(interrupted=str(asked))
    with (
        closing(env),
        MetricsWriter(seat.folder) as metrics,
        Journal(seat.folder / "spool") as spool,
        ExitStack() as held,
    ):
        for line in spool.report():
            print(line, flush=True)
        encoder = build.make_encoder(config)
        schema = build.make_schema(env, encoder, config)
        definition = build.make_definition(schema, config)
        keys = read_keys(seat.keys) if seat.keys else None
        human = build.make_human(env, config, settings.seed, settings.first_env_step)
        if human is not None:
            held.callback(human.close)
        with ActorLink(
            seat.address, schema, seat.name, seat.run_name, spool, agent_hash=definition.schema_hash(), keys=keys
        ) as link:
            summary = run_actor(
                env,
                build.make_agent(definition, config).policy(),
                encoder,
                human,
                build.make_arbiter(env, config),
                build.make_rewards(config),
                link,
                settings,
                metrics,
                should_stop=stop,
                ends_wait=stop.ends_wait,
            )
            link.flush(FLUSH_S)
    return summary


def _await_env(config: TrainConfig, name: str, stop: StopSignal) -> build.Environment:
    """Return the environment, once all that it is made of answers.

    Raises:
        StopAskedError: a signal came first.
    """
    if config.robot.on_graph:
        limit_s = config.robot.reset_timeout_s
        print(f"{name}: waiting for arm, cameras and referee, for {limit_s:g} s each at most", flush=True)
    with stop.ends_wait("arm, cameras and referee"):
        return build.make_env(config)


def actor_config(config: TrainConfig, seat: ActorLaunch, last_episode: dict[str, float] | None) -> ActorConfig:
    """Return the loop's settings, going on after the last episode of an earlier process."""
    earlier = last_episode or {"episode": -1, "env_steps": 0}
    episode = int(earlier["episode"]) + 1
    return ActorConfig(
        name=seat.name,
        run=seat.run_name,
        # A process that goes on must not repeat the episodes of the one before.
        seed=config.seed + 1000 * (seat.index + 1) + 1_000_000 * episode,
        period_s=PERIOD_S,
        speed=config.pace,
        updates_per_step=config.updates_per_step,
        deterministic_fraction=config.deterministic_fraction,
        await_weights_s=seat.weights_timeout_s,
        first_episode=episode,
        first_env_step=int(earlier["env_steps"]),
    )
