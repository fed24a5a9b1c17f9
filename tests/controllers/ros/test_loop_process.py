"""The loop's process as the node sees it, with the simulated arm."""

import os
import signal
import time

import numpy as np
import pytest

from controllers.arm import Mode
from controllers.host.control_process import ENDED
from controllers.host.mailbox import FOLDER, Busy
from controllers.ros.arms import ArmChoice
from controllers.ros.loop_process import BUSY_LIMIT_S, STATE_AGE_MAX_S, HostFailed, HostProcess, last_words

pytestmark = pytest.mark.slow


@pytest.fixture
def host():
    name = f"bridge-{os.getpid()}"
    host = HostProcess(ArmChoice().host_arguments(name), name, 7)
    yield host
    host.kill()


def eventually(right, seconds=60.0):
    end_s = time.monotonic() + seconds
    while not right():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_started_loop_runs_idle_and_ends_with_the_arm_holding(host):
    eventually(lambda: host.client.state().values["period_us_p50"][0] > 0.0)
    assert host.client.state().mode == Mode.IDLE
    assert host.trouble(host.client.state(), host.client.state().stamp_s) == ""
    assert host.end() and ENDED in host.client.state().message


def test_a_loop_that_is_killed_or_hangs_is_named(host):
    state = host.client.state()
    now_s = np.arange(state.stamp_s, state.stamp_s + STATE_AGE_MAX_S + 0.1, 0.01)
    assert not host.trouble(state, now_s[0]) and not host.trouble(state, now_s[0] + 60.0)  # the watcher's own pause
    assert "hangs" in [host.trouble(state, each_s) for each_s in now_s + 60.0][-1]
    eventually(lambda: host.client.state().stamp_s > state.stamp_s)
    assert not host.trouble(host.client.state(), now_s[-1] + 60.01)
    os.kill(host.pid, signal.SIGKILL)
    eventually(lambda: "has ended (exit code -9)" in host.trouble(state, state.stamp_s))
    assert not host.end()
    assert not (FOLDER / f"robot-rl-bridge-{os.getpid()}").exists()


def test_an_arm_that_cannot_be_reached_is_an_error_in_the_drivers_own_words():
    choice = ArmChoice("ur", "ur5e", robot_ip="127.0.0.1", urdf="nowhere.urdf")
    name = f"absent-{os.getpid()}"
    with pytest.raises(HostFailed, match=r"nowhere\.urdf|pinocchio|pin"):
        HostProcess(choice.host_arguments(name), name, 6)


LATE = """
import time
from pathlib import Path
from robot_rl.sim.driver import SimulatedDriver

class Late(SimulatedDriver):
    def connect(self):
        while not Path(__file__).with_name("power").exists():
            time.sleep(0.02)
        return super().connect()
"""


def test_an_arm_that_is_switched_on_late_is_waited_for_and_the_wait_is_named(tmp_path):
    (tmp_path / "late.py").write_text(LATE)
    (tmp_path / "arm.yaml").write_text("extends: simulated\ndriver: late.py:Late\n")
    name, texts = f"late-{os.getpid()}", []

    def waiting(text):
        texts.append(text)
        (tmp_path / "power").touch()

    host = HostProcess(ArmChoice(arm=str(tmp_path / "arm.yaml")).host_arguments(name), name, 7, waiting=waiting)
    host.kill()
    assert texts[0].startswith("waiting for the arm since ")


def test_a_start_that_is_no_longer_wanted_ends_its_process():
    name = f"unwanted-{os.getpid()}"
    with pytest.raises(HostFailed, match="stopped before"):
        HostProcess(ArmChoice().host_arguments(name), name, 7, wanted=lambda: False)


TRACEBACK = "warning\nTraceback (most recent call last):\n  File ...\nZeroDivisionError: nothing\n"
ABORT = "x\nterminate called after throwing an instance of 'E'\n  what():  libfranka: aborted\n\n"


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ("", ""),
        (TRACEBACK, ", ZeroDivisionError: nothing"),
        (ABORT, ", terminate called after throwing an instance of 'E', what():  libfranka: aborted"),
    ],
)
def test_the_last_words_of_a_process_name_the_cause(errors, words):
    assert last_words(errors) == words


def test_a_driver_that_works_for_long_is_no_dead_loop_until_its_limit(host):
    state = host.client.state()
    state.values["busy"], state.values["busy_since_s"] = Busy.RECOVERING, state.stamp_s
    assert host.trouble(state, state.stamp_s + 16.0) == ""
    late = host.trouble(state, state.stamp_s + BUSY_LIMIT_S + 1.0)
    assert "clearing its stop: for 31 s, expected at most 30 s" in late


def test_the_cause_of_a_loops_death_is_in_the_trouble():
    name = f"dying-{os.getpid()}"
    host = HostProcess(["tests.controllers.host.scripted_stack:aborting", name], name, 7)
    host.client.activate()
    eventually(lambda: "exit code" in host.trouble(host.client.state(), time.monotonic()))
    assert "the torque that ends it" in host.trouble(host.client.state(), time.monotonic())
    assert "Traceback" in host.errors()
    host.kill()
