"""`robot-rl sweep`: a grid of settings over tuning seeds, and the comparison of its cells."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from robot_rl.cli.arguments import RunArguments, check_settings
from robot_rl.config import TrainConfig
from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError, RunFolderError
from robot_rl.core.settings import changed, save_settings, to_json
from robot_rl.methods import with_method
from robot_rl.runtime.runs.method_comparison import compare_methods
from robot_rl.runtime.runs.method_tables import markdown
from robot_rl.runtime.runs.process_record import read_record
from robot_rl.runtime.runs.processes import LOST, ProcessPlan, robot_rl_command
from robot_rl.runtime.runs.ray_cluster import RayLauncher
from robot_rl.runtime.runs.run_folder import RunFolder, archive, lock_run, run_root
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.runtime.runs.supervisor import STOP_LIMIT_S
from robot_rl.runtime.runs.sweep import TUNING_SEEDS, SweepRun, check_seeds, nested, parse_grid, plan_runs, sweep_groups
from robot_rl.runtime.runs.sweep_launch import Again, Launcher, LocalLauncher, run_all

SWEEP_FILE, TABLE_FILE, RESULT_FILE = "sweep.json", "table.md", "table.json"
STOP_PARTS = 4
"""A run stops its parts one after the other."""


@dataclass(frozen=True, kw_only=True)
class Arguments(RunArguments):
    """Train each cell of a grid of settings with each seed, some runs at a time, then compare the cells over their
    seeds: mean, interquartile mean and intervals as `robot-rl compare` has them. All lies in runs/NAME, a run a folder.

    The same command again goes on where it was stopped or killed: finished runs are not repeated, unfinished ones train
    what is left of their budget, failed ones are tried again. More values or seeds may be given then.

    Results are reported with seeds 0, 1 and 2; settings are therefore chosen with others, 100 and up.

    examples:
      robot-rl sweep pick-lift --set agent.bc-weight=0.1,0.2 learner.batch=128,256 --minutes 4
      robot-rl sweep pick-lift --set method=rlpd,sac --seeds 100 101 102 103 104 --parallel 4
      robot-rl sweep peg-insert --set agent.hidden=[128,128],[256,256] --name widths --print-runs
      robot-rl sweep pick-lift --set agent.num-critics=2,10 --ray auto --parallel 16 --cpus-per-run 4

    Values are JSON, or texts; names are those of --print-config. A method's settings are laid over the flags', and the
    other settings of the cell over those. Give runs that compete for cores a budget in --env-steps and a rate in
    --updates-per-step, not minutes alone: then a busy computer changes no result.
    """

    seeds: tuple[int, ...] = TUNING_SEEDS
    """Seeds of each cell."""
    grid: Annotated[tuple[str, ...], tyro.conf.arg(name="set")] = ()
    """Settings with their values, as NAME=VALUE,VALUE, all after one --set; the grid is their product."""
    parallel: int = 1
    """Runs at a time; each has its share of this computer's cores."""
    name: str | None = None
    """Name of the sweep's folder; None: `sweep-` and the preset, or the task of a --config file."""
    runs: Path = Path("runs")
    """Parent of that folder."""
    force_seeds: bool = False
    """Allow seeds 0, 1 and 2, where nothing is chosen by the result."""
    ray: str | None = None
    """Ray cluster that runs the trainings: `local`, `auto`, `HOST:PORT` or `ray://HOST:PORT`; its computers see the
    sweep's folder. Extra `ray`. None: this computer."""
    cpus_per_run: int = 2
    """Cores that Ray reserves for a run."""
    print_runs: bool = False
    """Print the runs and their states, and start nothing."""

    @classmethod
    def parse(cls, words: Sequence[str], command: str) -> Self:
        """Return the arguments of a command line.

        Raises:
            ConfigError: --set twice, of which the first would be lost.
        """
        if [word.partition("=")[0] for word in words].count("--set") > 1:
            raise ConfigError("--set: got it twice, expected all settings after one; --set a=1,2 b=3,4.")
        return super().parse(words, command)


def run(flags: Arguments) -> int:
    """Run what is missing, and compare what is finished."""
    check_seeds(flags.seeds, flags.force_seeds)
    if flags.parallel < 1 or flags.cpus_per_run < 1:
        raise ConfigError("--parallel, --cpus-per-run: got less than 1, expected 1 or more.")
    if flags.config.evaluation.episodes < 1:
        raise ConfigError("evaluation.episodes: got 0, expected 1 or more; the cells are compared by it.")
    start = flags.preset if flags.config_file is None else flags.config.task
    root = run_root(flags.runs, flags.name or f"sweep-{Path(start).stem}")
    runs = plan_runs(root, parse_grid(flags.grid), flags.seeds)
    configs = {run.folder.name: _settings(flags.config, run) for run in runs}
    if flags.print_runs:
        print("\n".join(f"{run.state:<11}{run.folder.name}" for run in runs))
        return 0
    _open(root, flags)
    stop = StopSignal().install()
    with lock_run(RunFolder(root)):
        missing = [run for run in runs if run.state != "finished"]
        print(f"{len(runs)} runs, {len(runs) - len(missing)} of them finished; in {root}", flush=True)
        plans = [_plan(root, run, configs[run.folder.name]) for run in missing]
        again = _again(root, missing, configs)
        codes = _run_all(flags, root, plans, len(runs), stop, again) if plans else {}
    _print_table(root, flags.config.task, runs)
    return _close(root, runs, codes, bool(stop()))


