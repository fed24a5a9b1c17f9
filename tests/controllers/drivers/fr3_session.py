"""One visit to a simulated FR3 through the real library and our driver; prints what came of it as JSON.

A program of its own: the two Franka libraries cannot live in one process. Usage: DRIVER ADDRESS SECONDS
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from controllers.drivers.contract import Driver, DriverError, DriverMode
from controllers.drivers.franka import FrankaDriver
from controllers.drivers.franky import FrankyDriver

DRIVERS = {"pylibfranka": FrankaDriver, "franky": FrankyDriver}
STIFFNESS = np.array([60.0, 60.0, 60.0, 60.0, 20.0, 20.0, 10.0])
DAMPING = np.array([8.0, 8.0, 8.0, 8.0, 2.0, 2.0, 1.0])
TURN_RAD = 0.1
"""How far the session turns the last joint."""


def visit(driver: Driver, seconds: float) -> dict[str, Any]:
    """Connect, turn the last joint, stop, start again, fall silent, close."""
    capabilities = driver.connect()
    first = driver.read()
    state, dynamics, tau_measured = driver.feedback
    goal = state.q.copy()
    found: dict[str, Any] = {"name": capabilities.name, "at_first": first.mode.name, "q": goal.tolist()}
    found["finite"] = all(bool(np.isfinite(array).all()) for array in (*state, *dynamics, tau_measured))
    found["M_smallest"] = float(np.linalg.eigvalsh(dynamics.M).min())
    goal[6] += TURN_RAD
    found |= follow(driver, goal, seconds, 0.0 if capabilities.paced else 1.0 / capabilities.rate_hz)
    found["error_rad"] = float(np.abs(goal - state.q).max())
    driver.stop()
    found["after_stop"] = driver.read().mode.name
    found["again"] = driver.write(state.tau * 0.0) and driver.read().mode is DriverMode.RUNNING
    time.sleep(0.3)
    silent = driver.read()
    found["after_silence"], found["reason"] = silent.mode.name, silent.reason
    driver.recover()
    found["recovered"] = driver.read().mode.name
    driver.close()
    return found


def follow(driver: Driver, goal: np.ndarray, seconds: float, pause_s: float) -> dict[str, Any]:
    """A spring and damper in each joint, for a while; how many cycles that were, and the longest of them [s].

    An arm that paces its `read` needs no pause.
    """
    state = driver.feedback.state
    start, cycles, longest_s, refused = time.monotonic(), 0, 0.0, 0
    while (begun := time.monotonic()) - start < seconds:
        driver.read()
        pull = np.clip(goal - state.q, -0.05, 0.05)
        refused += not driver.write(STIFFNESS * pull - DAMPING * state.dq + driver.feedback.dynamics.coriolis)
        cycles += 1
        time.sleep(pause_s)
        longest_s = max(longest_s, time.monotonic() - begun)
    return {"cycles": cycles, "longest_s": longest_s, "refused": refused, "during": driver.read().mode.name}


def main(name: str, address: str, seconds: str) -> None:
    try:
        print(json.dumps(visit(DRIVERS[name](address, realtime=False), float(seconds))))
    except DriverError as error:
        print(json.dumps({"error": type(error).__name__, "text": str(error)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
