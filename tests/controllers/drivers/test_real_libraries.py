"""The drivers over the vendors' real libraries: an FR3 that speaks the arm's own wire, and arms that refuse."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.controllers.drivers.servers import (
    DASHBOARD_PORT,
    FR3_PORT,
    REFLEXES,
    old_dashboard,
    refuse_version,
    server,
    simulated_fr3,
)
from tests.controllers.drivers.test_fakes import installed
from tests.controllers.drivers.ur_server import UrServer
from tests.domains import loopback

ROOT = Path(__file__).parents[3]
FRANKA = {"pylibfranka": "pylibfranka", "franky": "franky-control"}  # driver -> package
SECONDS = 30.0  # at most: an idle machine needs 3

REFLEX_VISIT = """
import gc, sys, time
import numpy as np
from controllers.drivers.contract import DriverMode
from controllers.drivers.franka import FrankaDriver
from controllers.drivers.franky import FrankyDriver
driver = {"pylibfranka": FrankaDriver, "franky": FrankyDriver}[sys.argv[1]](sys.argv[2], realtime=False)
driver.connect()
for _ in range(2):
    end_s = time.monotonic() + 30.0
    while (reading := driver.read()).mode is not DriverMode.STOPPED and time.monotonic() < end_s:
        driver.write(np.zeros(7))
        time.sleep(0.0 if sys.argv[1] == "pylibfranka" else 0.001)
    gc.collect()
    print(reading.reason, flush=True)
    driver.recover()
    print(driver.read().mode.name, flush=True)
driver.close()
print("closed", flush=True)
"""

UR_VISIT = """
import sys
from controllers.arms.spec import arm_limits
from controllers.drivers.contract import DriverError
from controllers.drivers.ur import UrDriver
try:
    UrDriver(sys.argv[1], None, arm_limits("ur5e"), realtime=False).connect()
except DriverError as error:
    print(type(error).__name__, error)
