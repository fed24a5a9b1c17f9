"""State of a recording on the terminal: one line that follows it, and one line for each episode that ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rich.progress import Progress, TextColumn

from robot_rl.runtime.acting.arm_reading import read_arm
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.step import Step
from robot_rl.teleop.arbiter import ControlAuthority
from robot_rl.teleop.device import Device, DeviceState
from robot_rl.teleop.instructions import clear_text, missing_text

AUTHORITY = {
    ControlAuthority.IDLE: "nothing moves it",
    ControlAuthority.POLICY: "policy",
    ControlAuthority.RETREAT: "retreat",
    ControlAuthority.HUMAN: "you",
    ControlAuthority.ESTOP: "EMERGENCY STOP",
}


@dataclass
class RecordingSummary:
    """Counts of a recording session."""

    recorded: int = 0  # episodes written now
    earlier: int = 0  # episodes of earlier sessions
    discarded: int = 0  # attempts without success
    removed: int = 0  # episodes that the person took back
    steps: int = 0  # written now

    @property
    def total(self) -> int:
        """Episodes that the folder holds."""
        return self.earlier + self.recorded


class RecordingScreen:
    """Shows episode, time, who is in charge and force; a person also sees how each episode ended."""

    def __init__(self, rollout: Rollout, folder: Path, episodes: int, progress: bool) -> None:
        self._rollout, self._folder, self._episodes = rollout, folder, episodes
        self._bar = Progress(TextColumn("{task.description}"), disable=not progress, transient=True)
        self._row = self._bar.add_task(f"demonstrations, in {folder}")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def step(self, counts: RecordingSummary, step: Step, number: int) -> None:
        """Show a step of an episode."""
        parts = [
            f"demonstration {counts.total + 1} of {self._episodes} ({counts.discarded} discarded)",
            f"{number * self._rollout.period_s:4.1f} s",
            charge_text(step.decision.charge, self._rollout.human),
            str(read_arm(self._rollout.env) or ""),
            step.fault,
        ]
        self._bar.update(self._row, description="  |  ".join(filter(None, parts)))

    def ended(self, counts: RecordingSummary, steps: Sequence[Step], kept: bool) -> None:
        """Report the end of an episode to a person."""
        if not self._rollout.person_acts:
            return
        last = steps[-1] if steps else None
        end = "no motion" if last is None else "success" if last.success else "failure" if last.failure else ""
        stopped = last is not None and last.decision.charge is ControlAuthority.ESTOP
        end = end or (f"fault: {last.fault}" if last and last.fault else "stopped" if stopped else "out of time")
        where = f"kept, {counts.total} of {self._episodes} in {self._folder}" if kept else "discarded"
        after = f" after {len(steps) * self._rollout.period_s:.1f} s" if steps else ""
        print(f"{end}{after}: {where}", flush=True)

    def removed(self, number: int | None) -> None:
        """Report that an episode was taken back."""
        text = "nothing to take back" if number is None else f"episode {number} is in {self._folder / 'removed'} now"
        print(f"undo: {text}", flush=True)


def charge_text(charge: ControlAuthority, device: Device | None, state: DeviceState | None = None) -> str:
    """Return who moves the arm, and what a person can do where a stop or a hold from before it keeps them from it."""
    state = state or DeviceState()
    if charge is ControlAuthority.IDLE and state.engaged:
        return f"{AUTHORITY[charge]}: let go, then press again"
    if charge is not ControlAuthority.ESTOP or device is None:
        return AUTHORITY[charge]
    return f"{AUTHORITY[charge]}: {clear_text(device)}" if state.alive else missing_text(device)
