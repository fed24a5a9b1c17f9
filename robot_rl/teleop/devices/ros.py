"""Input device over ROS: a reader of `human/input`, and its sender.

A Joy's axes are the action, its buttons `controllers.ros.graph.HUMAN_BUTTONS`. Labels cross as counts since the sender
began: a message that is lost or overtaken loses no label, and one that comes twice gives none twice. A stop is latched
by the reader: only a request to clear it, which is counted like a label, lifts it, and not the end of its sender.
Late messages make the arbiter wait; a long silence is a stop as well.
"""

import os
import threading
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from controllers.ros import graph
from controllers.ros.stops import STOP_AFTER_S
from controllers.ros.wire import Wire
from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.hardware.graph.messages import stamped
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.devices import DeviceContext

_FLAGS = 2  # buttons before the counts
PRESSED_S = 0.5  # so long after its last message a stop counts as pressed still
_LABELS, _CLEAR, _READY, _SAVE = slice(_FLAGS, -3), -3, -2, -1


class GraphDevice:
    """A `Device` that reads another one over the graph.

    Before the first message it is neither engaged nor alive. A sender's first message gives no label and clears
    no stop. While any sender's stop is pressed, no other sender clears it.

    Args:
        layout: of the actor's actions; messages of another size are ignored.
        owned: whether `close` leaves the graph.
    """

    @classmethod
    def open(cls, context: DeviceContext) -> "GraphDevice":
        """Return the human at the `teleop` node, over the environment's own connection where there is one."""
        wire, owned = context.wire()
        return cls(wire, context.layout, context.clock, owned)

    def __init__(self, wire: Wire, layout: ActionLayout, clock: Clock, owned: bool = False) -> None:
        self._wire, self._layout, self._clock, self._owned = wire, layout, clock, owned
        self._lock = threading.Lock()
        self._state = DeviceState(alive=False)
        self._counts: dict[str, tuple[int, ...]] = {}  # of each sender
        self._pressed_ns: dict[str, int] = {}  # when each sender said last that its stop is pressed
        self._stopped = self._cleared = self._ready = self._save = False
        self._labels: list[str] = []
        wire.subscribe(graph.HUMAN_INPUT, self._on_input)

    def reset(self) -> None:
        """Do nothing: the sender does not know of episodes."""

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the newest state received, with the labels since the last read."""
        with self._lock:
            labels, self._labels = tuple(self._labels), []
            cleared, self._cleared = self._cleared, False
            ready, self._ready = self._ready, False
            save, self._save = self._save, False
            state = self._state
            heard_ns = state.stamp_ns
            if heard_ns is not None and self._clock.now_ns() - heard_ns > STOP_AFTER_S * NS_PER_S:
                self._stopped = True
            return replace(state, labels=labels, estop=self._stopped, cleared=cleared, ready=ready, save=save)

    def close(self) -> None:
        """Close the wire if this device owns it."""
        if self._owned:
            self._wire.close()

    def _on_input(self, message: Any) -> None:
        action = np.asarray(message.axes, np.float32)
        buttons = tuple(int(button) for button in message.buttons)
        if action.shape != (self._layout.size,) or not np.isfinite(action).all():
            return
        if len(buttons) != len(graph.HUMAN_BUTTONS):
            return
        state = DeviceState(np.clip(action, -1.0, 1.0), bool(buttons[0]), stamp_ns=self._clock.now_ns())
        with self._lock:
            self._state = state
            self._take_buttons(str(message.header.frame_id), buttons)

    def _take_buttons(self, sender: str, buttons: tuple[int, ...]) -> None:
        before = self._counts.get(sender, buttons)
        self._counts[sender] = buttons
        given = zip(graph.HUMAN_BUTTONS[_LABELS], before[_LABELS], buttons[_LABELS], strict=True)
        self._labels += [label for label, then, now in given for _ in range(now - then)]
        now_ns = self._clock.now_ns()
        self._pressed_ns.pop(sender, None)
        if buttons[1]:
            self._pressed_ns[sender] = now_ns
            self._stopped = True
        pressed = any(now_ns - at_ns < PRESSED_S * NS_PER_S for at_ns in self._pressed_ns.values())
        if buttons[_CLEAR] > before[_CLEAR] and not pressed:
            self._stopped, self._cleared = False, True
        self._ready = self._ready or buttons[_READY] > before[_READY]
        self._save = self._save or buttons[_SAVE] > before[_SAVE]


class HumanSender:
    """Publisher of a device's states."""

    def __init__(self, wire: Wire, layout: ActionLayout) -> None:
        self._wire, self._layout = wire, layout
        self._publisher = wire.publisher(graph.HUMAN_INPUT)
        self._name = os.urandom(8).hex()  # distinguishes this sender from others, and from itself before a restart
        self._given: Counter[str] = Counter()

    def send(self, state: DeviceState) -> None:
        """Send one state; a device that is lost is sent as a stop."""
        self._given.update(state.labels)
        self._given["clear"] += state.cleared and not state.stopped
        self._given["ready"] += state.ready
        self._given["save"] += state.save
        action = np.zeros(self._layout.size, np.float32) if state.action is None else state.action
        flags = [int(state.engaged and state.alive), int(state.stopped)]
        counts = [self._given[label] for label in graph.HUMAN_BUTTONS[_FLAGS:]]
        buttons = np.array(flags + counts, np.int32)
        stamp_ns, kind = self._wire.now_ns(), graph.HUMAN_INPUT.type
        self._publisher.publish(stamped(self._wire, kind, stamp_ns, self._name, axes=action, buttons=buttons))
