"""`robot-rl evaluate`: evaluation of the trained policy alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.progress import Progress

from robot_rl import build, build_human
from robot_rl.agents.backend import Policy
from robot_rl.build_attended import attended
from robot_rl.build_graph import compare_cameras
from robot_rl.build_reference import make_policy
from robot_rl.cli.arguments import ResultArguments
from robot_rl.cli.page_flags import PageFlags
from robot_rl.config import TrainConfig, evaluation_config, load_config
from robot_rl.core.errors import CheckpointError, ConfigError
from robot_rl.core.seeds import Purpose, generator
from robot_rl.core.settings import to_json
from robot_rl.runtime.acting.episode_video import episode_video
from robot_rl.runtime.acting.evaluate import EpisodeResult, EvaluationResult, evaluate
from robot_rl.runtime.acting.rollout import Environment, Rollout
from robot_rl.runtime.runs.report import EPISODES_FILE, SUMMARY_FILE, VIDEO_FILE, write_report
from robot_rl.runtime.runs.run_folder import RunFolder, finish_result, new_result
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.teleop.device import Device, JudgingDevice
from robot_rl.vision.encoder import Encoder

if TYPE_CHECKING:
    from robot_rl.page.link import Page


@dataclass(frozen=True, kw_only=True)
class Arguments(PageFlags, ResultArguments):
    """Run the policy of a run: deterministic, without a human, over episodes that training never saw.
    Writes evaluation/{summary.json, episodes.jsonl, video.mp4} into the run's folder, and its report again. A result
    that is there is never overwritten: --again archives it, --out puts the new one elsewhere.

    examples:
      robot-rl evaluate runs/first                      100 episodes
      robot-rl evaluate runs/first --again --episodes 500      the run has a result; keep that as evaluation-before-0
      robot-rl evaluate runs/first --out more --seed 7 --video-episodes 0
      robot-rl evaluate runs/first --until-failure --episodes 500 --seed 7      how many successes in a row, at most 500
      robot-rl evaluate runs/first --out best --best-of 16     the critics choose among 16 actions
      robot-rl evaluate runs/first --out alone --without-reference     of a run with a reference: the policy alone
      robot-rl evaluate runs/first --who expert         the scripted expert on the same episodes, to compare
      robot-rl evaluate runs/first --out shown --page   watched at a web page, at the arm's own pace
    """

    seed: int | None = None
    """Seed of the episodes; None: as in the run's settings."""
    video_episodes: int | None = None
    """Episodes in the video; None: as in the run's settings."""
    until_failure: bool = False
    """End at the first episode without success, after --episodes at most: successes in a row, and the success rate that
    they show at least. The result is `evaluation-until-failure`. Its episodes are those of the evaluation, unless
    --seed draws others."""
    stochastic: bool = False
    """Explore as in training, instead of the deterministic policy."""
    best_of: int | None = None
    """Actions of which the critics' best is executed (`agent.best_of`); None: as in the run's settings."""
    without_reference: bool = False
    """Run the policy without the reference of the run's settings, whose actions compete with it otherwise."""
    who: Literal["policy", "expert"] = "policy"
    """Source of the actions: the policy, or the task's scripted expert."""
    rewards: tuple[str, ...] | None = None
    """Reward sources that judge; None: the ground truth in the simulator, else those of the run."""
    quiet: bool = False
    """Print nothing but the progress bar."""
    out: Path | None = None
    """Folder of the result; None: `evaluation` in the run's folder, with `-expert` for the expert and `-until-failure`
    for successes in a row."""

    def result_folder(self, folder: RunFolder) -> Path:
        """Return where the result goes."""
        rule = "-until-failure" if self.until_failure else ""
        return self.out or folder.root / f"evaluation{'' if self.who == 'policy' else '-expert'}{rule}"


def run(arguments: Arguments) -> int:
    """Evaluate and print the result."""
    folder, config = arguments.open()
    config = evaluation_config(config, arguments.rewards)
    if arguments.best_of is not None:
        config = replace(config, agent=replace(config.agent, best_of=arguments.best_of))
    if arguments.without_reference:
        config = replace(config, reference=None)
    out = arguments.result_folder(folder)
    with new_result(out, arguments.again) as part:
        result = run_episodes(folder, config, arguments, part)
        save_result(part, result)
    done, planned = len(result.episodes), config.evaluation.episodes
    if not result.complete(planned):
        print(f"stopped after {done} of {planned} episodes; they are in {part}, and stay beside a new start's")
        return 130
    finish_result(part, out)
    write_report(folder, to_json(load_config(folder.config_file)))
    if not arguments.quiet:
        parts = "details and video" if (out / VIDEO_FILE).exists() else "details"
        print(f"{result}\n{parts} in {out}, report {folder.report}")
    return 0