"""


def visit(driver: str, address: str) -> dict[str, Any]:
    """What `fr3_visit.py` found."""
    program = [sys.executable, "-m", "tests.controllers.drivers.fr3_visit", driver, address, str(SECONDS)]
    result = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True, timeout=240)
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def fr3() -> Iterator[str]:
    installed("franky-sim")
    with simulated_fr3(loopback(2)):
        yield loopback(2)


@pytest.mark.slow
@pytest.mark.parametrize("driver", FRANKA)
def test_law_moves_a_simulated_fr3_through_the_real_libfranka(driver: str, fr3: str) -> None:
    installed(FRANKA[driver])
    found = visit(driver, fr3)
    assert found["at_first"] == "READY" and found["finite"] and found["M_smallest"] > 0.0
    assert found["running"] > 10 * found["late"]
    assert found["error_rad"] < 0.05  # of the 0.1 rad that were asked
    assert found["after_stop"] == "READY" and found["again"] and found["recovered"] == "READY"
    if driver == "franky":  # franky-sim waits for ever; franky's own watchdog does not
        assert found["after_silence"] == "STOPPED" and "got no torque for 0.05 s" in found["reason"]
    assert found["left_m"] < 0.015  # of 41 mm


@pytest.mark.slow
@pytest.mark.parametrize("driver", FRANKA)
def test_reflex_of_an_arm_that_refuses_to_stop_again_does_not_end_the_process(driver: str) -> None:
    installed("franky-sim")
    installed(FRANKA[driver])
    with simulated_fr3(loopback(4), REFLEXES):
        program = [sys.executable, "-c", REFLEX_VISIT, driver, loopback(4)]
        result = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines.count("READY") == 2 and lines[-1] == "closed" and result.stdout.count("aborted by reflex") == 2


@pytest.mark.parametrize("driver", FRANKA)
@pytest.mark.slow
def test_real_library_without_an_arm_names_the_next_step(driver: str) -> None:
    installed(FRANKA[driver])
    found = visit(driver, loopback(3))
    assert found["error"] == "UnreachableError"
    assert loopback(3) in found["text"] and "activate FCI" in found["text"]


@pytest.mark.parametrize("driver", FRANKA)
@pytest.mark.slow
def test_real_library_refuses_an_arm_of_another_system(driver: str) -> None:
    installed(FRANKA[driver])
    with server(loopback(4), FR3_PORT, refuse_version):
        found = visit(driver, loopback(4))
    assert found["error"] == "UnsupportedFirmwareError"
    assert "system 5.9" in found["text"] and "server version: 5" in found["text"]


@pytest.fixture
def ur(request: pytest.FixtureRequest) -> Iterator[UrServer]:
    installed("ur-rtde")
    with UrServer(loopback(7)) as server:
        yield server


def ur_visit(*arguments: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "tests.controllers.drivers.ur_visit", loopback(7), *arguments]
    return subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def until(happened: Callable[[], bool], limit_s: float = 30.0) -> bool:
    """Wait for the other process."""
    end_s = time.monotonic() + limit_s
    while not happened() and time.monotonic() < end_s:
        time.sleep(0.01)
    return happened()


@pytest.mark.slow
def test_real_ur_rtde_streams_stops_and_recovers_from_silence_and_protective_stop(ur: UrServer) -> None:
    with ur_visit() as visitor:
        assert until(lambda: ur.arm.uploads == 2 and ur.arm.torque is not None)  # started anew after its silence
        ur.arm.safety_mode = 3
        output, _ = visitor.communicate(timeout=60)
    found = json.loads(output.splitlines()[-1])
    assert "error" not in found, found
    assert found["at_first"] == "READY" and found["while_pushing"] == "RUNNING" and found["turned_rad"] > 0.0
    assert found["after_stop"] == found["between_streams"] == "READY" and found["again"] == "RUNNING"
    assert found["after_silence"] == "STOPPED" and "no torque for 40 ms" in found["silence"]
    assert found["pushes_until_stopped"] == "STOPPED" and "protective stop" in found["stop"]
    assert not found["taken_in_stop"] and ur.asked.count("unlock protective stop") == 1
    assert found["after_recovery"] == "READY" and found["at_last"] == "RUNNING"
    assert until(lambda: not ur.arm.script)  # closed


@pytest.mark.slow
def test_killed_sender_leaves_no_torque_on_a_ur(ur: UrServer) -> None:
    with ur_visit("push") as visitor:
        assert until(lambda: ur.arm.torque is not None)
        visitor.kill()
    assert until(lambda: ur.arm.torque is None, 5.0) and not ur.arm.script


@pytest.mark.slow
@pytest.mark.parametrize(("version", "commands_torque"), [((5, 25), False), ((5, 26), True)])
def test_script_inside_ur_rtde_commands_torques_from_5_26_on_only(
    version: tuple[int, int], commands_torque: bool
) -> None:
    """Why the driver refuses what PolyScope itself could do from 5.23 on."""
    installed("ur-rtde")
    upload = f"import rtde_control; rtde_control.RTDEControlInterface('{loopback(8)}', 500.0).disconnect()"
    with UrServer(loopback(8), version) as server:
        subprocess.run([sys.executable, "-c", upload], check=True, timeout=60)
    assert b"rtde_set_watchdog" in server.script
    assert (b"direct_torque(" in server.script) == commands_torque


@pytest.mark.parametrize("served", [True, False])
def test_real_ur_rtde_refuses_an_old_polyscope_and_a_missing_answer(served: bool) -> None:
    installed("ur-rtde")
    program = [sys.executable, "-c", UR_VISIT, loopback(5) if served else loopback(6)]
    with server(loopback(5), DASHBOARD_PORT, old_dashboard):
        result = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    expected = f"UnsupportedFirmwareError arm at {loopback(5)}: got PolyScope" if served else "UnreachableError"
    assert expected in result.stdout
