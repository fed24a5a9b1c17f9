"""`robot-rl status`: what of a run lives, how far it is, and how well, from outside."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from robot_rl.core.errors import RunFolderError
from robot_rl.runtime.runs.actor_status import ActorStatus
from robot_rl.runtime.runs.history import SUCCESS_WINDOW
from robot_rl.runtime.runs.run_folder import CONFIG_FILE, RunFolder, existing_run
from robot_rl.runtime.runs.status import EXIT_CODES, Health, PartStatus, RunStatus, run_status

MARKS: dict[Health, str] = {"well": "", "attention": "needs attention", "dead": "DEAD"}


@dataclass(frozen=True)
class Arguments:
    """Show what of a run lives, how far it is, what was lost and how often parts were started again. It reads the run's
    files; nothing is attached to, nothing in the run waits for it. A process is known by its start time, not by its
    number alone, and one that was killed is called killed.

    Exit code: 0 well, also a run that ended in good order; 1 a run that needs attention (a part that is frozen, silent
    or awaits its restart, records lost, a disk with less than 2 GB); 3 a run that failed or was killed. Of several runs
    the worst.

    examples:
      robot-rl status runs/first                   one run
      robot-rl status                              all runs in ./runs, a line each
      robot-rl status runs/first --json            for programs
      robot-rl status runs/first || notify-send 'look at the robot'
    """

    run: Positional[Path | None] = None
    """The run's folder, or its name; None: all runs."""
    runs: Path = Path("runs")
    """Parent of the run folders."""
    json: bool = False
    """Print JSON: an object for one run, a list for all."""


def run(arguments: Arguments) -> int:
    """Print the status and return the exit code of its health."""
    if arguments.run is not None:
        found = [_status(existing_run(_root(arguments.run, arguments.runs)))]
    else:
        found = [_status(RunFolder(file.parent)) for file in sorted(arguments.runs.glob(f"*/{CONFIG_FILE}"))]
        if not found:
            raise RunFolderError(f"runs: got none in {arguments.runs}, expected some; start one with `robot-rl train`.")
    if arguments.json:
        values = [dataclasses.asdict(status) for status in found]
        print(json.dumps(values if arguments.run is None else values[0], indent=2))
    else:
        lines = [line for status in found for line in (summary(status), *(details(status) if arguments.run else ()))]
        print("\n".join(lines))
    return max(EXIT_CODES[status.health] for status in found)


def summary(status: RunStatus) -> str:
    """Return a run in one line."""
    head = f"{status.run}: {status.task}, {status.phase}"
    mark = f", {MARKS[status.health]}" if MARKS[status.health] else ""
    problems = f" ({'; '.join(status.problems)})" if status.problems else ""
    return f"{head}{mark}   {_progress(status)}{problems}"


def details(status: RunStatus) -> list[str]:
    """Return parts and numbers of a run, a line each."""
    rows = [(part.name, _part(part)) for part in status.parts]
    age = "" if status.weights_age_s is None else f", {status.weights_age_s:.1f} s old as the last episode ended"
    rows += [
        ("policy", "-" if status.policy_version is None else f"version {status.policy_version}{age}"),
        ("updates", f"{status.updates}"),
        ("wire", f"backlog {status.backlog}, refused {status.refused}, lost {sum(status.losses.values())}"),
        ("disk", f"{status.disk_left_mb / 1e3:.1f} GB left"),
    ]
    rows += [("person", status.prompt)] if status.prompt else []
    rows += [("actors", _actor(actor)) for actor in status.actors] if len(status.actors) > 1 else []
    return [f"  {name:<10}{text}" for name, text in rows]


def _actor(actor: ActorStatus) -> str:
    success, human = ("-" if x is None else f"{x:.0%}" for x in (actor.success, actor.human_share))
    rate = "-" if actor.steps_per_s is None else f"{actor.steps_per_s:.1f}"
    words = f"{actor.episodes} episodes, success (last {SUCCESS_WINDOW}) {success}, human {human}, {rate} steps/s"
    lost = f", lost {actor.lost}" if actor.lost else ""
    need = f"; NEEDS HELP: {actor.need}" if actor.need else ""
    place = f" on {actor.computer}" if actor.computer else ""
    return f"{actor.name:<14}{actor.state}{place}, {words}, backlog {actor.backlog}{lost}{need}"


def _progress(status: RunStatus) -> str:
    unhelped = status.success_unhelped
    success = "-" if unhelped is None else f"{unhelped:.0%}"
    alone, evaluated = "", status.evaluated
    if evaluated is not None:
        alone = f"   alone {evaluated['successes']}/{evaluated['episodes']} at step {evaluated['step']}"
    return f"step {status.env_steps}   episodes {status.episodes}{alone}   unhelped (last {SUCCESS_WINDOW}) {success}"


def _part(part: PartStatus) -> str:
    words = [part.state]
    words += [f"process {part.pid}"] if part.alive else []
    words += [] if part.running_s is None else [f"for {part.running_s / 60:.1f} min"]
    words += [] if part.metrics_age_s is None else [f"metrics {part.metrics_age_s:.0f} s ago"]
    words += [f"started again {part.restarts} times"] if part.restarts else []
    return ", ".join(words) + (f"; last death: {part.last_death}" if part.last_death else "")


def _status(folder: RunFolder) -> RunStatus:
    return run_status(folder, _task(folder.config_file))


def _task(file: Path) -> str:
    """Return a run's task; settings of another version are no reason not to show the rest."""
    try:
        values: Any = json.loads(file.read_text(encoding="utf-8"))
        return str(values.get("task", "?"))
    except (OSError, ValueError, AttributeError):
        return "?"


def _root(run: Path, runs: Path) -> Path:
    return runs / run if not run.exists() and run.name == str(run) else run
