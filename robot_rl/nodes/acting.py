"""Actor process: builds its parts from a run's settings and runs them, for the command and for the node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robot_rl import build, build_human
from robot_rl.build_attended import attended
from robot_rl.build_graph import compare_cameras
from robot_rl.build_reference import make_policy
from robot_rl.config import TrainConfig
from robot_rl.core.errors import StopRequestedError
from robot_rl.core.seeds import Purpose, generator
from robot_rl.runtime.acting.actor import ActorSummary, run_actor
from robot_rl.runtime.acting.actor_config import END, START, ActorConfig, resumed
from robot_rl.runtime.acting.rollout import Environment
from robot_rl.runtime.acting.step_count import StepCount, read_step_count
from robot_rl.runtime.acting.stuck_arms import watched
from robot_rl.runtime.runs.json_log import logged
from robot_rl.runtime.runs.metrics import MetricsWriter, read_metrics
from robot_rl.runtime.runs.process_record import recorded
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.tasks import find_task
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.keys import read_keys
from robot_rl.transport.sender import ActorLink

if TYPE_CHECKING:
    from robot_rl.page.link import Page

FLUSH_S = 20.0
"""Time for the last records to reach the learner at the end; later ones stay in the spool."""
ORPHAN_FLUSH_S = 1.0
"""The same where the supervisor has died: the learner ends, too."""


@dataclass(frozen=True)
class ActorLaunch:
    """Launch settings of one actor process."""

    folder: Path
    """Metrics and the durable spool; an actor that is restarted there continues."""
    address: str
    """Address of the learner."""
    keys: Path | None
    """File with the CURVE keys of this process."""
    name: str
    run_name: str
    index: int
    """Number of this actor, which selects its episodes."""
    weights_timeout_s: float
    """Longest wait for the learner's first weights before acting [s]."""
    view3d: int | None = None
    """Port of a view of the simulated scene in three dimensions; None: none."""


def act(config: TrainConfig, launch: ActorLaunch, page: Page | None = None) -> None:
    """Act until a signal, also before arm, cameras and episode source have answered; print what was done.

    Args:
        page: the operator's, which shows what happens.
    """
    stop = StopSignal().install()
    place = launch.folder, launch.name, launch.run_name
    with recorded(*place) as own, logged(*place):
        settings = actor_config(config, launch, read_metrics(launch.folder), own.died)
        try:
            env = build_human.viewed(_await_env(config, launch.name, stop), launch.view3d)
        except StopRequestedError as stop_asked:
            summary = ActorSummary(interrupted=str(stop_asked))
        else:
            summary = _act(config, launch, settings, env, page, stop)
        print(f"{launch.name}: {summary.line()}", flush=True)


def _act(
    config: TrainConfig,
    launch: ActorLaunch,
    settings: ActorConfig,
    env: Environment,
    page: Page | None,
    stop: StopSignal,
) -> ActorSummary:
    """Act in an environment, which is closed at the end."""
    with (
        closing(env),
        MetricsWriter(launch.folder) as metrics,
        Journal(launch.folder / "spool") as spool,
        StepCount(launch.folder, settings.first_env_step) as count,
        ExitStack() as held,
    ):
        for line in spool.report():
            print(line, flush=True)
        compare_cameras(env, config.robot, launch.folder)
        encoder = build.make_encoder(config)
        schema = build.make_schema(config, encoder)
        definition = build.make_definition(schema, config)
        keys = read_keys(launch.keys) if launch.keys else None
        rng = generator(Purpose.HUMAN, settings.seed, settings.index, settings.first_episode)
        human = build_human.make_human(env, config, rng, settings.first_env_step, page)
        if human is not None:
            held.callback(human.close)
        build_human.follow(page, env, config)
        introduction = Introduction(schema, definition.schema_hash(), launch.name, launch.run_name)
        with ActorLink(launch.address, introduction, spool, keys=keys, write=partial(print, flush=True)) as link:
            metrics.write(START, settings.first_env_step, episode=settings.first_episode)
            policy = make_policy(definition, config)
            rollout = build.make_rollout(env, config, policy, encoder, human, config.speed, page)
            rollout = replace(attended(rollout, config, launch.folder.parent), keep_frames=config.keeps_frames)
            if config.stuck.retreats:
                rollout = watched(rollout, find_task(config.task), config.stuck)
            rollout.reward.open(launch.folder)
            summary = run_actor(
                rollout, settings, link, metrics, should_stop=stop, ends_wait=stop.ends_wait, on_step=count.add
            )
            link.flush(ORPHAN_FLUSH_S if stop.orphaned else FLUSH_S)
            metrics.write(END, settings.first_env_step + summary.env_steps, **link.status())
    return summary


def _await_env(config: TrainConfig, name: str, stop: StopSignal) -> Environment:
    """Return the environment once all its parts answer.

    Raises:
        StopRequestedError: a signal came first.
    """
    if config.robot.on_graph:
        limit_s = config.robot.reset_timeout_s
        print(f"{name}: waiting for arm, cameras and task, for {limit_s:g} s each at most", flush=True)
    with stop.ends_wait("arm, cameras and task"):
        return build.make_env(config)


def actor_config(
    config: TrainConfig, launch: ActorLaunch, events: Iterable[Mapping[str, Any]], died: str = ""
) -> ActorConfig:
    """Return the loop's settings, continuing after the sessions that wrote these metrics.

    Args:
        died: why the session before died; empty where it did not.
    """
    settings = ActorConfig(
        name=launch.name,
        run=launch.run_name,
        seed=config.seed,
        index=launch.index,
        updates_per_step=config.updates_per_step,
        deterministic_fraction=config.deterministic_fraction,
        practice_fraction=config.practice_fraction,
        await_weights_s=launch.weights_timeout_s,
        died=died,
    )
    return resumed(settings, events, read_step_count(launch.folder))
