"""The dashboard of a UR arm: which software it runs, and whether this driver can command it."""

import re
from types import SimpleNamespace
from typing import Any

from controllers.drivers.contract import UnreachableError, UnsupportedFirmwareError, import_library

PACKAGE = "ur-rtde"
POLYSCOPE_MIN = (5, 26)


def import_ur() -> Any:
    """Import the wheel's three modules.

    Raises:
        MissingLibraryError: the wheel is not installed.
    """
    names = ("rtde_control", "rtde_receive", "dashboard_client")
    return SimpleNamespace(**{name: import_library(name, PACKAGE, "ur") for name in names})


def identify(address: str) -> tuple[str, str]:
    """Return PolyScope's version and the arm's model, from its dashboard.

    Raises:
        UnsupportedFirmwareError: a version that `UrDriver` refuses.
        UnreachableError: no answer.
    """
    dashboard = import_ur().dashboard_client.DashboardClient(address)
    try:
        dashboard.connect()
    except RuntimeError as error:
        raise unreachable(address, error) from error
    version, arm = dashboard.polyscopeVersion(), dashboard.getRobotModel()
    dashboard.disconnect()
    check_version(version, address)
    return version, arm


def unreachable(address: str, error: Exception) -> UnreachableError:
    """Return the error of an arm without an answer."""
    return UnreachableError(
        f"arm at {address}: got '{error}', expected an answer on ports 29999 and 30004; check cable and address "
        f"(robot-rl doctor robot --arm ur5e --address {address}) and that no other program controls the arm."
    )


def check_version(version: str, address: str) -> None:
    """Refuse PolyScope below 5.26, and PolyScope X, which was not tested.

    Raises:
        UnsupportedFirmwareError: such a version.
    """
    found = re.search(r"(\d+)\.(\d+)", version)
    number = (int(found[1]), int(found[2])) if found else (0, 0)
    if number < POLYSCOPE_MIN or number[0] != POLYSCOPE_MIN[0]:
        raise UnsupportedFirmwareError(
            f"arm at {address}: got PolyScope '{version}', expected 5.{POLYSCOPE_MIN[1]} or newer of PolyScope 5; "
            "update it from the pendant: below, ur-rtde's script ignores torques without saying so."
        )
