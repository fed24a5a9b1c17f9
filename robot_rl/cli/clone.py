"""`robot-rl clone`: behaviour cloning on the same demonstrations, the baseline that a run has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track

from robot_rl import build
from robot_rl.cli.arguments import parse, take_word
from robot_rl.cli.evaluate import save_result
from robot_rl.config import TrainConfig
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import load_settings, to_json
from robot_rl.core.tasks import PERIOD_S
from robot_rl.data.replay import Replay
from robot_rl.runtime.acting.evaluate import evaluate
from robot_rl.runtime.acting.record import load_demonstrations
from robot_rl.runtime.runs.report import write_report
from robot_rl.runtime.runs.run_folder import existing_run, finish_result, start_result

DESCRIPTION = """Clone the demonstrations of a run with the policy's own networks, and judge the clone on the run's own
evaluation episodes. Writes evaluation-clone/ into the run's folder.

usage: robot-rl clone RUN [FLAGS]

example:
  robot-rl train pick-lift --run-name first && robot-rl clone runs/first"""

UPDATES_PER_CALL = 50


@dataclass(frozen=True)
class CloneArguments:
    """Flags of `robot-rl clone`."""

    updates: int = 6000
    """Updates of 256 demonstrated steps each."""
    episodes: int | None = None
    """Evaluation episodes; None: as the run's settings say."""
    again: bool = False
    """Clone once more where a result is; that one is kept as `evaluation-clone-before-N`."""


def run(arguments: Sequence[str]) -> int:
    """Clone, judge and print."""
    word, rest = take_word(arguments)
    flags = parse(rest, "clone", DESCRIPTION, CloneArguments())
    if word is None:
        raise ConfigError("run: got none, expected a run's folder; for example `robot-rl clone runs/NAME`.")
    folder = existing_run(Path(word))
    config = load_settings(TrainConfig, folder.config_file)
    out = folder.root / "evaluation-clone"
    part = start_result(out, flags.again)
    with closing(build.make_env(config)) as env:
        encoder = build.make_encoder(config)
        schema = build.make_schema(env, encoder, config)
        definition = build.make_definition(schema, config)
        replay = Replay(schema, 2, config.seed, config.demonstration_capacity)
        for record in load_demonstrations(config.demonstrations_from or folder.demonstrations, encoder, config.seed):
            replay.append(record)
        agent = build.make_agent(definition, config)
        cloner = agent.cloner()
        for _ in track(range(max(1, flags.updates // UPDATES_PER_CALL)), "cloning"):
            cloner.update(replay.sample(256, UPDATES_PER_CALL, demo_fraction=1.0))
        policy = agent.policy()
        policy.load(cloner.policy_parameters(), cloner.updates)
        plan = config.evaluation
        episodes = plan.episodes if flags.episodes is None else flags.episodes
        result = evaluate(env, policy, encoder, episodes, plan.seed, period_s=PERIOD_S)
    save_result(part, result)
    finish_result(part, out)
    write_report(folder, to_json(config))
    print(f"cloned: {result}")
    return 0
