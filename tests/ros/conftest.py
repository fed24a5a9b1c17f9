"""Tests marked `ros` run where ROS is sourced or found at /opt/ros, and say aloud when they do not.

pytest itself needs no ROS: the processes that it starts get ROS's environment, and one of them, the probe, speaks and
listens on the graph for the tests.
"""

import subprocess
from collections.abc import Iterator

import pytest

from robot_rl.hardware.graph.dds_domain import LOOPBACK
from tests.domains import domain_id
from tests.ros.graph_session import GraphSession
from tests.ros.installation import ros_environment as find_ros

_not_run: list[str] = []


@pytest.fixture(scope="session")
def ros_environment() -> Iterator[dict[str, str]]:
    """The environment of ROS on loopback, in a domain of this session, whose daemon ends with it."""
    found = find_ros()
    if isinstance(found, str):
        _not_run.append(found)
        pytest.skip(f"NOT CHECKED: {found}")
    own = {"ROS_DOMAIN_ID": str(domain_id("ros")), "CYCLONEDDS_URI": LOOPBACK, "PYTHONUNBUFFERED": "1"}
    yield found | own
    subprocess.run(["ros2", "daemon", "stop"], env=found | own, check=False, capture_output=True, timeout=120.0)


@pytest.fixture
def session(ros_environment: dict[str, str], request: pytest.FixtureRequest) -> Iterator[GraphSession]:
    """Starts processes of the graph and ends them all."""
    session = GraphSession(ros_environment, request.config.rootpath)
    yield session
    session.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that nothing of ROS was checked, where nothing was."""
    if _not_run:
        terminalreporter.write_line(f"tests marked ros did NOT run: {_not_run[0]}", red=True)
