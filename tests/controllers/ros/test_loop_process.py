"""The loop's process as the node sees it, with the simulated arm."""

import os
import signal
import time

import pytest

from controllers.arm import Mode
from controllers.host.control_process import ENDED
from controllers.host.mailbox import FOLDER
from controllers.ros.arms import ArmChoice
from controllers.ros.loop_process import STATE_AGE_MAX_S, HostFailed, HostProcess

pytestmark = pytest.mark.slow


@pytest.fixture
def host():
    name = f"bridge-{os.getpid()}"
    host = HostProcess(ArmChoice().host_arguments(name), name, 7)
    yield host
    host.kill()


def eventually(right, seconds=20.0):
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
    assert "hangs" in host.trouble(state, state.stamp_s + STATE_AGE_MAX_S + 0.01)
    os.kill(host.pid, signal.SIGKILL)
    eventually(lambda: "has ended (exit code -9)" in host.trouble(state, state.stamp_s))
    assert not host.end()
    assert not (FOLDER / f"robot-rl-bridge-{os.getpid()}").exists()


def test_an_arm_that_cannot_be_reached_is_an_error_in_the_drivers_own_words():
    choice = ArmChoice("ur", "ur5e", robot_ip="127.0.0.1", urdf="nowhere.urdf")
    name = f"absent-{os.getpid()}"
    with pytest.raises(HostFailed, match=r"nowhere\.urdf|pinocchio|pin"):
        HostProcess(choice.host_arguments(name), name, 6)


def test_a_start_that_is_no_longer_wanted_ends_its_process():
    name = f"unwanted-{os.getpid()}"
    with pytest.raises(HostFailed, match="stopped before"):
        HostProcess(ArmChoice().host_arguments(name), name, 7, wanted=lambda: False)
