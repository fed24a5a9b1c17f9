"""`robot-rl clone`: behaviour cloning on the same demonstrations, the baseline that a run has to beat."""

from contextlib import closing
from dataclasses import dataclass

from rich.progress import track

from robot_rl import build
from robot_rl.agents.backend import Policy
from robot_rl.cli.arguments import ResultArguments
from robot_rl.cli.evaluate import save_result
from robot_rl.config import TrainConfig
from robot_rl.core.settings import to_json
from robot_rl.methods import with_method
from robot_rl.runtime.acting.evaluate import evaluate
from robot_rl.runtime.learning.cloning import UPDATES_PER_CALL, clone
from robot_rl.runtime.runs.report import write_report
from robot_rl.runtime.runs.run_folder import RunFolder, finish_result, new_result
from robot_rl.vision.encoder import Encoder


@dataclass(frozen=True, kw_only=True)
class Arguments(ResultArguments):
    """Clone the demonstrations of a run with the policy's own networks, and evaluate the clone on the run's own
    evaluation episodes: method `bc` beside a run. Writes evaluation-clone/ into the run's folder.

    example:
      robot-rl train pick-lift --run-name first && robot-rl clone runs/first
    """

    updates: int | None = None
    """Updates, each of a batch of demonstrated steps; None: as many as the method `bc` makes."""


def run(arguments: Arguments) -> int:
    """Clone, evaluate and print."""
    folder, config = arguments.open()
    out = folder.root / "evaluation-clone"
    with new_result(out, arguments.again) as part, closing(build.make_env(config)) as env:
        encoder, plan = build.make_encoder(config), config.evaluation
        policy = _clone(folder, with_method(config, "bc"), encoder, arguments.updates)
        result = evaluate(build.make_rollout(env, config, policy, encoder), plan.episodes, plan.seed)
        save_result(part, result)
    finish_result(part, out)
    write_report(folder, to_json(config))
    print(f"cloned: {result}")
    return 0


def _clone(folder: RunFolder, config: TrainConfig, encoder: Encoder | None, updates: int | None) -> Policy:
    """Return the policy of an agent that learnt from a run's demonstrations alone."""
    schema = build.make_schema(config, encoder)
    agent, replay = build.make_agent(build.make_definition(schema, config), config), build.make_replay(schema, config)
    for record in build.read_demonstrations(config, config.demonstrations_from or folder.demonstrations, encoder):
        replay.append(record)
    learner, planned = agent.learner(), updates or config.learner.update_ratio.pretrain_updates
    calls = clone(learner, replay, config.learner.batch, planned)
    made = max(track(calls, "cloning", planned // UPDATES_PER_CALL))
    policy = agent.policy()
    policy.load(learner.policy_parameters(), made)
    return policy
