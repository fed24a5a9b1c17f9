"""A person at the terminal of teleop.launch.py moves the arm."""

import fcntl
import os
import sys
import termios
import time

import numpy as np
import pytest

from controllers.arm import Mode
from controllers.host.mailbox import Client
from robot_rl.teleop.devices.keyboard import ENGAGE_KEY
from tests.ros.graph_session import START_TIMEOUT_S, children, eventually

pytestmark = [pytest.mark.ros, pytest.mark.slow]
FORWARD_KEY = "w"


def in_terminal(slave: int) -> None:
    """In the new process: the pseudo-terminal is its own, as a shell's is."""
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def test_keys_at_the_launchs_terminal_move_the_arm(session):
    master, slave = os.openpty()
    words = ["use_fake_hardware:=true", "namespace:=hand", f"python:={sys.executable}"]
    launch = session.start(
        "ros2", "launch", "launch/teleop.launch.py", *words, stdin=slave, preexec_fn=lambda: in_terminal(slave)
    )
    node = eventually(lambda: children(launch.pid), bool)[0]

    def attach():
        try:
            return Client(f"ros-hand-{node}")
        except (FileNotFoundError, ValueError):
            return None

    client = eventually(attach, bool, START_TIMEOUT_S)
    eventually(client.state, lambda state: state.mode in (Mode.ACTIVE, Mode.HOLDING), START_TIMEOUT_S)
    start = client.state().values["p"][0].copy()

    def moved_m():
        if time.monotonic() % 2.0 < 1.0:  # after a late report the arm waits for a release
            os.write(master, (ENGAGE_KEY + FORWARD_KEY).encode())
        return np.linalg.norm(client.state().values["p"][0] - start)

    eventually(moved_m, lambda distance: distance > 0.01)
    os.write(master, b"\x03")  # Ctrl-C reaches them all at once
    launch.wait(60.0)
    state = eventually(client.state, lambda state: state.values["ended"][0] == 1.0)
    assert state.mode == Mode.IDLE, "the arm holds itself"
    os.close(master)
    os.close(slave)
