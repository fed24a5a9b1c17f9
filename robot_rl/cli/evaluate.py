"""`robot-rl evaluate`: the trained policy alone, judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from robot_rl import build
from robot_rl.cli.arguments import parse, take_word
from robot_rl.config import TrainConfig
from robot_rl.core.errors import CheckpointError, ConfigError
from robot_rl.core.settings import load_settings, to_json
from robot_rl.core.tasks import PERIOD_S
from robot_rl.runtime.acting.evaluate import EpisodeResult, EvaluationResult, evaluate
from robot_rl.runtime.acting.observation import Encoder
from robot_rl.runtime.acting.stepper import Policy
from robot_rl.runtime.runs.report import EPISODES_FILE, SUMMARY_FILE, VIDEO_FILE, write_report
from robot_rl.runtime.runs.run_folder import RunFolder, existing_run, finish_result, start_result
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.runtime.runs.video import VideoWriter

DESCRIPTION = """Run the policy of a run: deterministic, without a human, over episodes that training never saw.
Writes evaluation/{summary.json, episodes.jsonl, video.mp4} into the run's folder, and its report again. A result that
is there is never overwritten: --again archives it, --out puts the new one elsewhere.

usage: robot-rl evaluate RUN [FLAGS]

examples:
  robot-rl evaluate runs/first                      100 episodes
  robot-rl evaluate runs/first --again --episodes 500      the run has a result; keep that as evaluation-before-0
  robot-rl evaluate runs/first --out more --seed 7 --video-episodes 0
  robot-rl evaluate runs/first --who expert         the scripted expert on the same episodes, to compare"""


@dataclass(frozen=True)
class EvaluateArguments:
    """Flags of `robot-rl evaluate`."""

    episodes: int | None = None
    """Episodes; None: as the run's settings say."""
    seed: int | None = None
    """Seed of the episodes; None: as the run's settings say."""
    video_episodes: int | None = None
    """Episodes to film; None: as the run's settings say."""
    stochastic: bool = False
    """Explore as in training, instead of the deterministic policy."""
    who: Literal["policy", "expert"] = "policy"
    """Whom to judge."""
    quiet: bool = False
    """Print nothing but the progress bar."""
    out: Path | None = None
    """Folder of the result; None: `evaluation` in the run's folder, `evaluation-expert` for the expert."""
    again: bool = False
    """Evaluate once more where a result is; that one is kept as `evaluation-before-N`."""

    def count(self, config: TrainConfig) -> int:
        """Return how many episodes are asked for."""
        return config.evaluation.episodes if self.episodes is None else self.episodes


def run(arguments: Sequence[str]) -> int:
    """Judge and print the result."""
    word, rest = take_word(arguments)
    flags = parse(rest, "evaluate", DESCRIPTION, EvaluateArguments())
    if word is None:
        raise ConfigError("run: got none, expected a run's folder; for example `robot-rl evaluate runs/NAME`.")
    folder = existing_run(Path(word))
    config = load_settings(TrainConfig, folder.config_file)
    out = flags.out or folder.root / ("evaluation" if flags.who == "policy" else "evaluation-expert")
    part = start_result(out, flags.again)
    result = judge(folder, config, flags, part)
    save_result(part, result)
    if len(result.episodes) < flags.count(config):
        print(f"stopped after {len(result.episodes)} of {flags.count(config)} episodes; they are in {part}")
        return 130
    finish_result(part, out)
    write_report(folder, to_json(config))
    if not flags.quiet:
        print(f"{result}\ndetails and video in {out}, report {folder.report}")
    return 0


def judge(folder: RunFolder, config: TrainConfig, flags: EvaluateArguments, out: Path) -> EvaluationResult:
    """Run the episodes and film some of them."""
    plan, episodes = config.evaluation, flags.count(config)
    filmed = plan.video_episodes if flags.video_episodes is None else flags.video_episodes
    with closing(build.make_env(config, film=filmed > 0)) as env, _bar() as bar:
        encoder = build.make_encoder(config)
        policy, human = None, None
        if flags.who == "policy":
            policy = load_policy(folder, env, encoder, config)
        else:
            human = build.make_device(env, config, "expert", np.random.default_rng(config.seed))
        video = VideoWriter(out / VIDEO_FILE, 1.0 / PERIOD_S, scale=1) if filmed else None
        try:
            return evaluate(
                env,
                policy,
                encoder if policy is not None else None,
                episodes,
                plan.seed if flags.seed is None else flags.seed,
                deterministic=not flags.stochastic,
                video=None if video is None else video.add,
                video_episodes=filmed,
                human=human,
                period_s=PERIOD_S,
                on_episode=_counter(bar, episodes),
                should_stop=StopSignal().install(),
            )
        finally:
            if video is not None:
                video.close()


def load_policy(folder: RunFolder, env: build.Environment, encoder: Encoder | None, config: TrainConfig) -> Policy:
    """Return the policy of a run's newest checkpoint; its version is the number of updates that made it.

    Raises:
        CheckpointError: there is none, or it is that of another agent.
    """
    schema = build.make_schema(env, encoder, config)
    definition = build.make_definition(schema, config)
    checkpoint = build.make_checkpoints(folder.learner, definition, schema).latest()
    if checkpoint is None:
        raise CheckpointError(f"checkpoint: got none in {folder.learner}, expected one; train the run first.")
    agent = build.make_agent(definition, config)
    learner = agent.learner()
    learner.load_state_dict(checkpoint.arrays)
    policy = agent.policy()
    policy.load(learner.policy_parameters(), checkpoint.updates)
    return policy


def save_result(out: Path, result: EvaluationResult) -> None:
    """Write summary.json and episodes.jsonl."""
    (out / SUMMARY_FILE).write_text(json.dumps(result.to_json(), indent=2) + "\n", encoding="utf-8")
    lines = [json.dumps(asdict(episode)) for episode in result.episodes]
    (out / EPISODES_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _bar() -> Progress:
    count, left, note = MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}")
    return Progress(TextColumn("evaluation"), BarColumn(), count, left, note, transient=True)


def _counter(bar: Progress, episodes: int) -> Callable[[EpisodeResult], None]:
    row = bar.add_task("", total=episodes)
    successes = 0

    def count(episode: EpisodeResult) -> None:
        nonlocal successes
        successes += episode.success
        bar.update(row, advance=1, description=f"{successes} succeeded")

    return count
