"""Short real runs in one process: actor, spool, wire, journal, learner and metrics are those of a training."""

import itertools
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from robot_rl import build
from robot_rl.cli.arguments import RunArguments
from robot_rl.config import TrainConfig
from robot_rl.core.records import StepRecord
from robot_rl.core.settings import save_settings
from robot_rl.runtime.acting.actor import run_actor
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.step import Step
from robot_rl.runtime.learning.kept_policies import KeepingServer
from robot_rl.runtime.learning.learner import LearnerLoop
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.run_folder import RunFolder, new_run
from robot_rl.teleop.device import Device
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.receiver import LearnerServer
from robot_rl.transport.sender import ActorLink
from tests.waiting import eventually

CORRIDOR = f"{__package__}.corridor"
SMALL = (
    *("--vision.mode", "state", "--agent.backend", "jax", "--agent.hidden", "32", "32"),
    *("--learner.batch", "64", "--learner.update-ratio.learning-starts", "50", "--agent.initial-log-std", "0.0"),
    *("--learner.update-ratio.updates-per-transition", "2"),
    *("--learner.publish-every-updates", "16", "--evaluation.episodes", "0", "--updates-per-step", "None"),
)
"""Settings with which a corridor is learned in some seconds."""
LAG_STEPS = 60
"""Steps by which a learner may lag: it awaits transitions before its first update, and makes some at once."""


def short_config(world: str, words: Sequence[str] = ()) -> TrainConfig:
    """Return the settings of `robot-rl train WORLD` with small networks, and these flags."""
    return RunArguments.parse([f"{CORRIDOR}:{world}", *SMALL, *words], "train").config


def short_run(
    root: Path,
    config: TrainConfig,
    steps: int,
    demonstrations: Iterable[StepRecord] = (),
    human: Device | None = None,
    updates_per_step: float = 0.0,
) -> RunFolder:
    """Train for some environment steps and return the run's folder.

    Args:
        updates_per_step: of the learner that are awaited at each step, so that the run is the same on a slow machine;
            unlike the setting of that name, whether or not their weights arrive.
    """
    folder = new_run(root)
    save_settings(folder.config_file, config)
    encoder = build.make_encoder(config)
    schema = build.make_schema(config, encoder)
    definition = build.make_definition(schema, config)
    agent = build.make_agent(definition, config)
    ended = threading.Event()
    with (
        closing(build.make_env(config)) as env,
        MetricsWriter(folder.actor(0), tensorboard=False) as actor_metrics,
        MetricsWriter(folder.learner, tensorboard=False) as learner_metrics,
        Journal(folder.learner / "journal") as journal,
        Journal(folder.actor(0) / "spool") as spool,
        LearnerServer(
            "tcp://127.0.0.1:*", Introduction(schema, definition.schema_hash(), run="run"), journal
        ) as server,
    ):
        checkpoints = build.make_checkpoints(folder.learner, definition, schema)
        every = config.evaluation.every
        kept = server if every is None else KeepingServer(server, folder.policies, every)
        loop = LearnerLoop(
            kept, build.make_replay(schema, config), agent.learner(), config.learner, learner_metrics, checkpoints
        )
        learner = threading.Thread(target=loop.run, args=(ended.is_set, demonstrations))
        learner.start()
        introduction = Introduction(schema, definition.schema_hash(), "actor-0", "run")
        rollout = build.make_rollout(env, config, agent.policy(), encoder, human, speed=config.speed)
        settings = ActorConfig(seed=config.seed, max_env_steps=steps, await_weights_s=60.0)
        steps_made = itertools.count()

        def await_updates(_: Step) -> None:
            wanted = updates_per_step * (next(steps_made) - LAG_STEPS)
            eventually(lambda: loop.updates >= wanted or not learner.is_alive(), limit_s=120.0)

        try:
            with ActorLink(server.address, introduction, spool) as link:
                run_actor(rollout, settings, link, actor_metrics, on_step=await_updates)
                link.flush(20.0)
        finally:
            ended.set()
            learner.join()
    return folder
