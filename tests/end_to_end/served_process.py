"""A simulated robot in a process of its own, on this machine's loopback, for tests that meet it over a real wire."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import pytest

from robot_rl.hardware.graph.dds_domain import LOOPBACK
from tests.domains import domain_id

KINDS = [pytest.param("dds", marks=pytest.mark.dds), pytest.param("ros", marks=pytest.mark.ros)]
# A busy machine is slow, not wrong: these tests ask what happens, benchmarks ask how fast.
PATIENT = {
    "state_age_ms": 2000.0,
    "image_age_ms": 3000.0,
    "skew_ms": 3000.0,
    "reaction_ms": 3000.0,
    "reset_timeout_s": 60.0,
}
START_LIMIT_S = 240.0  # compiling the control tick takes a while on a busy machine


def available(kind: str) -> str:
    """The kind of wire, if it can be used here; else the test is skipped, and says so."""
    if kind == "ros" and importlib.util.find_spec("rclpy") is None:
        pytest.skip("rclpy cannot be imported: source a ROS 2 installation's setup.bash before pytest")
    return kind


class ServedProcess:
    """`robot-rl serve`; killed at the end."""

    def __init__(self, log: Path, *flags: str, kind: str = "dds") -> None:
        self._log, self._flags, self._kind = log, flags, kind
        os.environ["ROS_DOMAIN_ID"] = str(domain_id("served"))
        os.environ.setdefault("CYCLONEDDS_URI", LOOPBACK)
        self.start()

    def start(self) -> None:
        """Start (again), and wait until it serves."""
        before = self._served()
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "robot_rl", "serve", *self._flags, "--robot.kind", self._kind]
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        end_s = time.monotonic() + START_LIMIT_S
        while self._served() == before:
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < end_s, "it does not serve in time"
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9: it cannot say good-bye."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> "ServedProcess":
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.kill()

    def _served(self) -> int:
        return self._log.read_text().count("serving ") if self._log.exists() else 0
