"""Programs under a real ROS 2, found at /opt/ros or sourced, on loopback and on a domain of this process's own."""

import functools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from robot_rl.hardware.graph.dds_domain import LOOPBACK
from tests.domains import domain_id

ROOT = Path(__file__).parents[2]


@functools.cache
def ros_environment() -> dict[str, str]:
    """The environment of a sourced ROS 2; skips the test, with the reason, where this Python cannot use one."""
    environment = dict(os.environ)
    setups = sorted(Path("/opt/ros").glob("*/setup.bash"))
    if "ROS_DISTRO" not in environment and setups:
        sourced = subprocess.run(
            ["bash", "-c", f"source {setups[-1]} && env -0"], capture_output=True, text=True, check=True
        )
        environment = dict(line.split("=", 1) for line in sourced.stdout.split("\0") if "=" in line)
    environment |= {
        "ROS_DOMAIN_ID": str(domain_id("nodes")),
        "RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp",
        "CYCLONEDDS_URI": LOOPBACK,
        "PYTHONPATH": f"{ROOT}:{environment.get('PYTHONPATH', '')}",
    }
    tried = subprocess.run(
        [sys.executable, "-c", "import rclpy"], env=environment, capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"ROS 2 was not tried: {(tried.stderr.strip().splitlines() or ['no rclpy'])[-1]}")
    return environment


class Program:
    """A Python program; its lines of output are kept as they come."""

    def __init__(self, words: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *words],
            env=ros_environment(), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def heard(self) -> list[dict[str, Any]]:
        """Those lines that are JSON."""
        return [json.loads(line) for line in list(self.lines) if line.startswith("{")]

    def kill(self) -> None:
        """As a power cut would."""
        self._process.kill()
        self._process.wait()

    def ended(self, limit_s: float = 30.0) -> int:
        """Wait for the end; the exit code."""
        code = self._process.wait(limit_s)
        self._reader.join(5.0)
        return code

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """As Ctrl-C would."""
        self._process.send_signal(number)

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.kill()
        self._reader.join(5.0)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
