"""The human at another computer: a device that reads `human/input` from the ROS graph, and the sender on that side.

A Joy's axes are the action, its buttons `controllers.ros.graph.HUMAN_BUTTONS`. Labels cross as counts since the sender
began: a message that is lost or overtaken loses no label, and one that comes twice gives none twice.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np

from controllers.ros import graph
from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.clock import Clock
from robot_rl.hardware.graph.messages import stamped
from robot_rl.hardware.graph.wire import Wire
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.devices import DeviceContext

_FLAGS = 2  # buttons before the labels


class GraphDevice:
    """A `Device` that hears another one over the graph.

    Before the first message nobody is there: not engaged, not alive. A sender that starts anew (its counts went down)
    gives no label by that.

    Args:
        layout: of the actor's actions; messages of another size are ignored.
        owned: whether `close` leaves the graph.
    """

    @classmethod
    def open(cls, context: DeviceContext) -> GraphDevice:
        """Return the human at the `teleop` node, over the environment's own connection where there is one."""
        wire, owned = context.wire()
        return cls(wire, context.layout, context.clock, owned)

    def __init__(self, wire: Wire, layout: ActionLayout, clock: Clock, owned: bool = False) -> None:
        self._wire, self._layout, self._clock, self._owned = wire, layout, clock, owned
        self._lock = threading.Lock()
        self._state = DeviceState(alive=False)
        self._counts: tuple[int, ...] | None = None
        self._labels: list[str] = []
        wire.subscribe(graph.HUMAN_INPUT, self._on_input)

    def reset(self) -> None:
        """Begin an episode: nothing to forget, the human's hands go on."""

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return what was heard last, with the labels since the last read."""
        with self._lock:
            labels, self._labels = tuple(self._labels), []
            state = self._state
        return DeviceState(state.action, state.engaged, labels, state.estop, state.alive, state.stamp_ns)

    def close(self) -> None:
        """Leave the graph if nobody else uses this wire."""
        if self._owned:
            self._wire.close()

    def _on_input(self, message: Any) -> None:
        action = np.asarray(message.axes, np.float32)
        buttons = tuple(int(button) for button in message.buttons)
        if action.shape != (self._layout.size,) or not np.isfinite(action).all():
            return
        if len(buttons) != len(graph.HUMAN_BUTTONS):
            return
        state = DeviceState(
            np.clip(action, -1.0, 1.0), bool(buttons[0]), (), bool(buttons[1]), True, self._clock.now_ns()
        )
        with self._lock:
            self._state = state
            self._labels += self._new_labels(buttons[_FLAGS:])

    def _new_labels(self, counts: tuple[int, ...]) -> list[str]:
        before, self._counts = self._counts, counts
        if before is None or any(now < then for now, then in zip(counts, before, strict=True)):
            return []
        given = zip(graph.HUMAN_BUTTONS[_FLAGS:], before, counts, strict=True)
        return [label for label, then, now in given for _ in range(now - then)]


class HumanSender:
    """Sends what a device says, as often as it is told to."""

    def __init__(self, wire: Wire, layout: ActionLayout) -> None:
        self._wire, self._layout = wire, layout
        self._publisher = wire.publisher(graph.HUMAN_INPUT)
        self._given: Counter[str] = Counter()

    def send(self, state: DeviceState) -> None:
        """Send one state; a device that is lost is not sent, so that the other side notices the silence."""
        self._given.update(state.labels)
        if not state.alive:
            return
        action = np.zeros(self._layout.size, np.float32) if state.action is None else state.action
        flags = [int(state.engaged), int(state.estop)]
        counts = [self._given[label] for label in graph.HUMAN_BUTTONS[_FLAGS:]]
        joy = graph.HUMAN_INPUT.type
        self._publisher.publish(
            stamped(self._wire, joy, self._wire.now_ns(), axes=action, buttons=np.array(flags + counts, np.int32))
        )
