"""Status of a run from outside, by what its processes write: what lives, how far it is, what was lost, its health."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from robot_rl.runtime.acting.go import last_shown
from robot_rl.runtime.runs.actor_status import ActorStatus, actor_status, by_need
from robot_rl.runtime.runs.history import SUCCESS_WINDOW, History, by_step
from robot_rl.runtime.runs.live import DISK_LOW_MB
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.process_record import ALIVE, ProcessRecord, read_record
from robot_rl.runtime.runs.run_events import last_death, restarts
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_metrics import success_rate
from robot_rl.runtime.runs.run_totals import LOSSES, REFUSED, RunTotals

Health = Literal["well", "attention", "dead"]
EXIT_CODES: dict[Health, int] = {"well": 0, "attention": 1, "dead": 3}
SILENT_S = 120.0
"""Time without a line of the learner's metrics, which come once a second; compiling may take a minute."""
BYTES_PER_MB = 1e6
UNRECORDED = "no record"


@dataclass(frozen=True)
class PartStatus:
    """One process of a run."""

    name: str
    state: str
    """Of `process_record.State`, or `no record`."""
    pid: int | None = None
    running_s: float | None = None
    """Time since it started; None unless it lives."""
    metrics_age_s: float | None = None
    """Time since it last wrote metrics."""
    restarts: int = 0
    """Restarts by the supervisor."""
    last_death: str = ""
    """Reason of the last one."""

    @property
    def alive(self) -> bool:
        """Whether it lives, frozen or not."""
        return self.state in ALIVE


@dataclass(frozen=True)
class RunStatus:
    """One run at one moment."""

    run: str
    task: str
    phase: str
    """What the supervisor does, or how it ended: `ended`, `failed`, `killed`; `no supervisor` where none has run."""
    health: Health
    problems: tuple[str, ...]
    parts: tuple[PartStatus, ...]
    actors: tuple[ActorStatus, ...] = ()
    """Those that need a person first."""
    env_steps: int = 0
    episodes: int = 0
    success_unhelped: float | None = None
    """Success rate of the last `SUCCESS_WINDOW` episodes without interventions."""
    evaluated: Mapping[str, Any] | None = None
    """Newest evaluation of the policy alone in training: `successes`, `episodes`, `step`."""
    updates: int = 0
    policy_version: int | None = None
    """Version that acted last: the updates that made it; of several actors the oldest."""
    weights_age_s: float | None = None
    backlog: int = 0
    """Records that the learner has not acknowledged yet, as of each actor's last episode."""
    refused: int = 0
    losses: Mapping[str, int] = field(default_factory=dict)
    """What was lost, by name; empty where nothing was."""
    disk_left_mb: float = 0.0
    restarts: int = 0
    prompt: str = ""
    """What the person has to do."""


def run_status(folder: RunFolder, task: str, totals: RunTotals | None = None, now_s: float | None = None) -> RunStatus:
    """Return the status of a run.

    Args:
        totals: reader of its metrics, for one who asks again; it reads what was added.
        now_s: Unix time.
    """
    now_s, totals = time.time() if now_s is None else now_s, totals or RunTotals(folder)
    totals.read()
    supervisor = read_record(folder.root)
    parts = tuple(_part(path, totals, now_s) for path in folder.parts() if path.exists())
    disk_mb = shutil.disk_usage(folder.root).free / BYTES_PER_MB
    losses = {name: count for key, name in LOSSES.items() if (count := totals.total(key))}
    problems = _problems(supervisor, parts) + [f"{count} {name}" for name, count in losses.items()]
    problems += [f"{disk_mb:.0f} MB left on the disk"] if disk_mb < DISK_LOW_MB else []
    dead = supervisor is not None and supervisor.state in ("failed", "killed")
    dead = dead or (supervisor is None and any(part.state in ("failed", "killed") for part in parts))
    actors = [event for name, event in totals.latest.items() if name != folder.learner.name]
    return RunStatus(
        folder.name,
        task,
        _phase(supervisor),
        "dead" if dead else "attention" if problems else "well",
        tuple(problems),
        parts,
        tuple(by_need([actor_status(path, _state(path), totals) for path in folder.actors()])),
        **_progress(totals, actors, totals.latest.get(folder.learner.name, {})),
        evaluated=_evaluated(folder),
        losses=losses,
        disk_left_mb=disk_mb,
        restarts=sum(part.restarts for part in parts),
        prompt=" ".join(filter(None, (last_shown(path / "log.txt") for path in folder.actors()))),
    )


