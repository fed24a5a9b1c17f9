"""`robot-rl train`: learner, actors and human on this machine, then evaluation and report."""

import shutil
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from robot_rl.build import check_rewards, make_encoder, pin_encoder, pin_rewards
from robot_rl.build_prior import check_prior
from robot_rl.build_reference import open_reference, pin_reference
from robot_rl.cli.arguments import RunArguments, flag_value, leading_word
from robot_rl.cli.diagnose import brief
from robot_rl.cli.page_flags import PageFlags
from robot_rl.cli.train_plan import curve_plan, sinks_plan, training_plan
from robot_rl.cli.train_stages import evaluate_policies, learn_from_play, record_demonstrations
from robot_rl.config import TrainConfig, load_config, recording_config
from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import save_settings, to_json
from robot_rl.runtime.runs.json_log import JsonLog
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.process_record import OwnRecord, end_orphans, recorded
from robot_rl.runtime.runs.processes import beside
from robot_rl.runtime.runs.prometheus import serve_metrics
from robot_rl.runtime.runs.report import closing_lines, write_report
from robot_rl.runtime.runs.restart import RestartPolicy
from robot_rl.runtime.runs.run_events import RunEvents
from robot_rl.runtime.runs.run_folder import RunFolder, default_run_name, existing_run, lock_run, new_run, run_root
from robot_rl.runtime.runs.sinks import check_sinks
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.runtime.runs.supervisor import STOP_LIMIT_S, supervise
from robot_rl.teleop.devices import needs_terminal


@dataclass(frozen=True, kw_only=True)
class Arguments(PageFlags, RunArguments):
    """Learn a task on this machine: record demonstrations, start learner and actors, show how it goes,
    evaluate the policy alone, write a report. Everything lands in one folder, runs/NAME.

    examples:
      robot-rl train pick-lift                                      5 to 7.5 minutes, then 100 episodes of evaluation
      robot-rl train pick-lift --minutes 2 --evaluation.episodes 20 --run-name first
      robot-rl train peg-insert-no-human --seed 1                   an ablation
      robot-rl train peg-insert --method hg-dagger                  another method, same demonstrations and human
      robot-rl train pick-lift --prior runs/a --learner.prior-fraction 0.25     networks and data of an earlier run
      robot-rl train pick-lift --reference runs/clone               the critics choose: the clone's action or its own
      robot-rl train pick-lift-blind                                without ground truth: its own encoder and classifier
      robot-rl train pick-lift --evaluation.every 500               success of the policy alone from step 0 on
      robot-rl train pick-lift --stop-success 0.98                  stop as soon as 98 % of the last 50 episodes succeed
      robot-rl train --resume --run-name first --minutes 4          go on with a run for 4 more minutes
      robot-rl train pick-lift --print-config > my.json             settings to edit
      robot-rl train pick-lift --page                               watched and corrected at a web page, in real time
      robot-rl train --config my.json --seed 2                      a run from a file

    Ctrl-C stops in good order and keeps the checkpoint. A learner or actor that dies is started again, and said so;
    `robot-rl status RUN` shows from another terminal what lives.
    """

    run_name: str | None = None
    """Name of the run's folder; None: preset's task and the time. A name that is taken is refused."""
    runs: Path = Path("runs")
    """Parent of the run folders."""
    resume: bool = False
    """Go on with the run of that name; its settings are the defaults then."""
    rest: bool = False
    """With --resume: train only what earlier sessions, also killed ones, left of the budget, then evaluate."""
    restarts: int = RestartPolicy.deaths_max
    """Deaths of learner or actor within ten minutes that are followed by a restart; one more ends the training. A real
    arm holds until its person's go. 0: the first death ends it."""
    restart_after_s: float = RestartPolicy.first_s
    """Time before the first restart [s]; it doubles with each death within ten minutes, to 30 s at most."""
    sinks: tuple[str, ...] = ()
    """Services that show the metrics during the training, by a process of its own: wandb, trackio, or module:Class;
    `robot-rl sinks --help` has more."""
    metrics_port: int | None = None
    """Port at which Prometheus reads the run's metrics: http://127.0.0.1:PORT/metrics; 0: a free one; None: none."""
    metrics_host: str = "127.0.0.1"
    """Address of that port. Whoever reaches it may read the metrics, and nothing else."""

    @classmethod
    def base(cls, words: Sequence[str]) -> TrainConfig:
        """Return the settings that flags then change; those of the run itself when it is resumed."""
        if "--resume" not in words:
            return super().base(words)
        name, word = flag_value(words, "--run-name"), leading_word(words)
        if name is None:
            raise ConfigError("--resume: got no --run-name, expected the run to go on with; ls runs shows them.")
        if word is not None or any(flag_value(words, flag) is not None for flag in ("--config", "--method")):
            raise ConfigError(
                "--resume: got a preset, --config or --method beside it, expected none; the run has its settings."
            )
        return load_config(existing_run(run_root(Path(flag_value(words, "--runs") or "runs"), name)).config_file)


