"""`robot-rl fleet`: more simulated actors for a run, joining and leaving while it trains."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.config import load_config
from robot_rl.core import checks
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import ConfigError, RunFolderError
from robot_rl.runtime.runs.kept_process import KeptProcess
from robot_rl.runtime.runs.metrics import METRICS_FILE
from robot_rl.runtime.runs.process_record import ALIVE, read_record
from robot_rl.runtime.runs.processes import (
    Part,
    Process,
    ProcessFailedError,
    ProcessPlan,
    robot_rl_command,
    stop_in_order,
)
from robot_rl.runtime.runs.ray_cluster import RayLauncher
from robot_rl.runtime.runs.restart import RestartPolicy
from robot_rl.runtime.runs.run_folder import RunFolder, existing_run
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.runtime.runs.supervisor import STOP_LIMIT_S

POLL_S = 0.2


@dataclass(frozen=True)
class Arguments:
    """Start simulated actors that join a run whose learner runs here, and keep them running until Ctrl-C.

    They may come and go at any time: start another fleet for more, end this one or send SIGTERM to one of its
    processes for fewer; what an actor has recorded is delivered first, or kept for its next start. One that dies is
    started again; one that cannot work leaves the others alone. `robot-rl status RUN` lists all actors of the run,
    those that need a person first.

    examples:
      robot-rl fleet runs/first --actors 4                  the next four numbers that are free
      robot-rl fleet runs/first --names left right          folders runs/first/actor-left, actor-right
      robot-rl fleet runs/first --actors 16 --ray auto --keys keys      on the computers of a Ray cluster
    """

    run: Positional[Path]
    """The run's folder."""
    actors: int = 1
    """Number of actors, where no names are given."""
    names: tuple[str, ...] = ()
    """Their names, after `actor-`."""
    address: str = ""
    """Address of the learner; empty: the one that it wrote to the run's folder."""
    restarts: int = RestartPolicy.deaths_max
    """Deaths of one actor within ten minutes that are followed by a restart."""
    keys: Path | None = None
    """Folder of `robot-rl keys make FOLDER` with the actors' key files. None: only a learner on this computer."""
    ray: str | None = None
    """Ray cluster that runs the actors: `local`, `auto`, `HOST:PORT` or `ray://HOST:PORT`; its computers see the run's
    folder. Extra `ray`. None: this computer."""
    cpus_per_actor: int = 1
    """Cores that Ray reserves for an actor."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "actors", "cpus_per_actor")
        checks.at_least(self, 0, "restarts")
        bad = [name for name in self.names if not name.replace("-", "").replace("_", "").isalnum()]
        if bad or len(set(self.names)) != len(self.names):
            raise ConfigError(f"names: got {self.names}, expected different ones of letters, digits and dashes.")


def run(arguments: Arguments) -> int:
    """Start the actors, keep them running; return 1 where one could not be kept."""
    folder, stop, clock = existing_run(arguments.run), StopSignal().install(), SystemClock()
    robot = load_config(folder.config_file).robot
    if robot.kind != "simulated":
        raise ConfigError(f"robot: got a run with {robot.kind!r}, expected a simulated one; start `robot-rl actor`.")
    address = arguments.address or _address(folder)
    names = _free(folder, arguments.names) or _free_numbers(folder, arguments.actors)
    plans = [_plan(folder, name, address, arguments.keys) for name in names]
    policy = RestartPolicy(arguments.restarts)
    with _place(arguments, len(plans)) as start:
        kept = [KeptProcess(plan, policy, clock, _report, start) for plan in plans]
        actors = ", ".join(plan.name for plan in plans)
        print(f"{actors}: joining {folder.name} at {address} (Ctrl-C ends them)", flush=True)
        return _keep(kept, stop, clock)


def _report(part: str, event: str, text: str) -> None:
    print(f"{part}: {text}", flush=True)


@contextmanager
def _place(arguments: Arguments, actors: int) -> Iterator[Callable[[ProcessPlan], Part]]:
    """Yield what starts an actor: here, or on the cluster."""
    if arguments.ray is None:
        yield Process
        return
    launcher = RayLauncher(arguments.ray, actors, arguments.cpus_per_actor, "--cpus-per-actor")
    try:
        yield lambda plan: launcher.start(0, plan)
    finally:
        launcher.close()


def _keep(kept: list[KeptProcess], stop: StopSignal, clock: Clock) -> int:
    failed, living = 0, list(kept)
    try:
        while living and not stop():
            for process in list(living):
                try:
                    process.turn()
                except ProcessFailedError as error:
                    print(f"{error}", flush=True)
                    failed = 1
                    living.remove(process)
                    continue
                if process.ended:
                    print(f"{process.plan.name}: left", flush=True)
                    living.remove(process)
            clock.sleep_until(clock.now_ns() + round(POLL_S * NS_PER_S))
    finally:
        for process in living:
            process.ask_to_stop()
        stop_in_order(living, STOP_LIMIT_S, clock)
    return failed


def _address(folder: RunFolder) -> str:
    """Return where the run's learner listens.

    Raises:
        RunFolderError: it has not said so, or it has ended.
    """
    record, file = read_record(folder.learner), folder.learner_address
    if record is None or record.state not in ALIVE or not file.exists():
        raise RunFolderError(
            f"learner: got none that runs here for {folder.root}, expected one; start `robot-rl train` or "
            "`robot-rl learner`, or give --address."
        )
    return file.read_text("utf-8").strip()


def _free(folder: RunFolder, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names, of which no living actor of the run has any.

    Raises:
        ConfigError: one has.
    """
    taken = [name for name in names if _lives(folder.root / f"actor-{name}")]
    if taken:
        lived = ", ".join(f"actor-{name}" for name in taken)
        raise ConfigError(f"names: got {lived}, which lives, expected free ones; `robot-rl status {folder.root}`.")
    return names


def _lives(path: Path) -> bool:
    return (record := read_record(path)) is not None and record.state in ALIVE


def _free_numbers(folder: RunFolder, count: int) -> list[str]:
    """Return names that no living actor of the run has and that `train` did not give."""
    planned = load_config(folder.config_file).actors
    taken = {path.name for path in folder.actors() if _lives(path)}
    numbers = (number for number in range(planned, planned + count + len(taken)) if f"actor-{number}" not in taken)
    return [str(number) for number, _ in zip(numbers, range(count), strict=False)]


def _plan(folder: RunFolder, name: str, address: str, keys: Path | None) -> ProcessPlan:
    """Return how to start an actor; its number, which selects its episodes, follows from its name.

    Raises:
        ConfigError: it has no key file.
    """
    path = (folder.root / f"actor-{name}").absolute()
    file = None if keys is None else (keys / f"{path.name}.keys.json").absolute()
    if file is not None and not file.is_file():
        raise ConfigError(f"keys: got no {file}, expected it; `robot-rl keys add {keys} {path.name}` makes it.")
    secured = () if file is None else ("--keys", str(file))
    index = int(name) if name.isdigit() else 1000 + int.from_bytes(name.encode(), "big") % 1_000_003
    settings = ("--config", str(folder.config_file.absolute()), "--address", address, *secured)
    words = ("--folder", str(path), "--name", path.name, "--run-name", folder.name, "--index", str(index))
    command = robot_rl_command("actor", *settings, *words)
    return ProcessPlan(path.name, command, path / "log.txt", sign=path / METRICS_FILE)