def _progress(totals: RunTotals, actors: Sequence[Mapping[str, Any]], update: Mapping[str, Any]) -> dict[str, Any]:
    history = History(totals.episodes)
    versions = [int(event["policy_version"]) for event in actors if event.get("policy_version") is not None]
    ages_s = [float(event["weights_age_s"]) for event in actors if event.get("weights_age_s") is not None]
    return {
        "env_steps": int(history.steps.sum()),
        "episodes": len(totals.episodes),
        "success_unhelped": success_rate(history.success[history.human_steps == 0], SUCCESS_WINDOW),
        "updates": int(update.get("updates") or 0),
        "policy_version": min(versions, default=None),
        "weights_age_s": max(ages_s, default=None),
        "backlog": int(sum(float(event.get("backlog") or 0) for event in actors)),
        "refused": totals.total(REFUSED),
    }


def _evaluated(folder: RunFolder) -> dict[str, Any] | None:
    lines = by_step(read_metrics(folder.curve))
    return {name: lines[-1][name] for name in ("successes", "episodes", "step")} if lines else None


def _state(path: Path) -> str:
    record = read_record(path)
    return UNRECORDED if record is None else record.state


def _part(path: Path, totals: RunTotals, now_s: float) -> PartStatus:
    record, death = read_record(path), last_death(totals.events, path.name)
    state = UNRECORDED if record is None else record.state
    seen_s = totals.seen_s.get(path.name)
    return PartStatus(
        path.name,
        state,
        None if record is None else record.pid,
        max(0.0, now_s - record.begun_s) if record is not None and state in ALIVE else None,
        None if seen_s is None else max(0.0, now_s - seen_s),
        restarts(totals.events, path.name),
        "" if death is None else str(death.get("text", "")),
    )


def _phase(supervisor: ProcessRecord | None) -> str:
    if supervisor is None:
        return "no supervisor"
    return supervisor.doing or "starting" if supervisor.state in ALIVE else supervisor.state


def _problems(supervisor: ProcessRecord | None, parts: Sequence[PartStatus]) -> list[str]:
    """Return what is wrong with the processes."""
    problems = [] if supervisor is None else _supervisor_problems(supervisor, parts)
    trains = supervisor is None or (supervisor.state in ALIVE and supervisor.doing == "training")
    for part in parts if trains else ():
        if part.state == "frozen":
            problems.append(f"{part.name} is frozen; `kill -CONT {part.pid}` lets it go on")
        elif part.state in ("killed", "failed"):
            problems.append(f"{part.name} died" + (f": {part.last_death}" if part.last_death else ""))
        elif part.name == "learner" and _silent(part):
            problems.append(f"learner has written no metrics for {part.metrics_age_s or part.running_s:.0f} s")
    return problems


def _supervisor_problems(supervisor: ProcessRecord, parts: Sequence[PartStatus]) -> list[str]:
    match supervisor.state:
        case "frozen":
            return [f"the supervisor is frozen; `kill -CONT {supervisor.pid}` lets it go on"]
        case "failed":
            return [f"failed: {supervisor.error}"]
        case "killed":
            left = [f"{part.name} of it still runs" for part in parts if part.alive]
            words = f"--resume --run-name {supervisor.run}"
            return [f"killed while {supervisor.doing or 'starting'}; go on with: robot-rl train {words}", *left]
    return []


def _silent(part: PartStatus) -> bool:
    """Return whether a learner that runs long enough to have compiled has written nothing for long."""
    age_s = part.running_s if part.metrics_age_s is None else part.metrics_age_s
    return part.alive and min(part.running_s or 0.0, age_s or 0.0) > SILENT_S