def run_episodes(folder: RunFolder, config: TrainConfig, flags: Arguments, out: Path) -> EvaluationResult:
    """Run the episodes; write a video of the first."""
    plan, stop = config.evaluation, StopSignal().install()
    video_episodes = plan.video_episodes if flags.video_episodes is None else flags.video_episodes
    device = config.human.kind if config.robot.on_graph else "none"
    with (
        build_human.open_page(flags.page_settings(config, device, folder.root)) as page,
        closing(build_human.viewed(build.make_env(config, video=video_episodes > 0), flags.view3d)) as env,
        ExitStack() as devices,
        episode_video(out / VIDEO_FILE, env, video_episodes) as video,
        Progress(transient=True) as bar,
    ):
        for actor in folder.actors()[:1]:
            compare_cameras(env, config.robot, actor)
        rollout = make_rollout(folder, env, config, flags.who)
        build_human.follow(page, env, config)
        if flags.who == "policy" and (judge := open_judge(env, config, page)) is not None:
            rollout = replace(rollout, human=devices.enter_context(closing(judge)))
        if page is not None:
            rollout = replace(rollout, monitor=page)
        rollout = attended(rollout, config, folder.root)
        return evaluate(
            rollout,
            plan.episodes,
            plan.seed if flags.seed is None else flags.seed,
            deterministic=not flags.stochastic,
            until_failure=flags.until_failure,
            video=video,
            on_episode=_counter(bar, plan.episodes),
            should_stop=stop,
            ends_wait=stop.ends_wait,
        )


def open_judge(env: Environment, config: TrainConfig, page: Page | None = None) -> Device | None:
    """Return the run's person, who sets and judges the scene of a real arm and may stop it; in the simulator the person
    at the page, if there is one.

    Raises:
        ConfigError: labels alone judge, and there is no person.
    """
    operated = config.robot.on_graph and config.robot.episode_source == "operator"
    if not operated and page is not None:
        return build_human.watching(env, page)
    rng = generator(Purpose.EVALUATION, config.seed, 3)
    device = build_human.make_human(env, config, rng, page=page) if operated else None
    if device is None and config.rewards == ("human-label",):
        raise ConfigError(
            "evaluation: got human-label alone and no person, expected one; name --rewards classifier or a human.kind."
        )
    return None if device is None else JudgingDevice(device)


def make_rollout(folder: RunFolder, env: Environment, config: TrainConfig, who: Literal["policy", "expert"]) -> Rollout:
    """Return the rollout of a run's policy, or of the expert."""
    if who == "expert":
        return build.make_rollout(
            env,
            config,
            human=build_human.make_device(env, config, "expert", generator(Purpose.EVALUATION, config.seed, 2)),
        )
    encoder = build.make_encoder(config)
    return build.make_rollout(env, config, load_policy(folder, encoder, config), encoder)


def load_policy(folder: RunFolder, encoder: Encoder | None, config: TrainConfig) -> Policy:
    """Return the policy of a run's newest checkpoint; its version is the number of updates that made it.

    Raises:
        CheckpointError: there is none, or it is that of another agent.
    """
    schema = build.make_schema(config, encoder)
    definition = build.make_definition(schema, config)
    checkpoint = build.make_checkpoints(folder.learner, definition, schema).latest()
    if checkpoint is None:
        raise CheckpointError(f"checkpoint: got none in {folder.learner}, expected one; train the run first.")
    learner = build.make_agent(definition, config).learner()
    learner.load_state_dict(checkpoint.arrays)
    policy = make_policy(definition, config)
    policy.load(learner.policy_parameters(), checkpoint.updates)
    return policy


def save_result(out: Path, result: EvaluationResult) -> None:
    """Write summary.json and episodes.jsonl."""
    (out / SUMMARY_FILE).write_text(json.dumps(result.to_json(), indent=2) + "\n", encoding="utf-8")
    lines = [json.dumps(asdict(episode)) for episode in result.episodes]
    (out / EPISODES_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _counter(bar: Progress, episodes: int) -> Callable[[tuple[EpisodeResult, ...]], None]:
    row = bar.add_task("evaluation", total=episodes)

    def count(results: tuple[EpisodeResult, ...]) -> None:
        successes = sum(result.success for result in results)
        text = f"evaluation ({successes} of {len(results)} succeeded)"
        bar.update(row, completed=len(results), description=text)

    return count
