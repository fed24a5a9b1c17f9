"""The operator's page as an input device: joystick, buttons and keys of one browser, held by pointer or key.

The page's connection feeds a `BrowserInput` from a thread of its own. A browser that is silent for `RELEASE_S` has
released the dead-man, and a hand that is still on it must let go first. Where the page is the person's only device, the
end of its connection, or `LOST_S` of silence, is a stop that stays until it is cleared.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from robot_rl.core import checks
from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.labels import LABELS
from robot_rl.teleop.device import Device, DeviceState, ScriptedDevice, watch
from robot_rl.teleop.devices import DeviceContext
from robot_rl.teleop.devices.browser_messages import (
    CLEAR,
    FINISH,
    GO,
    PAUSE,
    SAVE,
    STOP,
    Message,
    Motion,
    Presence,
    Press,
)
from robot_rl.teleop.devices.handheld import hand_action

RELEASE_S = 0.3
"""Silence of the browser after which its dead-man counts as released [s]."""
LOST_S = 1.0
"""Silence after which a page that is the only device is lost [s]."""
TAP_S = 0.2
"""How long a command to the gripper counts at least [s]: longer than a control period, so that no tap is lost."""
LABELS_MAX = 64
"""Labels that wait for a read; further ones are refused."""
HELP = "open the page in a browser: a joystick, or one of the keys w a s d r f q e, moves the arm while held; x stops"


@dataclass(frozen=True)
class BrowserConfig:
    """Settings of the page as an input device.

    Raises:
        ConfigError: a number out of its range.
    """

    speed: float = 0.5
    """Fraction of the largest action that full deflection commands, in (0, 1]."""

    def __post_init__(self) -> None:
        checks.positive(self, "speed")
        checks.fraction(self, "speed")


@dataclass(frozen=True, slots=True)
class InputState:
    """State of the page's input at one moment."""

    motion: Motion
    engaged: bool
    present: bool  # a browser has control and is not silent
    stopped: bool  # latched
    paused: bool
    locked: bool  # a hand that is on it must let go first
    stamp_ns: int | None  # of the last sign of life
    labels: tuple[str, ...] = ()
    cleared: bool = False
    ready: bool = False
    save: bool = False


class BrowserInput:
    """Newest input of the browser that has control, and what was pressed since the last read. Safe between threads.

    Args:
        on_finish: called once when the person ends the run.
    """

    def __init__(self, clock: Clock, on_finish: Callable[[], None] = lambda: None) -> None:
        self.sole = False  # whether the page is the person's only device
        self._clock, self._on_finish = clock, on_finish
        self._lock = threading.Lock()
        self._motion = Motion(False)
        self._tap, self._tapped_ns = 0.0, 0  # the gripper's last command, and when it came
        self._stamp_ns: int | None = None
        self._present = self._locked = self._stopped = self._paused = self._finished = False
        self._labels: list[str] = []
        self._cleared = self._ready = self._save = False

    def take(self, message: Message) -> None:
        """Take in a message, in the order of arrival."""
        with self._lock:
            self._notice_silence()
            if isinstance(message, Motion):
                self._motion, self._stamp_ns = message, self._clock.now_ns()
                self._locked = self._locked and message.held
                if message.held and message.gripper and not self._locked:
                    self._tap, self._tapped_ns = message.gripper, self._stamp_ns
            elif isinstance(message, Presence):
                self._take_presence(message.present)
            elif isinstance(message, Press):
                self._press(message.button)
        if isinstance(message, Press) and message.button == FINISH and not self._finished:
            self._finished = True
            self._on_finish()

    def reset(self) -> None:
        """Begin an episode: labels given before it do not count."""
        with self._lock:
            self._labels.clear()

    def peek(self) -> InputState:
        """Return the state now, without what was pressed."""
        with self._lock:
            self._notice_silence()
            return self._state()

    def read(self) -> InputState:
        """Return the state now, with what was pressed since the last call."""
        with self._lock:
            self._notice_silence()
            state = replace(
                self._state(),
                labels=tuple(self._labels),
                cleared=self._cleared,
                ready=self._ready,
                save=self._save,
            )
            self._labels.clear()
            self._cleared = self._ready = self._save = False
            return state

    def _state(self) -> InputState:
        motion = self._motion
        if not motion.held and self._tap and self._clock.now_ns() - self._tapped_ns < TAP_S * NS_PER_S:
            motion = Motion(True, gripper=self._tap)
        engaged = self._present and motion.held and not self._locked and self._age_s() <= RELEASE_S
        present = self._present and self._age_s() <= LOST_S
        return InputState(motion, engaged, present, self._stopped, self._paused, self._locked, self._stamp_ns)

    def _age_s(self) -> float:
        return float("inf") if self._stamp_ns is None else (self._clock.now_ns() - self._stamp_ns) / NS_PER_S

    def _notice_silence(self) -> None:
        if self._stamp_ns is None:
            return
        self._locked = self._locked or self._age_s() > RELEASE_S
        self._stopped = self._stopped or (self.sole and self._age_s() > LOST_S)

    def _take_presence(self, present: bool) -> None:
        if self._present and not present:
            self._locked = True
            self._stopped = self._stopped or self.sole
            self._motion, self._tap, self._stamp_ns = Motion(False), 0.0, None
        self._present = present

    def _press(self, button: str) -> None:
        if button in LABELS and len(self._labels) < LABELS_MAX:
            self._labels.append(button)
        elif button in (STOP, CLEAR):
            self._stopped, self._cleared = button == STOP, button == CLEAR
            self._locked, self._tap = True, 0.0
        elif button in (GO, PAUSE):
            self._paused, self._ready = button == PAUSE, button == GO
        elif button == SAVE:
            self._save = True


