"""The simulated robot by its launch files: recorded in MCAP, and trained on."""

import signal
import socket
import sys

import pytest
from rosbags.highlevel import AnyReader

from controllers.ros import graph
from robot_rl.runtime.runs.metrics import read_metrics
from tests.ros.graph_session import START_TIMEOUT_S, eventually

pytestmark = [pytest.mark.ros, pytest.mark.slow]
PYTHON = f"python:={sys.executable}"
PRESET = ["pick-lift-no-human", "--demonstrations", "0", "--learner.update-ratio.learning-starts", "20"]
PATIENT = {"state_age_ms": 2000.0, "image_age_ms": 3000.0, "skew_ms": 3000.0, "reaction_ms": 3000.0}


def counted(folder):
    """How many messages of each topic a bag holds."""
    with AnyReader([folder]) as reader:
        return {connection.topic: connection.msgcount for connection in reader.connections}


def test_a_simulation_is_recorded_in_mcap(session, tmp_path):
    if session.run("ros2", "bag", "record", "--help").returncode != 0:
        pytest.skip("NOT CHECKED: this ROS has no rosbag2")
    bag = tmp_path / "bag"
    words = ["namespace:=left", "record:=true", f"bag:={bag}", PYTHON]
    launch = session.start("ros2", "launch", "launch/simulation.launch.py", *words)
    probe = session.probe()
    pose = graph.resolve(graph.CURRENT_POSE, "left")
    probe.hear(pose, graph.CURRENT_POSE.type, qos="sensor")
    eventually(lambda: probe.latest(pose), bool, START_TIMEOUT_S)
    eventually(lambda: sum(file.stat().st_size for file in bag.glob("*.mcap")), lambda size: size > 100_000)
    launch.send_signal(signal.SIGINT)
    launch.wait(60.0)
    counts = counted(bag)
    assert counts[pose] > 100
    assert counts[graph.resolve(graph.JOINT_STATES, "left")] > 100
    assert counts[graph.resolve(graph.STATUS, "left")] >= 1


def test_an_actor_trains_on_a_launched_simulation(session, tmp_path):
    """Records arrive at a learner elsewhere; ended by Ctrl-C, nothing is left running."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    run = tmp_path / "run"
    run.mkdir()
    command = [sys.executable, "-m", "robot_rl", "learner", *PRESET, "--folder", str(run / "learner")]
    settings = session.run(*command, "--print-config")
    assert settings.returncode == 0, settings.stderr
    (run / "config.json").write_text(settings.stdout)
    session.start(*command, "--address", address)
    bounds = tmp_path / "bounds.yaml"
    rows = "".join(f"      {name}: {value}\n" for name, value in PATIENT.items())
    bounds.write_text(f"/**:\n  ros__parameters:\n    robot:\n{rows}")
    words = ["use_fake_hardware:=true", f"run:={run}", f"address:={address}", f"config:={bounds}", PYTHON]
    launch = session.start("ros2", "launch", "launch/train.launch.py", *words)
    folder = run / "learner"
    eventually(
        lambda: read_metrics(folder, kind="update"),
        lambda rows: bool(rows) and rows[-1]["transitions"] >= 100 and rows[-1]["updates"] > 0,
        START_TIMEOUT_S,
    )
    assert launch.poll() is None, "actor and robot run"
    launch.send_signal(signal.SIGINT)
    launch.wait(90.0)
    assert read_metrics(run / "actor-0", kind="episode")
