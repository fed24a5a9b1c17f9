"""`robot-rl curve`: success of the policy alone over a training."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl import build
from robot_rl.build_reference import make_policy
from robot_rl.config import TrainConfig, evaluation_config, load_config
from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError, RunFolderError
from robot_rl.core.seeds import Purpose
from robot_rl.core.settings import to_json
from robot_rl.runtime.acting.evaluate import evaluate
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.learning.kept_policies import KeptPolicy, kept_policies
from robot_rl.runtime.runs.history import EVALUATION
from robot_rl.runtime.runs.metrics import MetricsWriter, read_metrics
from robot_rl.runtime.runs.process_record import read_record, recorded
from robot_rl.runtime.runs.report import write_report
from robot_rl.runtime.runs.run_folder import RunFolder, existing_run
from robot_rl.runtime.runs.stop import StopSignal

NICENESS = 19
"""Of the process beside a training: it gets what learner and actors leave."""
POLL_S = 1.0


@dataclass(frozen=True)
class Arguments:
    """Evaluate the policies that a training kept with --evaluation.every: deterministic, without a human, in a process
    of its own and in episodes that neither training nor the final evaluation sees, the same for each policy. Success at
    step 0 is that of demonstrations alone. Simulator only.

    `train` starts it beside itself with the lowest priority, and once more at its end for what is missing; a policy
    that has been evaluated is not evaluated again. Report, live view and page show the result first.

    examples:
      robot-rl train pick-lift --evaluation.every 500
      robot-rl curve runs/first             what is missing, after a training that was stopped
      robot-rl curve runs/first --episodes 100
    """

    run: Positional[Path]
    """The run's folder, as in `runs/NAME`."""
    episodes: int | None = None
    """Episodes of each policy; None: as in the run's settings. Another number evaluates all of them again."""
    follow: bool = False
    """Wait for further policies of a training, until a signal comes or the parent process ends."""
    wait: bool = False
    """Wait for another process that evaluates them now, as --follow does; without it that is refused."""


def run(arguments: Arguments) -> int:
    """Evaluate one policy after the other, the oldest first."""
    folder, stop = existing_run(arguments.run), StopSignal().install()
    config = load_config(folder.config_file)
    episodes = config.evaluation.every_episodes if arguments.episodes is None else arguments.episodes
    _check(folder, config, arguments.follow)
    if arguments.follow:
        os.nice(NICENESS)
    _await_another(folder, arguments.follow or arguments.wait, stop)
    if stop() and not arguments.follow:
        print(_stopped(folder, episodes))
    if stop():
        return 0 if arguments.follow else 130
    with recorded(folder.curve, "curve", folder.name), MetricsWriter(folder.curve) as metrics:
        evaluator = None
        for policy in _missing(folder, episodes, arguments.follow, stop):
            evaluator = evaluator or _Evaluator(folder, evaluation_config(config), stop)
            if line := evaluator.evaluate(policy, episodes):
                metrics.write(EVALUATION, policy.env_steps, **line)
                print(f"step {policy.env_steps}: {line['successes']}/{line['episodes']} alone", flush=True)
        if evaluator is not None:
            evaluator.close()
    if arguments.follow:
        return 0
    write_report(folder, to_json(config))
    if not stop():
        return 0
    print(_stopped(folder, episodes))
    return 130


def _stopped(folder: RunFolder, episodes: int) -> str:
    """Return what an interrupted evaluation has kept, and how to go on."""
    kept, missing = len(kept_policies(folder.policies)), len(_not_done(folder, _done(folder, episodes)))
    return (
        f"stopped: {kept - missing} of {kept} policies are evaluated and in {folder.report}; go on with: "
        f"robot-rl curve {folder.root}"
    )


def _check(folder: RunFolder, config: TrainConfig, follow: bool) -> None:
    if config.robot.on_graph:
        raise ConfigError("curve: got a run of an arm on the graph, expected the simulator; use `robot-rl evaluate`.")
    if not (follow or kept_policies(folder.policies)):
        raise ConfigError(
            f"curve: got no policies in {folder.policies}, expected those of a training with --evaluation.every; "
            f"`robot-rl evaluate {folder.root}` evaluates the last one."
        )
    folder.curve.mkdir(exist_ok=True)


def _await_another(folder: RunFolder, wait: bool, stop: StopSignal) -> None:
    """Wait until no other process evaluates the policies of the run.

    Raises:
        RunFolderError: one does, and `wait` is false.
    """
    clock, printed = SystemClock(), None
    while (record := read_record(folder.curve)) is not None and record.state in ("running", "frozen") and not stop():
        if not wait:
            raise RunFolderError(
                f"curve: got {folder.root}, whose policies process {record.pid} evaluates now, expected one at a time; "
                "`robot-rl status RUN` shows what it found, --wait evaluates after it."
            )
        if record.pid != printed:
            print(f"waiting for process {record.pid} ({record.state}), which evaluates these policies", flush=True)
        printed = record.pid
        clock.sleep_until(clock.now_ns() + round(POLL_S * 1e9))


def _missing(folder: RunFolder, episodes: int, follow: bool, stop: StopSignal) -> Iterator[KeptPolicy]:
    """Yield the policies that were not evaluated in this many episodes."""
    done, clock = _done(folder, episodes), SystemClock()
    while not stop():
        if missing := _not_done(folder, done):
            policy, key = missing[0]
            done.add(key)
            yield policy
        elif not follow:
            return
        else:
            clock.sleep_until(clock.now_ns() + round(POLL_S * 1e9))


def _done(folder: RunFolder, episodes: int) -> set[tuple[int, int]]:
    """Return step and version of the policies that were evaluated in this many episodes."""
    lines = read_metrics(folder.curve, kind=EVALUATION)
    return {(line["step"], line["policy_version"]) for line in lines if line["episodes"] == episodes}


def _not_done(folder: RunFolder, done: set[tuple[int, int]]) -> list[tuple[KeptPolicy, tuple[int, int]]]:
    """Return the kept policies that are not among those, the oldest first, with step and version."""
    kept = ((policy, (policy.env_steps, policy.updates())) for policy in kept_policies(folder.policies))
    return [(policy, key) for policy, key in kept if key not in done]


class _Evaluator:
    """The run's environment and agent, for one policy after the other."""

    def __init__(self, folder: RunFolder, config: TrainConfig, stop: StopSignal) -> None:
        self._stop, self._seed, encoder = stop, config.evaluation.seed, build.make_encoder(config)
        definition = build.make_definition(build.make_schema(config, encoder), config)
        self._env, self._policy = build.make_env(config), make_policy(definition, config)
        self._rollout: Rollout = build.make_rollout(self._env, config, self._policy, encoder)

    def evaluate(self, kept: KeptPolicy, episodes: int) -> dict[str, object]:
        """Return the summary of a policy's episodes; empty where a stop came first."""
        self._policy.load(kept.load(), kept.updates())
        result = evaluate(self._rollout, episodes, self._seed, purpose=Purpose.CURVE, should_stop=self._stop)
        if len(result.episodes) < episodes:
            return {}
        lists = ("interval_95", "judges", "cycle_steps")
        line = {name: value for name, value in result.to_json().items() if name not in lists}
        return line | {"interval_95": list(result.interval)}

    def close(self) -> None:
        """Close the environment."""
        self._env.close()
