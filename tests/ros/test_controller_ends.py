"""However the controller ends, the arm holds itself, and what happened is named."""

import os
import signal
import sys
import time

import pytest

from controllers.arm import Mode
from controllers.host.control_process import ENDED
from controllers.host.mailbox import Client
from controllers.ros import graph
from tests.ros.graph_session import NODE, START_TIMEOUT_S, children, eventually

pytestmark = [pytest.mark.ros, pytest.mark.slow]


def loop_of(node_pid: int) -> Client:
    """A view of the loop's own words that outlives the node."""

    def attach() -> Client | None:
        try:
            return Client(f"ros-{node_pid}")
        except (FileNotFoundError, ValueError):
            return None

    client = eventually(attach, bool, START_TIMEOUT_S)
    eventually(client.state, lambda state: state.mode in (Mode.ACTIVE, Mode.HOLDING, Mode.DAMPING), START_TIMEOUT_S)
    return client


def holds(client: Client):
    state = eventually(client.state, lambda state: state.values["ended"][0] == 1.0, 20.0)
    assert state.mode == Mode.IDLE and ENDED in state.message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_arm_hold_before_the_node_is_gone(session, number):
    node = session.controller("-p", "autostart:=true", "-p", "end_with_parent:=false")
    client = loop_of(node.pid)
    node.send_signal(number)
    holds(client)
    assert node.wait(60.0) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_effort_watchdog_without_an_error(session, tmp_path, number):
    words = (sys.executable, "-m", "controllers.drivers.effort_ros", "--arm", "ur5e", "--damping", "20,20,20,5,5,5")
    with (tmp_path / "out.txt").open("w+") as out:
        watchdog, probe = session.start(*words, stdout=out, stderr=out), session.probe("person")
        eventually(probe.topics, lambda topics: "/effort_watchdog/status" in topics, START_TIMEOUT_S)
        watchdog.send_signal(number)
        assert watchdog.wait(60.0) == 0
        out.seek(0)
        assert "Traceback" not in (text := out.read()) and "terminate" not in text, text


def test_a_node_killed_outright_lets_the_arm_hold(session):
    node = session.controller("-p", "autostart:=true", "-p", "end_with_parent:=false")
    client = loop_of(node.pid)
    node.kill()
    holds(client)


def test_a_parent_killed_outright_takes_the_node_with_it_and_the_arm_holds(session):
    parent = session.controller("-p", "autostart:=true", parent=("bash", "-c", '"$@"; true', "parent"))
    node = eventually(lambda: children(parent.pid), bool)[0]
    client = loop_of(node)
    os.kill(parent.pid, signal.SIGKILL)
    holds(client)
    eventually(lambda: os.path.exists(f"/proc/{node}/exe"), lambda there: not there, 30.0)


def test_a_killed_loop_is_named_and_configuring_again_brings_the_arm_back(session):
    node = session.controller("-p", "autostart:=true", "-p", "end_with_parent:=false")
    loop_of(node.pid)
    probe = session.probe()
    probe.hear(graph.resolve(graph.STATUS), graph.STATUS.type, qos="latched")
    (host,) = children(node.pid)
    os.kill(host, signal.SIGKILL)

    def status():
        return probe.latest(graph.resolve(graph.STATUS)) or {"level": "\0", "message": ""}

    said = eventually(status, lambda status: status["level"] == "\2")
    assert "process has ended" in said["message"] and "watchdog" in said["message"]
    eventually(probe.state, lambda state: state == "unconfigured")
    assert "process has ended" in status()["message"]
    for transition in ("configure", "activate"):
        assert probe.change_state(transition)
    eventually(status, lambda status: status["level"] == "\0")


def test_a_reflex_of_an_arm_that_takes_its_time_ends_nothing(session):
    driver = "driver:=tests.controllers.host.scripted_stack:SlowDriver"
    node = session.controller(
        "-p", "autostart:=true", "-p", "end_with_parent:=false", "-p", "arm:=simulated", "-p", driver
    )
    client = loop_of(node.pid)
    eventually(client.state, lambda state: "clearing its stop" in state.busy)
    eventually(client.state, lambda state: state.mode in (Mode.ACTIVE, Mode.HOLDING) and not state.busy)
    assert node.poll() is None
    eventually(session.probe().state, lambda state: state == "active")
    node.send_signal(signal.SIGTERM)  # the stream takes a second to end
    holds(client)
    assert node.wait(60.0) == 0


