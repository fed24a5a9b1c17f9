"""Stages of a run around its training, each a process of its own: recordings, what is learned from them, evaluation."""

from dataclasses import replace

from robot_rl.build_human import PAGE_DEVICE
from robot_rl.config import CLASSIFIER, TrainConfig
from robot_rl.core.clock import SystemClock
from robot_rl.runtime.runs.processes import POLL_NS, Process, ProcessPlan, robot_rl_command, stop_in_order
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.runtime.runs.supervisor import STOP_LIMIT_S

HELD_STEPS = 9  # after each demonstrated success, for a classifier


def record_demonstrations(folder: RunFolder, config: TrainConfig, stop: StopSignal, page: tuple[str, ...] = ()) -> None:
    """Let a process of its own record what demonstrations are missing."""
    if config.demonstrations == 0 or config.demonstrations_from is not None:
        return
    by = config.human.kind if config.robot.episode_source == "unjudged" else "expert"
    words = (*_recorded(folder, by, config.demonstrations, config.play > 0), *(page if by == PAGE_DEVICE else ()))
    _run(f"recording {config.demonstrations} demonstrations", folder, stop, "record", *words)


def _recorded(folder: RunFolder, by: str, episodes: int, held: bool) -> tuple[str, ...]:
    """Return flags of `record`, after success with steps for a classifier if `held`."""
    flags = ("--out", str(folder.demonstrations), "--by", by, "--episodes", str(episodes))
    return (*flags, "--hold-success", str(HELD_STEPS)) if held else flags


def learn_from_play(folder: RunFolder, config: TrainConfig, stop: StopSignal) -> TrainConfig:
    """Record demonstrations and play, learn encoder and classifier from them; return settings that use both.

    Both are in one folder: play demonstrates, too. Only what was labelled a success is recorded: an episode without a
    label may hold a success that the operator missed. What the run's folder holds already stays as it is; recordings or
    an encoder of the settings are used.
    """
    if config.demonstrations_from is None:
        record_demonstrations(folder, config, stop)
        words = _recorded(folder, "play", config.demonstrations + config.play, held=True)
        _run(f"recording {config.play} episodes of play", folder, stop, "record", *words)
    recordings = ("--from", str(config.demonstrations_from or folder.demonstrations))
    encoder = (config.vision.encoder or folder.encoder).absolute()
    if not encoder.exists():
        _run("learning an image encoder", folder, stop, "eyes", *recordings, "--out", str(encoder))
    if not folder.classifier.exists():
        files = ("--vision.encoder", str(encoder), "--out", str(folder.classifier))
        _run("learning a reward classifier", folder, stop, "classifier", "train", *recordings, *files)
    settings = config.reward_settings | {f"{CLASSIFIER}.file": str(folder.classifier.absolute())}
    rewards = config.rewards if CLASSIFIER in config.rewards else (CLASSIFIER, *config.rewards)
    return replace(config, vision=replace(config.vision, encoder=encoder), rewards=rewards, reward_settings=settings)


def _run(purpose: str, folder: RunFolder, stop: StopSignal, command: str, *arguments: str) -> None:
    """Print the purpose, run a command with the run's settings to its end; nothing once a stop was requested."""
    if not stop():
        print(purpose, flush=True)
        words = robot_rl_command(command, *arguments, "--config", str(folder.config_file))
        _run_to_end(ProcessPlan(command, words), stop)


def evaluate_policies(folder: RunFolder, config: TrainConfig, stop: StopSignal, page: tuple[str, ...]) -> None:
    """Evaluate the kept policies that are missing in the curve, then the last one, in processes of their own.

    Raises:
        ProcessFailedError: one of them failed; a curve that fails does not cost the last policy its evaluation.
    """
    try:
        if config.evaluation.every is not None:
            print("evaluating the policies that were kept in training", flush=True)
            _run_to_end(ProcessPlan("curve", robot_rl_command("curve", str(folder.root), "--wait")), stop)
    finally:
        if config.evaluation.episodes and not stop():
            print(f"evaluating {config.evaluation.episodes} episodes", flush=True)
            _run_to_end(ProcessPlan("evaluate", robot_rl_command("evaluate", str(folder.root), "--quiet", *page)), stop)


def _run_to_end(plan: ProcessPlan, stop: StopSignal) -> None:
    process, clock = Process(plan), SystemClock()
    while process.running():
        clock.sleep_until(clock.now_ns() + POLL_NS)
        if stop():
            stop_in_order([process], STOP_LIMIT_S, clock)
    process.check()
