"""One visit to a simulated FR3 through the real library, our driver and our law; prints what came of it as JSON.

A program of its own: the two Franka libraries cannot live in one process. Usage: DRIVER ADDRESS SECONDS
"""

import json
import sys
import time
from typing import Any

import numpy as np

from controllers.arm import no_target
from controllers.arms.spec import arm_limits
from controllers.drivers.contract import Driver, DriverError, DriverMode, Reading
from controllers.drivers.franka import FrankaDriver
from controllers.drivers.franky import FrankyDriver
from controllers.geometry import quat_from_matrix
from controllers.law.gains import make_gains
from controllers.law.tick import ControlLoop, activate, make_controller_state, tick

DRIVERS = {"pylibfranka": FrankaDriver, "franky": FrankyDriver}
STIFFNESS = np.array([60.0, 60.0, 60.0, 60.0, 20.0, 20.0, 10.0])
DAMPING = np.array([8.0, 8.0, 8.0, 8.0, 2.0, 2.0, 1.0])
TURN_RAD = 0.1
"""How far the visit turns the last joint."""
NEAR_RAD, NEAR_M = 0.04, 0.012
"""Soft springs, and joints with friction: there it stops."""
TRIES = 10
"""A busy machine may come too late for the watchdog that it wants to see beaten."""
WAY_M = np.array([0.02, -0.02, -0.03])
"""How far the law moves the TCP."""


def visit(driver: Driver, seconds: float) -> dict[str, Any]:
    """Connect, turn the last joint, stop, start again, fall silent, recover, move the TCP, close."""
    law = Law(driver)
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
    found["after_stop"] = next((mode for mode in map(stop, [driver] * TRIES) if mode == "READY"), "STOPPED")
    found["again"] = any(begin(driver) for _ in range(TRIES))
    silent = await_stop(driver, seconds if found["name"].endswith("franky-control") else 0.3)
    found["after_silence"], found["reason"] = silent.mode.name, silent.reason
    driver.recover()
    found["recovered"] = driver.read().mode.name
    found["left_m"] = law.move(seconds, 0.0 if capabilities.paced else 1.0 / capabilities.rate_hz)
    driver.close()
    return found


def follow(driver: Driver, goal: np.ndarray, seconds: float, pause_s: float) -> dict[str, Any]:
    """A spring and damper in each joint until it is near; how many cycles ran, how often a busy machine was too late.

    An arm that paces its `read` needs no pause.
    """
    state = driver.feedback.state
    start, running, late = time.monotonic(), 0, 0
    while time.monotonic() - start < seconds and np.abs(goal - state.q).max() > NEAR_RAD:
        late += see(driver)
        pull = np.clip(goal - state.q, -0.05, 0.05)
        running += driver.write(STIFFNESS * pull - DAMPING * state.dq + driver.feedback.dynamics.coriolis)
        time.sleep(pause_s)
    return {"running": running, "late": late}


def begin(driver: Driver) -> bool:
    """Start a stream of zeros; whether it ran."""
    see(driver)
    return driver.write(np.zeros(7)) and driver.read().mode is DriverMode.RUNNING


def stop(driver: Driver) -> str:
    """Start a stream, stop it; the mode that follows. A stream that the watchdog ended before stays STOPPED."""
    begin(driver)
    driver.stop()
    return driver.read().mode.name


def await_stop(driver: Driver, seconds: float) -> Reading:
    """Command nothing until the arm stops, at most so long; what it reports then."""
    end_s = time.monotonic() + seconds
    while (reading := driver.read()).mode is not DriverMode.STOPPED and time.monotonic() < end_s:
        time.sleep(0.1)
    return reading


def see(driver: Driver) -> bool:
    """Read; where franky's watchdog took a busy machine for a dead sender, recover: whether it did."""
    stopped = driver.read().mode is DriverMode.STOPPED
    if stopped:
        driver.recover()
    return stopped


class Law:
    """The compiled tick over a driver; compiled before the arm waits for it."""

    def __init__(self, driver: Driver) -> None:
        self.driver, self.memory, self.tau = driver, make_controller_state(7), np.zeros(7)
        self.target, self.gains = no_target(), make_gains(np.zeros(7))
        self.tick(0.001, 0.0)

    def tick(self, dt_s: float, now_s: float) -> None:
        state, dynamics, _ = self.driver.feedback
        limits = arm_limits("fr3")
        loop = ControlLoop(state, dynamics, self.target, self.gains, limits, self.memory, self.tau)
        tick(loop, dt_s, now_s)

    def move(self, seconds: float, pause_s: float) -> float:
        """Move the TCP by `WAY_M` until it is near; how far it is from there in the end [m]."""
        state = self.driver.feedback.state
        self.gains = make_gains(state.q.copy())
        self.target.p[:] = state.p + WAY_M
        self.target.quat_xyzw[:] = quat_from_matrix(state.R)
        activate(self.memory)
        start_s = last_s = time.monotonic()
        while last_s - start_s < seconds and np.linalg.norm(self.target.p - state.p) > NEAR_M:
            see(self.driver)
            now_s = time.monotonic()
            self.target.stamp_s[0] = now_s
            self.tick(now_s - last_s, now_s)
            self.driver.write(self.tau)
            last_s = now_s
            time.sleep(pause_s)
        return float(np.linalg.norm(self.target.p - state.p))


def main(name: str, address: str, seconds: str) -> None:
    try:
        print(json.dumps(visit(DRIVERS[name](address, realtime=False), float(seconds))))
    except DriverError as error:
        print(json.dumps({"error": type(error).__name__, "text": str(error)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