class Browser(Device):
    """The page as the only device of a person.

    Args:
        layout: parts of the action; of several robots, it moves the first.
    """

    Settings = BrowserConfig
    help = HELP
    go, clears = "press Go on the page (n)", "hold the page's button for it (c)"
    missing = "Waiting for a browser: open the page by its link."

    @classmethod
    def open(cls, context: DeviceContext) -> "Browser":
        """Return the page of the program that acts.

        Raises:
            ConfigError: there is none.
        """
        source = context.page()
        source.sole = True
        return cls(source, context.layout, context.settings)

    def __init__(self, source: BrowserInput, layout: ActionLayout, config: BrowserConfig | None = None) -> None:
        self._source, self._layout, self._config = source, layout, config or BrowserConfig()

    def reset(self) -> None:
        """Begin an episode."""
        self._source.reset()

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the state now; never waits."""
        state = self._source.read()
        motion, speed = state.motion, self._config.speed
        action = hand_action(
            self._layout, speed * np.array(motion.move), speed * np.array(motion.turn), float(motion.gripper)
        )
        return DeviceState(
            action if state.engaged else np.zeros_like(action),
            state.engaged,
            state.labels,
            state.stopped,
            state.present or not self._source.sole,
            state.stamp_ns if self._source.sole else None,
            state.cleared,
            state.ready,
            state.paused,
            state.save,
        )

    def close(self) -> None:
        """Do nothing: the page belongs to its program."""


class BesidePage(Device):
    """A device with the page beside it: either labels, stops and pauses; the page moves the arm while it is held.

    Args:
        device: the person's or the scripted one; None: only the page, whose loss is no stop.
    """

    def __init__(self, device: Device | None, page: Browser) -> None:
        self._device, self._page = device, page
        self.devices = (page,) if device is None else (device, page)
        self._rested = self._releases = False

    def reset(self) -> None:
        """Begin an episode with both; after a rest a scripted device, which never lets go, does so for a step."""
        self._releases, self._rested = self._rested and isinstance(self._device, ScriptedDevice), False
        self._page.reset()
        if self._device is not None:
            self._device.reset()

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the combined state."""
        page = self._page.read(proposed)
        if self._device is None:
            return page
        state = self._combined(page, self._device.read(proposed))
        self._rested = self._rested or state.paused or state.stopped
        engaged, self._releases = state.engaged and not self._releases, False
        return replace(state, engaged=engaged)

    def watch(self) -> DeviceState:
        """Return the combined state between two steps."""
        page = self._page.read()
        return page if self._device is None else self._combined(page, watch(self._device))

    @staticmethod
    def _combined(page: DeviceState, state: DeviceState) -> DeviceState:
        return replace(
            state,
            action=page.action if page.engaged else state.action,
            engaged=page.engaged or state.engaged,
            labels=state.labels + page.labels,
            estop=state.estop or page.estop,
            cleared=state.cleared or page.cleared,
            ready=state.ready or page.ready,
            paused=state.paused or page.paused,
            save=state.save or page.save,
        )

    def close(self) -> None:
        """Release the device."""
        if self._device is not None:
            self._device.close()
