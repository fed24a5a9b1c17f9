"""The drivers over the vendors' real libraries: an FR3 that speaks the arm's own wire, and arms that refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.controllers.drivers.servers import (
    DASHBOARD_PORT,
    FR3_PORT,
    old_dashboard,
    refuse_version,
    server,
    simulated_fr3,
)
from tests.controllers.drivers.test_fakes import installed

ROOT = Path(__file__).parents[3]
FRANKA = {"pylibfranka": "pylibfranka", "franky": "franky-control"}  # driver -> package
SECONDS = 3.0

UR_VISIT = """
import sys
from controllers.arm import KNOWN_ARMS
from controllers.drivers.contract import DriverError
from controllers.drivers.ur import UrDriver
try:
    UrDriver(sys.argv[1], None, KNOWN_ARMS["ur5e"], realtime=False).connect()
except DriverError as error:
    print(type(error).__name__, error)
"""


def visit(driver: str, address: str) -> dict[str, Any]:
    """What `fr3_session.py` found."""
    program = [sys.executable, "-m", "tests.controllers.drivers.fr3_session", driver, address, str(SECONDS)]
    result = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def fr3() -> Iterator[str]:
    installed("franky-sim")
    with simulated_fr3("127.0.1.2"):
        yield "127.0.1.2"


@pytest.mark.slow
@pytest.mark.parametrize("driver", FRANKA)
def test_real_libfranka_turns_a_simulated_fr3(driver: str, fr3: str) -> None:
    installed(FRANKA[driver])
    found = visit(driver, fr3)
    assert found["at_first"] == "READY" and found["finite"] and found["M_smallest"] > 0.0
    assert found["during"] == "RUNNING" and found["refused"] == 0 and found["cycles"] > 100 * SECONDS
    assert found["error_rad"] < 0.05  # of the 0.1 rad that were asked; soft springs, joints with friction
    assert found["after_stop"] == "READY" and found["again"] and found["recovered"] == "READY"


@pytest.mark.slow
def test_real_franky_ends_the_torque_of_a_silent_sender(fr3: str) -> None:
    installed("franky-control")
    found = visit("franky", fr3)
    assert found["after_silence"] == "STOPPED" and "got no torque for 0.05 s" in found["reason"]


@pytest.mark.parametrize("driver", FRANKA)
def test_real_library_without_an_arm_says_what_to_check(driver: str) -> None:
    installed(FRANKA[driver])
    found = visit(driver, "127.0.1.3")
    assert found["error"] == "UnreachableError"
    assert "127.0.1.3" in found["text"] and "activate FCI" in found["text"]


@pytest.mark.parametrize("driver", FRANKA)
def test_real_library_refuses_an_arm_of_another_system(driver: str) -> None:
    installed(FRANKA[driver])
    with server("127.0.1.4", FR3_PORT, refuse_version):
        found = visit(driver, "127.0.1.4")
    assert found["error"] == "UnsupportedFirmwareError"
    assert "system 5.9" in found["text"] and "server version: 5" in found["text"]


@pytest.mark.parametrize("served", [True, False])
def test_real_ur_rtde_refuses_an_old_polyscope_and_nobody(served: bool) -> None:
    installed("ur-rtde")
    program = [sys.executable, "-c", UR_VISIT, "127.0.1.5" if served else "127.0.1.6"]
    with server("127.0.1.5", DASHBOARD_PORT, old_dashboard):
        result = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    expected = "UnsupportedFirmwareError arm at 127.0.1.5: got PolyScope" if served else "UnreachableError"
    assert expected in result.stdout
