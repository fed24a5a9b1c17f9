"""Status of each actor of a run, those that need a person first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_rl.runtime.acting.go import RUNS, last_shown
from robot_rl.runtime.acting.stuck import STUCK
from robot_rl.runtime.runs.history import SUCCESS_WINDOW, History
from robot_rl.runtime.runs.process_record import read_record
from robot_rl.runtime.runs.run_metrics import success_rate
from robot_rl.runtime.runs.run_totals import LOSSES, RunTotals

STUCK_EPISODES = 5
"""Episodes in a row without success, from which on an actor counts as stuck."""


@dataclass(frozen=True)
class ActorStatus:
    """One actor at one moment, as of its last episode."""

    name: str
    state: str
    """Of its process."""
    computer: str = ""
    """On which it runs."""
    need: str = ""
    """Why a person should see to it: it awaits one, died, is frozen, had a fault, or is stuck. Empty: it needs none."""
    stuck: bool = False
    """Whether it needs one because it gets no further."""
    env_steps: int = 0
    episodes: int = 0
    success: float | None = None
    """Share of the last `SUCCESS_WINDOW` episodes."""
    human_share: float | None = None
    """Share of their steps."""
    steps_per_s: float | None = None
    policy_version: int | None = None
    weights_age_s: float | None = None
    backlog: int = 0
    lost: int = 0
    """Records."""


def actor_status(path: Path, state: str, totals: RunTotals) -> ActorStatus:
    """Return the status of the actor of a folder.

    Args:
        totals: that have been read.
    """
    episodes, latest = totals.of_actor(path.name), totals.latest.get(path.name, {})
    history, last = History(episodes), History(episodes[-SUCCESS_WINDOW:])
    need, stuck = _need(path, state, episodes)
    record = read_record(path)
    steps = float(last.steps.sum())
    return ActorStatus(
        path.name,
        state,
        "" if record is None else record.computer,
        need,
        stuck,
        int(history.steps.sum()),
        len(episodes),
        success_rate(history.success, SUCCESS_WINDOW),
        float(last.human_steps.sum()) / steps if steps else None,
        _number(latest, "steps_per_s"),
        None if latest.get("policy_version") is None else int(latest["policy_version"]),
        _number(latest, "weights_age_s"),
        int(latest.get("backlog") or 0),
        sum(totals.total(key, path.name) for key in LOSSES),
    )


def by_need(actors: Sequence[ActorStatus]) -> list[ActorStatus]:
    """Return those that need a person first, of these the stuck ones first, then those with the least success."""
    return sorted(actors, key=_order)


def _order(actor: ActorStatus) -> tuple[bool, bool, bool, float]:
    return not actor.need, not actor.stuck, actor.success is None, actor.success or 0.0


def _need(path: Path, state: str, episodes: Sequence[Mapping[str, Any]]) -> tuple[str, bool]:
    """Return why a person should see to an actor, and whether it is stuck."""
    if state in ("killed", "failed", "frozen"):
        return state, False
    prompt = last_shown(path / "log.txt") if state == "running" else ""
    if prompt and prompt != RUNS:
        return prompt, prompt.startswith(STUCK)
    if state != "running" or not episodes:
        return "", False
    if fault := episodes[-1].get("fault_text"):
        return f"fault: {fault}", False
    if episodes[-1].get("help_requests"):
        return "stuck in its last episode, also after its retreats", True
    stuck = next((n for n, event in enumerate(reversed(episodes)) if event.get("success")), len(episodes))
    return (f"no success in {stuck} episodes", True) if stuck >= STUCK_EPISODES else ("", False)


def _number(event: Mapping[str, Any], name: str) -> float | None:
    return None if event.get(name) is None else float(event[name])
