"""A rollout with a person, from settings: their last seconds can be saved, and each takeover is summed up."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from robot_rl import build, build_graph
from robot_rl.build_human import takes_over
from robot_rl.config import TrainConfig
from robot_rl.runtime.acting.go import note_here
from robot_rl.runtime.acting.recent_steps import RecentSteps, SavingDevice
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.takeover_notes import TakeoverNotes
from robot_rl.teleop.device import Device, JudgingDevice

SAVED = "saved"
"""Folder, within a run's, of what a person saved; elsewhere the parent of a folder for each task."""


def attended(rollout: Rollout, config: TrainConfig, folder: Path | None = None) -> Rollout:
    """Return a rollout whose person may save the last seconds, and follows their takeovers on the terminal.

    Args:
        folder: that of the run, which receives what is saved; None: the working directory does.
    """
    if not rollout.person_acts:
        return rollout
    monitor, show = rollout.monitor, _both(note_here, build_graph.far_terminal(rollout.env))
    rollout = replace(rollout, monitor=TakeoverNotes(monitor, rollout.period_s, takes_over(config), show))
    key, origin = _save_key(rollout.human), build.make_origin(config)
    if key is None or not config.human.save_s:
        return rollout
    out = config.human.save_to or (Path(SAVED, Path(origin.task).name) if folder is None else folder / SAVED)
    steps = max(1, round(config.human.save_s / rollout.period_s))
    reward = rollout.reward
    reaction = reward.reaction_steps(rollout.period_s)
    key.recent = RecentSteps(out, origin, steps, _both(show, monitor.note), reward.names, reaction)
    return replace(rollout, recent=key.recent)


def _save_key(device: Device | None) -> SavingDevice | None:
    device = device.device if isinstance(device, JudgingDevice) else device
    return device if isinstance(device, SavingDevice) else None


def _both(*shows: Callable[[str], None]) -> Callable[[str], None]:
    def show(text: str) -> None:
        for each in shows:
            each(text)

    return show
