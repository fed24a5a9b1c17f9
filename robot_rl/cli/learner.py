"""`robot-rl learner`: the learner by itself; actors connect to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from robot_rl import build
from robot_rl.build_prior import prior_data, prior_state
from robot_rl.build_reference import make_learner
from robot_rl.cli.arguments import ProcessArguments
from robot_rl.config import TrainConfig
from robot_rl.core.records import Record
from robot_rl.core.schema import StepSchema
from robot_rl.runtime.acting.actor_config import START
from robot_rl.runtime.learning.cloning import cloning_definition
from robot_rl.runtime.learning.kept_policies import KeepingServer
from robot_rl.runtime.learning.learner import LearnerLoop
from robot_rl.runtime.runs.json_log import logged
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.process_record import recorded
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.keys import read_keys
from robot_rl.transport.receiver import LearnerServer


@dataclass(frozen=True, kw_only=True)
class Arguments(ProcessArguments):
    """Learn from what actors send, and publish weights to them.

    What actors delivered lies in the folder's journal: a learner that is started again with the same folder goes on.

    example: robot-rl learner pick-lift --folder runs/x/learner --address tcp://10.0.0.1:5555 --keys learner.keys.json
    """

    run_name: str = ""
    """Name of the run whose actors are admitted; empty admits the run of the first actor, and no other."""


def run(arguments: Arguments) -> int:
    """Learn until a signal comes."""
    stop, place = StopSignal().install(), (arguments.folder, "learner", arguments.run_name)
    with recorded(*place), logged(*place):
        updates = _learn(arguments, stop)
        print(f"learner: {updates} updates")
    return 0


def _learn(arguments: Arguments, stop: StopSignal) -> int:
    """Return the number of updates since the run began."""
    config = arguments.config
    schema, recorded = _schema_and_recorded(config)
    definition = build.make_definition(schema, config)
    with (
        MetricsWriter(arguments.folder) as metrics,
        Journal(arguments.folder / "journal") as journal,
        LearnerServer(
            arguments.address,
            Introduction(schema, definition.schema_hash(), run=arguments.run_name),
            journal,
            keys=read_keys(arguments.keys) if arguments.keys else None,
            write=partial(print, flush=True),
        ) as server,
    ):
        for line in journal.report():
            print(line, flush=True)
        if config.demonstrations and config.demonstrations_from is None:
            print("learner: no demonstrations; --demonstrations-from FOLDER gives it those of `robot-rl record`")
        (arguments.folder / RunFolder(Path()).learner_address.name).write_text(server.address, "utf-8")
        print(f"learner: listening at {server.address} (Ctrl-C ends it)", flush=True)
        agent, replay = make_learner(definition, config), build.make_replay(schema, config)
        checkpoints = build.make_checkpoints(arguments.folder, definition, schema)
        if config.prior is not None and config.prior_networks and not checkpoints.paths():
            agent.load_state_dict(prior_state(config, definition, schema))
        every, policies = config.evaluation.every, RunFolder(arguments.folder.parent).policies
        kept = server if every is None else KeepingServer(server, policies, every)
        clones = clones_first(config, resumed=bool(checkpoints.paths()))
        cloner = build.make_agent(cloning_definition(definition), config).learner() if clones else None
        loop = LearnerLoop(kept, replay, agent, config.learner, metrics, checkpoints, cloner=cloner)

        def begin() -> None:  # one that fails before is not started again
            metrics.write(START, 0)
            if journal.lost_records:
                metrics.write("journal", 0, lost_records=journal.lost_records)

        # Without actors it ends with its updates on what is recorded.
        return loop.run(lambda: stop() or not (config.actors or loop.pretraining), recorded, begin)


def clones_first(config: TrainConfig, resumed: bool) -> bool:
    """Return whether the networks start from the demonstrations' clone, not from a checkpoint or an earlier run."""
    has_networks = resumed or (config.prior is not None and config.prior_networks)
    return bool(config.learner.clone_updates) and config.agent.objective == "value" and not has_networks


def _schema_and_recorded(config: TrainConfig) -> tuple[StepSchema, Iterator[Record]]:
    """Return the schema of steps, and demonstrations and an earlier run's steps as the agent sees them."""
    encoder, folder = build.make_encoder(config), config.demonstrations_from
    schema = build.make_schema(config, encoder)
    demonstrations = iter(()) if folder is None else build.read_demonstrations(config, folder, encoder)
    earlier = prior_data(config, schema, encoder) if config.learner.prior_fraction else ()
    return schema, chain(demonstrations, earlier)
