"""The go of a person: an arm moves to a start, and an episode begins, only as the person at the device allows."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.envs.operator_episodes import Hear, ignore
from robot_rl.runtime.acting.stepper import PAYING
from robot_rl.teleop.device import Device, DeviceState
from robot_rl.teleop.instructions import clear_text, go_text, missing_text

Show = Callable[[str], None]
POLL_S = 0.05
TAIL_BYTES = 4096
MARK = ">> "
"""Begins a line that says what the person has to do."""
NOTE = ":: "
"""Begins a line that says what has happened."""
RUNS = "The episode runs: Enter success, Backspace failure, u undo, x stop"


def show_here(text: str) -> None:
    """Print what the person has to do on this program's terminal."""
    print(MARK + text, flush=True)


def note_here(text: str) -> None:
    """Print what has happened on this program's terminal."""
    print(NOTE + text, flush=True)


class LogNotes:
    """Reads what a program's log says from now on of what has happened."""

    def __init__(self, log: Path) -> None:
        self._log, self._place = log, log.stat().st_size if log.is_file() else 0

    def read(self) -> list[str]:
        """Return the notes since the last call."""
        if not self._log.is_file():
            return []
        with self._log.open("rb") as file:
            file.seek(self._place)
            whole = file.read().rpartition(b"\n")[0]
        self._place += len(whole) + bool(whole)
        lines = whole.decode(errors="replace").splitlines()
        return [line.removeprefix(NOTE) for line in lines if line.startswith(NOTE)]


def last_shown(log: Path) -> str:
    """Return the last thing that a program's log says the person has to do; empty without one."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.removeprefix(MARK) for line in reversed(lines) if line.startswith(MARK)), "")


def await_ready(
    device: Device,
    clock: Clock,
    text: str | Callable[[], str],
    then: str = RUNS,
    show: Show = show_here,
    hear: Hear = ignore,
) -> None:
    """Prompt a person and wait until they say, by their device, that the scene is set; not while a stop is latched.

    Args:
        text: of the prompt; shown again where labels change it.
        then: shown once they have.
        hear: takes the labels of the episode before as they come: those given before the prompt, and later ones that do
            not pay.
    """
    _hear(device.read().labels, hear)  # a "ready" before the prompt was for something else
    prompt = partial(_prompt, device, text)
    shown = _show(device, DeviceState(), prompt(), "", show)
    while not (state := device.read()).ready or state.stopped:
        _hear(_not_paying(state), hear)
        shown = _show(device, state, prompt(), shown, show)
        clock.sleep_until(clock.now_ns() + round(POLL_S * NS_PER_S))
    _hear(_not_paying(state), hear)
    show(then)


def await_release(device: Device, clock: Clock, show: Show = show_here, hear: Hear = ignore) -> None:
    """Wait while a stop is latched; `hear` takes the labels given meanwhile."""
    state, shown = device.read(), ""
    _hear(state.labels, hear)
    while state.stopped:
        shown = _show(device, state, "", shown, show)
        clock.sleep_until(clock.now_ns() + round(POLL_S * NS_PER_S))
        state = device.read()
        _hear(_not_paying(state), hear)


def _prompt(device: Device, text: str | Callable[[], str]) -> str:
    return f"{text if isinstance(text, str) else text()} Then {go_text(device)}."


def _hear(labels: tuple[str, ...], hear: Hear) -> None:
    if labels:
        hear(labels)


def _not_paying(state: DeviceState) -> tuple[str, ...]:
    return tuple(label for label in state.labels if label not in PAYING)


def _show(device: Device, state: DeviceState, text: str, shown: str, show: Show) -> str:
    """Show what the person has to do, where that has changed, and return it."""
    stop = f"Stopped. Clear the stop first: {clear_text(device)}." if state.alive else missing_text(device)
    wanted = stop if state.stopped else text
    if wanted != shown:
        show(wanted)
    return wanted