def _settings(config: TrainConfig, run: SweepRun) -> TrainConfig:
    """Return the settings of a run.

    Raises:
        ConfigError: a name or a value that does not fit.
    """
    changes = dict(run.changes)
    method = changes.pop("method", None)
    config = config if method is None else with_method(config, str(method))
    return replace(changed(config, nested(changes)), seed=run.seed)


def _open(root: Path, flags: Arguments) -> None:
    """Make the sweep's folder, or check that it is that of the same settings.

    Raises:
        ConfigError: another sweep's, or another folder.
    """
    check_settings(flags.config)
    path, settings = root / SWEEP_FILE, to_json(replace(flags.config, seed=0))
    if root.exists() and any(root.iterdir()) and not path.exists():
        raise ConfigError(f"sweep: got {root}, which holds something else, expected a new name; give --name.")
    if path.exists() and json.loads(path.read_text("utf-8"))["config"] != settings:
        raise ConfigError(
            f"sweep: got {root}, whose other settings differ from these, expected the same command; give another "
            f"--name, or compare with {path}."
        )
    root.mkdir(parents=True, exist_ok=True)
    save_settings(path, {"config": settings, "set": list(flags.grid), "seeds": list(flags.seeds)})


def _plan(root: Path, run: SweepRun, config: TrainConfig) -> ProcessPlan:
    """Return how to start a run, or to go on with it."""
    name, log = run.folder.name, _log(root, run.folder.name)
    where = ("--run-name", name, "--runs", str(root.absolute()))
    if run.state == "unfinished":
        return ProcessPlan(name, robot_rl_command("train", "--resume", "--rest", *where), log)
    if run.folder.root.exists():
        archive(run.folder.root)  # killed before it had settings
    settings = root.absolute() / "settings" / f"{name}.json"
    settings.parent.mkdir(exist_ok=True)
    save_settings(settings, config)
    return ProcessPlan(name, robot_rl_command("train", "--config", str(settings), *where), log)


def _again(root: Path, runs: Sequence[SweepRun], configs: Mapping[str, TrainConfig]) -> Again:
    """Return what says how a run whose computer was lost goes on: not before its folder is free."""
    by_name = {run.folder.name: run for run in runs}

    def again(name: str) -> ProcessPlan | Literal["held", "done"]:
        run = by_name[name]
        if run.state == "finished":
            return "done"
        try:
            if run.folder.root.exists():
                lock_run(run.folder).close()
        except RunFolderError:
            return "held"
        print(f"{name}: placed again", flush=True)
        return _plan(root, run, configs[name])

    return again


def _log(root: Path, name: str) -> Path:
    """Return the file of what a run prints."""
    return root / "logs" / f"{name}.txt"


def _run_all(
    flags: Arguments, root: Path, plans: Sequence[ProcessPlan], total: int, stop: StopSignal, again: Again
) -> Mapping[str, int]:
    """Run the plans under a progress bar; return exit codes."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with closing(_launcher(flags)) as launcher, Progress(*columns, transient=True) as bar:
        row = bar.add_task("sweep", total=total)

        def show(running: Sequence[str], codes: Mapping[str, int]) -> None:
            doing = ", ".join(f"{name} ({_doing(root / name)})" for name in running[:3])
            more = f" and {len(running) - 3} more" if len(running) > 3 else ""
            bar.update(row, completed=total - len(plans) + len(codes), description=doing + more)

        return run_all(plans, launcher, SystemClock(), stop, show, STOP_PARTS * STOP_LIMIT_S, again)


def _launcher(flags: Arguments) -> Launcher:
    if flags.ray is None:
        return LocalLauncher(min(flags.parallel, os.cpu_count() or 1))
    return RayLauncher(flags.ray, flags.parallel, flags.cpus_per_run, "--cpus-per-run")


def _doing(folder: Path) -> str:
    record = read_record(folder)
    return record.doing or "starts" if record is not None else "starts"


def _print_table(root: Path, task: str, runs: Sequence[SweepRun]) -> None:
    """Print and write the comparison of the finished runs."""
    groups = sweep_groups(runs)
    if not groups:
        return
    comparison: Any = compare_methods(task, groups)
    (root / RESULT_FILE).write_text(json.dumps(comparison.to_json(), indent=2) + "\n", encoding="utf-8")
    (root / TABLE_FILE).write_text(markdown(comparison) + "\n", encoding="utf-8")
    print(markdown(comparison))


def _close(root: Path, runs: Sequence[SweepRun], codes: Mapping[str, int], stopped: bool) -> int:
    """Print what is missing and why; return the exit code."""
    for name, code in codes.items():
        if code:
            how = "lost with its computer" if code == LOST else f"exit code {code}"
            print(f"{name}: {how}, see {_log(root, name)}")
    missing = sum(run.state != "finished" for run in runs)
    if missing:
        print(f"{missing} of {len(runs)} runs are not finished; the same command goes on with them")
    return 130 if stopped else int(missing > 0)