def test_lifecycle_leads_to_torque_and_back(session):
    node = session.controller("-p", "end_with_parent:=false")

    probe = session.probe()
    change = probe.change_state
    eventually(probe.state, lambda state: state == "unconfigured")
    assert change("configure")
    client = eventually(lambda: Client(f"ros-{node.pid}"), bool)
    time.sleep(0.2)
    assert client.state().mode == Mode.IDLE
    assert change("activate")
    eventually(client.state, lambda state: state.mode in (Mode.ACTIVE, Mode.HOLDING, Mode.DAMPING))
    assert change("deactivate")
    eventually(client.state, lambda state: state.mode == Mode.IDLE)
    assert change("cleanup")
    holds(client)


def test_a_driver_that_is_not_possible_is_refused_with_the_next_step(session):
    node = session.controller("-p", "driver:=franka", "-p", "arm:=fr3", "-p", "end_with_parent:=false")
    eventually(lambda: session.run("ros2", "lifecycle", "get", NODE).stdout, lambda text: "unconfigured" in text)
    answer = session.run("ros2", "lifecycle", "set", NODE, "configure")
    assert "successful" not in answer.stdout.lower() and node.poll() is None


def test_an_invalid_lifecycle_request_is_refused_and_the_arm_continues(session):
    node = session.controller("-p", "autostart:=true", "-p", "end_with_parent:=false")
    client = loop_of(node.pid)
    probe = session.probe()
    for transition in ({"id": 1}, {"id": 250}, {"label": "configure"}):  # configure; unknown; configure by name
        answer = probe.call(f"{NODE}/change_state", "lifecycle_msgs/srv/ChangeState", {"transition": transition})
        assert answer["success"] is False
    assert node.poll() is None
    assert client.state().mode in (Mode.ACTIVE, Mode.HOLDING, Mode.DAMPING)


def test_a_second_controller_of_the_name_ends_itself_and_the_first_continues(session):
    node = session.controller("-p", "autostart:=true", "-p", "end_with_parent:=false")
    client = loop_of(node.pid)
    words = ("-m", "controllers.ros.node", "--ros-args", "-p", "autostart:=true", "-p", "end_with_parent:=false")
    second = session.run(sys.executable, *words)
    assert second.returncode == 1 and "got 1 already running" in second.stderr
    launch = session.run("ros2", "launch", "launch/robot.launch.py", "use_fake_hardware:=true")
    assert launch.returncode == 1 and "got 1 already running" in launch.stdout + launch.stderr
    assert node.poll() is None and client.state().mode in (Mode.ACTIVE, Mode.HOLDING, Mode.DAMPING)


def test_simulated_time_without_a_clock_is_reported_and_the_states_go_on(session):
    words = ("-p", "autostart:=true", "-p", "end_with_parent:=false", "-p", "use_sim_time:=true")
    node = session.controller(*words)
    loop_of(node.pid)
    probe = session.probe()
    for topic, qos in ((graph.STATUS, "latched"), (graph.CURRENT_POSE, "reliable")):
        probe.hear(graph.resolve(topic), topic.type, qos=qos)
    status = eventually(
        lambda: probe.latest(graph.resolve(graph.STATUS)) or {"message": ""},
        lambda status: "/clock" in status["message"],
    )
    assert "expected time from a simulator" in status["message"]
    assert eventually(lambda: probe.latest(graph.resolve(graph.CURRENT_POSE)), bool)
    node.send_signal(signal.SIGINT)
    assert node.wait(60.0) == 0


def test_a_parameter_of_another_type_is_refused_in_a_line(session):
    answer = session.run(sys.executable, "-m", "controllers.ros.node", "--ros-args", "-p", "filter_time_s:=soon")
    assert answer.returncode == 2 and "filter_time_s" in answer.stderr and "Traceback" not in answer.stderr
