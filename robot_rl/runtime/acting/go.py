"""The go of a person: an arm moves to a start, and an episode begins, only as the person at the device allows."""

from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.runtime.acting.stepper import PAYING
from robot_rl.teleop.device import Device, DeviceState

POLL_S = 0.05
GO = "Then: n at the keyboard, success on the pendant."
MISSING = "Waiting for the person's device: is it plugged in, and its program started?"
CLEAR = "Stopped: clear the stop first, with c at the keyboard."


def await_ready(device: Device, clock: Clock, text: str) -> tuple[str, ...]:
    """Prompt a person and wait until they say, by their device, that the scene is set; not while a stop is latched.

    Returns: the labels of the episode before: those given before the prompt, and later ones that do not pay.
    """
    labels, shown = device.read().labels, f"{text} {GO}"  # a "ready" before the prompt was for something else
    print(shown, flush=True)
    while not (state := device.read()).ready or state.stopped:
        labels += _not_paying(state)
        shown = _show(state, f"{text} {GO}", shown)
        clock.sleep_until(clock.now_ns() + round(POLL_S * NS_PER_S))
    return labels + _not_paying(state)


def await_release(device: Device, clock: Clock) -> tuple[str, ...]:
    """Wait while a stop is latched, and return the labels given until then."""
    state, shown = device.read(), ""
    labels = state.labels
    while state.stopped:
        shown = _show(state, "", shown)
        clock.sleep_until(clock.now_ns() + round(POLL_S * NS_PER_S))
        state = device.read()
        labels += _not_paying(state)
    return labels


def _not_paying(state: DeviceState) -> tuple[str, ...]:
    return tuple(label for label in state.labels if label not in PAYING)


def _show(state: DeviceState, text: str, shown: str) -> str:
    """Print what the person has to do, where that has changed, and return it."""
    wanted = text if not state.stopped else CLEAR if state.alive else MISSING
    if wanted != shown:
        print(wanted, flush=True)
    return wanted
