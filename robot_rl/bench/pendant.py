"""Benchmark of the pendant's firmware under QEMU: round trip of a heartbeat, and time to open the relay.

The round trip is by the host's clock and ends with the STATE that names the heartbeat's number, so it holds the line,
the firmware and the decoding. Opening times are by the device's clock, from when its bench took the contacts.
"""

from typing import Any

import numpy as np

from robot_rl.bench.pendant_firmware import AT_REST, ContactBench, Report, qemu_pendant
from robot_rl.bench.timing import percentiles
from robot_rl.core.clock import NS_PER_S, SystemClock
from robot_rl.core.errors import DeviceLostError
from robot_rl.teleop.pendant.config import PendantConfig
from robot_rl.teleop.pendant.device import Pendant
from robot_rl.teleop.pendant.messages import Input, Output
from robot_rl.teleop.pendant.serial_line import Line, open_line
from robot_rl.teleop.pendant.session import PendantSession

ROUND_TRIPS = 1000
STOPS = 10
LIMIT_S = 120.0
HEARTBEAT_S = 0.002


def run() -> dict[str, Any]:
    """Return round trip and opening times [ms]."""
    metrics: dict[str, Any] = {}
    with qemu_pendant() as running:
        line = open_line(running.port)
        metrics |= round_trips(line)
        line.close()
    with qemu_pendant() as running, Pendant(PendantConfig(running.port)) as driver:
        for name, contact in (("estop", Input.ESTOP_A | Input.ESTOP_B), ("channel", Input.ESTOP_A)):
            metrics |= percentiles(f"{name}_to_relay_ms", opening_times(driver, running.hand, contact), 1e3)
    return metrics


def round_trips(line: Line) -> dict[str, Any]:
    """Return percentiles of the round trip, and counts of lost frames."""
    clock, nonces = SystemClock(), iter(range(1, 1000))
    session = PendantSession(PendantConfig(heartbeat_s=HEARTBEAT_S), lambda: next(nonces))
    trips_ns: list[int] = []
    end_ns = clock.now_ns() + round(LIMIT_S * NS_PER_S)
    while len(trips_ns) < ROUND_TRIPS and clock.now_ns() < end_ns:
        out = session.transmit(clock.now_ns())
        if out:
            line.write(out)
        session.receive(line.read(HEARTBEAT_S / 2), clock.now_ns())
        trips_ns += session.round_trips_ns
        session.round_trips_ns.clear()
    if not trips_ns:
        raise DeviceLostError("pendant under QEMU: got no answer, expected one to each heartbeat; run: make qemu")
    counters = {"round_trips": len(trips_ns), "lost": session.counters.lost, "sessions": session.counters.sessions}
    return percentiles("round_trip_ms", np.array(trips_ns) / NS_PER_S, 1e3) | counters


def opening_times(driver: Pendant, hand: ContactBench, contact: Input) -> np.ndarray:
    """Return the times from the change of a contact to the opening of the relay [s], (STOPS,)."""
    times_ms = []
    for _ in range(STOPS):
        arm(driver, hand)
        hand.forget()
        hand.open_contact(contact)
        start = hand.await_report(lambda report: report.kind == "I")
        times_ms.append(hand.await_report(_opened).time_ms - start.time_ms)
        hand.close_contact(contact)
        while not driver.read().estop:  # the state must have arrived before the next round
            hand.pause(0.01)
    return np.array(times_ms) * 1e-3


def arm(driver: Pendant, hand: ContactBench, limit_s: float = 20.0) -> None:
    """Close the relay as soon as possible; clear faults that the measurement itself latched.

    Raises:
        DeviceLostError: it does not close.
    """
    clock = SystemClock()
    end_s = clock.now_s() + limit_s
    while driver.read().estop:
        state = driver.view().state
        if state is not None and state.faults:
            _prove(hand)
            driver.clear()
        elif state is not None and state.causes == 0:
            driver.arm()
        if clock.now_s() > end_s:
            raise DeviceLostError(f"pendant: got {driver.view()}, expected a closed relay; look at its causes.")
        hand.pause(0.1)


def _prove(hand: ContactBench) -> None:
    """Press and release the emergency stop, so that both channels are tested."""
    for contacts in (Input(0), AT_REST):
        hand.set_contacts(contacts)
        hand.wait(120)


def _opened(report: Report) -> bool:
    return report.kind == "O" and not report.value & Output.RELAY
