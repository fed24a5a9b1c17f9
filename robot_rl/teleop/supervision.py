"""Supervision: the stop of a person's device reaches every controller of the graph, whatever else its program does."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from controllers.arm import Mode
from controllers.ros import graph, to_ros
from controllers.ros.liveness import process_identity
from controllers.ros.stops import REPORT_PERIOD_S, StopReport
from controllers.ros.wire import Wire
from robot_rl.core.clock import Clock, RateKeeper
from robot_rl.teleop.device import Device, DeviceState, watch

CLEAR_TIMEOUT_S = 2.0
TRIES, PAUSE_S = 10, 0.05  # until the controller's status shows that the clear has arrived
JOIN_S = 2.0


def in_background(job: Callable[[], None]) -> None:
    """Run a function in a thread of its own."""
    threading.Thread(target=job, daemon=True).start()


def show_stops(wire: Wire, show: Callable[[str], None]) -> None:
    """Show each change of the stops in force, in the controller's own words."""
    shown = ""

    def on_status(message: Any) -> None:
        nonlocal shown
        status = {pair.key: pair.value for pair in message.values}
        if (sources := status.get("stopped by", "")) != shown:
            shown = sources
            show(status["held"] if sources else "no stop is in force")

    wire.subscribe(graph.STATUS, on_status)


class StopSender:
    """Reports a device's stop to the controllers, and releases this arm's controller when the person clears it.

    A lost device is a stop. `send` is to be called every `REPORT_PERIOD_S`: the arms hold when it is not. A clear lifts
    the device's own stop. Where stops of other sources remain, it names them, and the next clear lifts those by name.

    Args:
        node: name of the program, which the controllers' status shows.
        run: runs the release, which waits for answers.
        process: identity of the program's process, whose end is a stop.
    """

    def __init__(
        self, wire: Wire, node: str, run: Callable[[Callable[[], None]], None] = in_background, process: str = ""
    ) -> None:
        self._wire, self._run = wire, run
        self._publisher = wire.publisher(graph.STOP)
        self.source = "/".join(filter(None, [wire.namespace.strip("/"), f"{node}-{os.urandom(3).hex()}"]))
        self._report = StopReport(self.source, "", process=process or process_identity())
        self._left = False
        self._status: dict[str, str] = {}
        self._named: set[str] = set()  # stops of other sources that the person was shown
        wire.subscribe(graph.STATUS, self._on_status)

    def send(self, state: DeviceState) -> None:
        """Report one state."""
        cleared = state.cleared and not state.stopped
        if cleared:
            lifts, self._named = tuple(sorted(self._named)), set()
            self._report = self._report._replace(clears=self._report.clears + 1, lifts=lifts)
        why = "" if not state.stopped else "stop pressed" if state.alive else "device lost"
        self._publish(self._report._replace(why=why))
        if cleared:
            self._run(self._release)

    def leave(self) -> None:
        """End in good order, where nothing commands the arm any more; later reports are not sent."""
        self._publish(self._report._replace(leaves=True))
        self._left = True

    def _publish(self, report: StopReport) -> None:
        if self._left:
            return
        self._publisher.publish(to_ros.stop_report_message(self._wire, report))

    def _on_status(self, message: Any) -> None:
        self._status = {pair.key: pair.value for pair in message.values}
        self._named &= self._stopped_by()

    def _stopped_by(self) -> set[str]:
        return set(filter(None, self._status.get("stopped by", "").split(", ")))

    def _release(self) -> None:
        """Track targets again, unless other sources stop the arm, which are printed."""
        lifted = {self.source, *self._report.lifts}
        for _ in range(TRIES):
            if not lifted & self._stopped_by():
                break
            time.sleep(PAUSE_S)
        if others := self._stopped_by():
            self._named = others
            print(f"{self._status['held']}; or clear again to lift it here: {', '.join(sorted(others))}", flush=True)
            return
        if self._status.get("mode") == Mode.FAULT.name:
            print(self._wire.call(graph.RECOVER, CLEAR_TIMEOUT_S)[1], flush=True)
        print(self._wire.call(graph.ENABLE, CLEAR_TIMEOUT_S, data=True)[1], flush=True)


class SupervisedDevice:
    """A device that a thread reads and reports all the time: also while its program waits, resets or compiles.

    Labels and clears wait for the next `read`.
    """

    def __init__(self, device: Device, sender: StopSender, clock: Clock) -> None:
        self._device, self._sender, self._clock = device, sender, clock
        self.devices = (device,)
        self._lock = threading.Lock()
        self._labels: tuple[str, ...] = ()
        self._cleared = self._ready = self._save = False
        self._closing = False
        self._thread: threading.Thread | None = None

    def start(self) -> "SupervisedDevice":
        """Start the thread."""
        self._thread = threading.Thread(target=self._poll_all_the_time, name="supervision", daemon=True)
        self._thread.start()
        return self

    def reset(self) -> None:
        """Begin an episode."""
        with self._lock:
            self._device.reset()

    def poll(self) -> DeviceState:
        """Watch the device and report its stop."""
        return self._report(watch)

    def _report(self, read: Callable[[Device], DeviceState]) -> DeviceState:
        with self._lock:
            state = read(self._device)
            self._sender.send(state)
            self._labels += state.labels
            self._cleared, self._ready = self._cleared or state.cleared, self._ready or state.ready
            self._save = self._save or state.save
        return state

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the present state, with the labels since the last call."""
        state = self._report(lambda device: device.read())
        with self._lock:
            gathered = replace(state, labels=self._labels, cleared=self._cleared, ready=self._ready, save=self._save)
            self._labels, self._cleared, self._ready, self._save = (), False, False, False
        return gathered

    def close(self) -> None:
        """Stop reporting, and release the device."""
        if self._closing:
            return
        self._closing = True
        if self._thread is not None:
            self._thread.join(JOIN_S)
        self._sender.leave()
        self._device.close()

    def _poll_all_the_time(self) -> None:
        pace = RateKeeper(1.0 / REPORT_PERIOD_S, self._clock)
        while not self._closing:
            self.poll()
            pace.wait()
