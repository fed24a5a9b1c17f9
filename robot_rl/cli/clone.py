"""`robot-rl clone`: behaviour cloning on the same demonstrations, the baseline that a run has to beat."""

from contextlib import closing
from dataclasses import dataclass

from rich.progress import track

from robot_rl import build
from robot_rl.cli.arguments import ResultArguments
from robot_rl.cli.evaluate import save_result
from robot_rl.core.settings import to_json
from robot_rl.data.replay import Replay
from robot_rl.runtime.acting.evaluate import evaluate
from robot_rl.runtime.runs.report import write_report
from robot_rl.runtime.runs.run_folder import finish_result, new_result

UPDATES_PER_CALL = 50


@dataclass(frozen=True, kw_only=True)
class Arguments(ResultArguments):
    """Clone the demonstrations of a run with the policy's own networks, and evaluate the clone on the run's own
    evaluation episodes. Writes evaluation-clone/ into the run's folder.

    example:
      robot-rl train pick-lift --run-name first && robot-rl clone runs/first
    """

    updates: int = 6000
    """Updates of 256 demonstrated steps each."""


def run(arguments: Arguments) -> int:
    """Clone, evaluate and print."""
    folder, config = arguments.open()
    out = folder.root / "evaluation-clone"
    with new_result(out, arguments.again) as part, closing(build.make_env(config)) as env:
        encoder = build.make_encoder(config)
        schema = build.make_schema(config, encoder)
        definition = build.make_definition(schema, config)
        replay = Replay(schema, 2, config.seed, config.demonstration_capacity)
        recorded = config.demonstrations_from or folder.demonstrations
        for record in build.read_demonstrations(config, recorded, encoder):
            replay.append(record)
        agent = build.make_agent(definition, config)
        cloner = agent.cloner()
        for _ in track(range(max(1, arguments.updates // UPDATES_PER_CALL)), "cloning"):
            cloner.update(replay.sample(256, UPDATES_PER_CALL, demo_fraction=1.0))
        policy = agent.policy()
        policy.load(cloner.policy_parameters(), cloner.updates)
        plan = config.evaluation
        result = evaluate(build.make_rollout(env, config, policy, encoder), plan.episodes, plan.seed)
        save_result(part, result)
    finish_result(part, out)
    write_report(folder, to_json(config))
    print(f"cloned: {result}")
    return 0