def run(flags: Arguments) -> int:
    """Train, evaluate, report."""
    if flags.rest and not flags.resume:
        raise ConfigError(
            "--rest: got it without --resume, expected both; it is the rest of an earlier session's budget."
        )
    human = flags.config.human
    if human.kind != "none" and needs_terminal(human.kind, human.motion_device):
        raise ConfigError(
            f"human: got {human.kind!r}, which needs the terminal, expected another device; to take over yourself, "
            "give --human.kind browser, or graph and run `robot-rl teleop TASK --to actor` in another terminal."
        )
    if not flags.resume:
        flags = replace(flags, config=_from_prior(flags.config))
        if flags.config.reference is not None:
            open_reference(flags.config)
        if not flags.config.learns_classifier:  # else it learns the encoder, too
            make_encoder(replace(flags.config, vision=replace(flags.config.vision, identity=None)))
    check_sinks(flags.sinks)
    check_rewards(recording_config(flags.config))
    _check_judge(flags.config)
    restarts = RestartPolicy(flags.restarts, first_s=flags.restart_after_s)
    restarts.bequeath()
    folder, stop = _open(flags), StopSignal().install()
    with (
        lock_run(folder),
        recorded(folder.root, "train", folder.name) as own,
        serve_metrics(folder, flags.config.task, flags.metrics_port, flags.metrics_host),
    ):
        for line in end_orphans(folder.parts(), SystemClock()):
            print(line, flush=True)
        folder.copy_task(flags.config.task)
        try:
            flags = replace(flags, config=_prepared(folder, flags, stop))
            with beside(sinks_plan(folder, flags.sinks), STOP_LIMIT_S, SystemClock()):
                _go_through(folder, flags, stop, restarts, own)
        except BaseException:
            with suppress(OSError):  # a full disk must not hide what went wrong first
                write_report(folder, to_json(flags.config))
            raise
        write_report(folder, to_json(flags.config))
    print("\n".join([*closing_lines(folder), *brief(folder)]))
    if stop():
        print(f"stopped; go on with: robot-rl train --resume --run-name {folder.name} --runs {flags.runs}")
        return 130
    return 0


def _go_through(folder: RunFolder, flags: Arguments, stop: StopSignal, restarts: RestartPolicy, own: OwnRecord) -> None:
    """Record, train, evaluate, each unless the user wants to leave."""
    page = flags.page_words(flags.config, flags.config.human.kind, folder.root)
    if not stop():
        own.write(doing="recording")
        record_demonstrations(folder, flags.config, stop, page)
    plan = training_plan(folder, flags.config, page, flags.rest)
    if plan is not None and not stop():
        folder.archive_evaluation()
        own.write(doing="training")
        with (
            MetricsWriter(folder.root, tensorboard=False) as metrics,
            closing(JsonLog(folder.root, "train", folder.name)) as log,
            beside(curve_plan(folder, flags.config), STOP_LIMIT_S, SystemClock()),
        ):
            plan = replace(plan, restarts=restarts, report=RunEvents(metrics, log))
            outcome = supervise(plan, Console(highlight=False), SystemClock(), stop)
            metrics.write("session", outcome.progress.env_steps, minutes=outcome.minutes, why=outcome.why)
            log.write("info", f"training ended ({outcome.why})", event="session", minutes=outcome.minutes)
        print(f"training ended ({outcome.why}) after {outcome.minutes:.1f} minutes", flush=True)
    if not stop():
        own.write(doing="evaluation")
        evaluate_policies(folder, flags.config, stop, page if flags.config.robot.on_graph else ())


def _open(flags: Arguments) -> RunFolder:
    name = default_run_name(flags.config.task) if flags.run_name is None else flags.run_name
    root = run_root(flags.runs, name)
    return existing_run(root) if flags.resume else new_run(root)


def _prepared(folder: RunFolder, flags: Arguments, stop: StopSignal) -> TrainConfig:
    """Return the run's settings with its encoder named, and save them; a new run takes what its settings give."""
    config = flags.config
    if not flags.resume:
        config = replace(config, vision=replace(config.vision, identity=None))
    if config.learns_classifier:
        _save_config(folder, config)
        config = learn_from_play(folder, config, stop)
    if stop():
        return config
    config = pin_reference(pin_rewards(pin_encoder(config, folder), folder), folder)
    _save_config(folder, config)
    return config


def _from_prior(config: TrainConfig) -> TrainConfig:
    """Return the settings of a new run, with the image encoder of the run that it starts from, if it names one.

    Raises:
        RobotRLError: no such run, or networks or data that do not fit.
    """
    if config.prior is None:
        return config
    prior, vision = config.prior.absolute(), config.vision
    config, encoder = replace(config, prior=prior), existing_run(prior).encoder
    if encoder.exists() and vision.encoder is None:
        config = replace(config, vision=replace(vision, encoder=encoder, identity=None))
    check_prior(config)
    return config


def _check_judge(config: TrainConfig) -> None:
    """Refuse a run whose episodes only a human judges, without one."""
    records = config.demonstrations > 0 and config.demonstrations_from is None
    labels = config.actors > 0 and config.rewards == ("human-label",)
    if config.robot.episode_source == "unjudged" and config.human.kind == "none" and (records or labels):
        text = f"human: got 'none' by method {config.method!r} or a flag, expected one who labels unjudged episodes"
        raise ConfigError(f"{text}; name a --human.kind.")


def _save_config(folder: RunFolder, config: TrainConfig) -> None:
    """Write the settings; those of earlier parts of the run are kept beside them."""
    if folder.config_file.exists() and load_config(folder.config_file) != config:
        earlier = len(list(folder.root.glob("config-*.json")))
        shutil.copyfile(folder.config_file, folder.root / f"config-{earlier}.json")
    save_settings(folder.config_file, config)
