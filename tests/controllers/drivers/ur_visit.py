"""One visit to a UR arm through the real ur-rtde and our driver; prints what came of it as JSON.

Usage: ADDRESS [push], where `push` never ends by itself.
"""

import json
import sys
import time
from typing import Any

import numpy as np

from controllers.drivers.contract import DriverError, DriverMode
from controllers.drivers.ur import UrDriver
from tests.controllers.drivers.driver_rigs import UR_LIMITS, ur5e_model

TORQUE = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.5])
PROTECTIVE_STOP_LIMIT_S = 20.0


def visit(driver: UrDriver) -> dict[str, Any]:
    """Connect, push, stop, push again, fall silent, recover, push until the arm stops itself, recover, push."""
    capabilities = driver.connect()
    state = driver.feedback.state
    found: dict[str, Any] = {"name": capabilities.name, "firmware": capabilities.firmware}
    found["at_first"], found["q"] = driver.read().mode.name, state.q.tolist()
    found["while_pushing"] = push(driver, 0.5)
    found["turned_rad"] = float(state.q[5] - found["q"][5])
    driver.stop()
    found["after_stop"] = driver.read().mode.name
    idle(driver, 0.3)
    found["between_streams"] = driver.read().mode.name
    found["again"] = push(driver, 0.1)
    time.sleep(2.0)
    silent = driver.read()
    found["after_silence"], found["silence"] = silent.mode.name, silent.reason
    driver.recover()
    found["pushes_until_stopped"] = push(driver, PROTECTIVE_STOP_LIMIT_S)
    found["stop"] = driver.read().reason
    found["taken_in_stop"] = driver.write(TORQUE)
    driver.recover()
    found["after_recovery"], found["at_last"] = driver.read().mode.name, push(driver, 0.1)
    driver.close()
    return found


def push(driver: UrDriver, seconds: float) -> str:
    """Torques at 500 Hz until the time is over or the arm does not run; its mode then."""
    end_s = time.monotonic() + seconds
    driver.write(TORQUE)
    while time.monotonic() < end_s and driver.read().mode is DriverMode.RUNNING:
        driver.write(TORQUE)
        time.sleep(0.002)
    return driver.read().mode.name


def idle(driver: UrDriver, seconds: float) -> None:
    """Only reads."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        driver.read()
        time.sleep(0.002)


if __name__ == "__main__":
    driver = UrDriver(sys.argv[1], ur5e_model(), UR_LIMITS, realtime=False)
    try:
        if sys.argv[2:] == ["push"]:
            driver.connect()
            push(driver, float("inf"))
        print(json.dumps(visit(driver)))
    except DriverError as error:
        print(json.dumps({"error": type(error).__name__, "text": str(error)}))
