"""The pendant as a teleoperation device: dead-man, labels, emergency stop, and the relay in the robot's user-stop."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np

from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import DeviceLostError
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.devices import DeviceContext
from robot_rl.teleop.pendant.config import PendantConfig
from robot_rl.teleop.pendant.frames import FrameErrors
from robot_rl.teleop.pendant.messages import Counters, Event, Reply, State, Welcome
from robot_rl.teleop.pendant.serial_line import Line, check_name, open_line
from robot_rl.teleop.pendant.session import LinkCounters, PendantSession

LABEL_OF = {Event.SUCCESS: "success", Event.FAILURE: "failure", Event.UNDO: "undo"}
REARM_HELP = "release the grip, then hold undo for 0.8 s to arm it."
WAIT_S = 0.005
"""Longest wait for bytes in one turn of the thread [s]."""
JOIN_S = 2.0
RECONNECT_S = 0.25
"""Pause before a lost port is opened again [s]."""


@dataclass(frozen=True)
class PendantView:
    """Diagnostic snapshot of the pendant."""

    alive: bool
    age_s: float | None  # since the last valid frame; None before the first
    state: State | None
    welcome: Welcome | None
    reply: Reply | None
    link: LinkCounters
    frame_errors: FrameErrors
    device: Counters | None
    round_trip_s: float | None  # median of the newest
    trouble: str  # why there is no session, empty when there is one


class Pendant:
    """Talks to the pendant in a thread of its own; `read` never waits.

    The pendant has no axes: its state has no action, and engaged means that the human is in charge. Put a device that
    moves beside it with `robot_rl.teleop.devices.combined`. A relay that is not closed is an emergency stop,
    whatever opened it, and so is a pendant that does not answer; the stop lasts until the pendant was armed after it.
    The success button also says that the scene is set. Heartbeats go out only while `read` is called.

    Args:
        open_port: opens the line by the name in the settings.

    Raises:
        ConfigError: a port that can never work. One that is not there yet is waited for.
    """

    Settings = PendantConfig
    moves = False
    go, clears = "press success on the pendant", "hold undo on the pendant for 0.8 s, the grip released"

    @classmethod
    def open(cls, context: DeviceContext) -> "Pendant":
        """Return the pendant at the port of the settings.

        Raises:
            ConfigError: a port that can never work.
        """
        return cls(context.settings, context.clock)

    def __init__(
        self,
        config: PendantConfig | None = None,
        clock: Clock | None = None,
        open_port: Callable[[str], Line] = open_line,
    ) -> None:
        self._config = config or PendantConfig()
        check_name(self._config.port)
        self._clock = clock or SystemClock()
        self._open_port = open_port
        self._session = PendantSession(self._config, lambda: random.SystemRandom().getrandbits(32))
        self._trouble = "not yet connected"
        self._stopped, self._arming, self._prompted = True, False, False
        self._read_ns = self._clock.now_ns()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pendant", daemon=True)
        self._thread.start()

    def reset(self) -> None:
        """Do nothing: the grip stays as it is."""

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the present state and the labels since the last read."""
        with self._lock:
            now_ns = self._clock.now_ns()
            self._read_ns = now_ns
            alive, state = self._session.alive(now_ns), self._session.state
            events = self._session.take_events()
            labels = tuple(LABEL_OF[event] for event in events if event in LABEL_OF)
            self._arming = self._arming or Event.REARM in events
            cleared = self._update_stop(alive and state is not None and state.relay_closed)
            self._prompt(alive and state is not None and not state.relay_closed and state.causes == 0)
            engaged = alive and state is not None and state.engaged
            stamp_ns = self._session.stamp_ns
            return DeviceState(None, engaged, labels, self._stopped, alive, stamp_ns, cleared, Event.SUCCESS in events)

    def _update_stop(self, closed: bool) -> bool:
        """Latch a stop while the relay is open; return whether it was armed after one."""
        cleared = closed and self._stopped and self._arming
        self._stopped = not closed or (self._stopped and not cleared)
        self._arming = self._arming and not cleared
        return cleared

    def _prompt(self, open_without_cause: bool) -> None:
        """Print how to arm, once per opening: also where an earlier program had armed, since a new session opens."""
        if open_without_cause and not self._prompted:
            print(f"pendant: the relay is open, which is a stop; {REARM_HELP}", flush=True)
        self._prompted = open_without_cause

    def arm(self) -> None:
        """Ask the pendant to close its relay; it refuses unless all is well and the grip released."""
        with self._lock:
            self._arming = True
            self._session.arm()

    def clear(self) -> None:
        """Ask the pendant to clear its latched faults."""
        with self._lock:
            self._session.clear()

    def stop(self) -> None:
        """Ask the pendant to open its relay."""
        with self._lock:
            self._session.stop()

    def query(self) -> None:
        """Ask the pendant for its counters; a later `view` shows them."""
        with self._lock:
            self._session.query()

    def view(self) -> PendantView:
        """Return a snapshot."""
        with self._lock:
            now_ns, session = self._clock.now_ns(), self._session
            trips = sorted(session.round_trips_ns)
            alive = session.alive(now_ns)
            return PendantView(
                alive=alive,
                age_s=None if session.stamp_ns is None else (now_ns - session.stamp_ns) / NS_PER_S,
                state=session.state,
                welcome=session.welcome,
                reply=session.reply,
                link=replace(session.counters),
                frame_errors=replace(session.reader.errors),
                device=session.device_counters,
                round_trip_s=trips[len(trips) // 2] / NS_PER_S if trips else None,
                trouble="" if alive else str(session.refusal or self._trouble),
            )

    def close(self) -> None:
        """End the thread; the pendant then misses its heartbeat and opens the relay."""
        self._closing.set()
        self._thread.join(JOIN_S)

    def __enter__(self) -> "Pendant":
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                line = self._open_port(self._config.port)
            except DeviceLostError as error:
                self._lose(error)
                continue
            try:
                self._serve(line)
            except DeviceLostError as error:
                self._lose(error)
            finally:
                line.close()

    def _lose(self, error: DeviceLostError) -> None:
        with self._lock:
            self._trouble = str(error)
            self._session.opened()  # the old session is void
        self._closing.wait(RECONNECT_S)

    def _serve(self, line: Line) -> None:
        with self._lock:
            self._session.opened()
            self._trouble = "the port is open, but nothing answers: is it the pendant?"
        while not self._closing.is_set():
            data = line.read(WAIT_S)
            with self._lock:
                now_ns = self._clock.now_ns()
                self._session.receive(data, now_ns)
                vouched = now_ns - self._read_ns <= self._config.vouch_s * NS_PER_S
                out = self._session.transmit(now_ns, vouched)
            if out:
                line.write(out)
