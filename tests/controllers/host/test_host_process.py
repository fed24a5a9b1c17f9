"""The host as a process: clients and hosts that are killed in the middle of their work."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from controllers.arm import Mode, Target
from controllers.geometry import quat_from_matrix
from controllers.host.command_line import main
from controllers.host.control_process import ENDED
from controllers.host.mailbox import FOLDER, Client, HostState, Request
from tests.processes import launched

pytestmark = pytest.mark.slow

# Goes down until something is in the way, and then pushes.
PUSHER = """
import sys, time, numpy as np
from controllers.arm import Target
from controllers.host.mailbox import Client
from controllers.geometry import quat_from_matrix
client = Client(sys.argv[1])
quat = np.array(quat_from_matrix(np.ascontiguousarray(client.state().values["R"][0])))
while True:
    p = client.state().values["p"][0]
    client.send(Target(p - np.array([0.0, 0.0, 0.03]), quat, np.zeros(6), np.zeros(6), np.array([time.monotonic()])))
    print("sent", flush=True)
    time.sleep(0.02)
"""


def wait_until_ready(process: "subprocess.Popen[str]") -> None:
    """Read until the arm is connected; before that, a first start says that it compiles."""
    assert process.stdout is not None
    assert any("simulated" in line for line in process.stdout)


def eventually(client: Client, right: Callable[[HostState], bool], seconds: float = 60.0) -> HostState:
    """Wait until the state is right; a process needs time, and how much is up to the machine."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = client.state()
        if right(state):
            return state
        time.sleep(0.01)
    raise AssertionError(f"still {state.mode.name}: {state.text}")


@pytest.fixture
def host():
    name = f"process-{os.getpid()}"
    command = [sys.executable, "-m", "controllers.host", "robot_rl.sim.control_stack:pick_lift", name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    wait_until_ready(process)
    yield name, process
    process.kill()
    process.wait()
    process.stdout.close()
    (FOLDER / f"robot-rl-{name}").unlink(missing_ok=True)


def pushes(state: HostState) -> bool:
    """Whether the arm stands still and presses down with more than 8 N."""
    return bool(np.abs(state.values["dq"]).max() < 0.01 and state.values["wrench"][0][2] < -8.0)


def test_a_client_killed_while_pushing_leaves_an_arm_that_lets_go_and_one_call_brings_it_back(host):
    name, process = host
    client = Client(name)
    client.activate()
    eventually(client, lambda state: state.mode != Mode.IDLE)
    pusher = subprocess.Popen([sys.executable, "-c", PUSHER, name], stdout=subprocess.PIPE, text=True)
    assert pusher.stdout is not None and pusher.stdout.readline()
    eventually(client, lambda state: state.mode == Mode.ACTIVE and pushes(state))
    os.kill(pusher.pid, signal.SIGKILL)
    pusher.wait()
    pusher.stdout.close()
    state = eventually(client, lambda state: state.mode == Mode.DAMPING)
    assert "no fresh target" in state.text
    eventually(client, lambda state: abs(state.values["wrench"][0][2]) < 1.0)
    client.activate()
    R = np.ascontiguousarray(state.values["R"][0])
    here = Target(state.values["p"][0].copy(), np.array(quat_from_matrix(R)), np.zeros(6), np.zeros(6), np.zeros(1))
    here.stamp_s[0] = time.monotonic()
    client.send(here)
    eventually(client, lambda state: state.mode in (Mode.ACTIVE, Mode.HOLDING))
    client.ask(Request.QUIT)
    assert process.wait(60.0) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_the_arm_hold_and_leaves_that_as_the_last_word(host, number):
    name, process = host
    client = Client(name)
    client.activate()
    eventually(client, lambda state: state.mode != Mode.IDLE)
    process.send_signal(number)
    assert process.wait(60.0) == 0
    state = client.state()
    assert state.mode == Mode.IDLE and state.values["ended"][0] == 1.0 and ENDED in state.message


def test_a_host_started_with_its_parent_ends_when_the_parent_is_killed():
    name = f"orphan-{os.getpid()}"
    host = f"{sys.executable} -m controllers.host robot_rl.sim.control_stack:pick_lift {name} --with-parent; true"
    parent = subprocess.Popen(["sh", "-c", host], stdout=subprocess.PIPE, text=True)
    wait_until_ready(parent)
    client = Client(name)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(client, lambda state: state.values["ended"][0] == 1.0)


@pytest.mark.parametrize(
    ("words", "text"),
    [(["--cpu", "9999"], "--cpu: got 9999, expected one of"), (["--shield"], "--shield: got no core to keep free")],
)
def test_a_core_that_is_not_there_is_refused_before_the_arm_is_connected(words, text, capsys):
    with pytest.raises(SystemExit):
        main(["robot_rl.sim.control_stack:pick_lift", "none", *words])
    assert text in capsys.readouterr().err and not (FOLDER / "robot-rl-none").exists()


def test_a_shielded_host_leads_its_arm_alone_on_its_core(cores_alone):
    cores = os.sched_getaffinity(0)
    name, cpu = f"shielded-{os.getpid()}", max(cores)
    command = [sys.executable, "-m", "controllers.host", "robot_rl.sim.control_stack:pick_lift", name]
    with launched([*command, "--cpu", str(cpu), "--shield"], stdout=subprocess.PIPE, text=True) as process:
        wait_until_ready(process)
        assert os.sched_getaffinity(process.pid) == {cpu} and cpu not in os.sched_getaffinity(0)
        client = Client(name)
        client.activate()
        eventually(client, lambda state: state.mode != Mode.IDLE)
        client.ask(Request.QUIT)
        assert process.wait(60.0) == 0
    assert os.sched_getaffinity(0) == cores


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["ur5e", "none", "--set", "address=10.0.0.2", "--set", "model=none.urdf"], "none.urdf"),
        (["ur5", "none"], "did you mean 'ur5e'"),
        (["fr3", "none"], "--set address="),
        (["fr3", "none", "--set", "adress=1"], "adress"),
    ],
)
def test_an_arm_that_cannot_be_made_ends_the_host_with_the_next_step(words, text):
    command = [sys.executable, "-m", "controllers.host", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and text in ended.stderr.splitlines()[-1]


def test_a_killed_host_leaves_a_state_that_grows_old(host):
    name, process = host
    client = Client(name)
    client.activate()
    eventually(client, lambda state: state.mode != Mode.IDLE)
    process.kill()
    process.wait()
    before = client.state().stamp_s
    time.sleep(0.1)
    assert client.state().stamp_s == before and time.monotonic() - before > 0.1
