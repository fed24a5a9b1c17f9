"""The actor's program, as a process, before anybody has answered it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from robot_rl.config import TrainConfig
from robot_rl.core.settings import save_settings
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.nodes.actor import ActorNodeConfig, default_settings
from robot_rl.nodes.arguments import parse_node, split_ros_words
from tests.domains import domain_id
from tests.waiting import eventually

WORDS = ("-m", "robot_rl", "actor", "pick-lift", "--robot.kind", "dds", "--robot.reset-timeout-s", "3600")


@pytest.mark.dds
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_signal_ends_the_wait_for_an_arm_that_is_not_there(tmp_path: Path, number: signal.Signals) -> None:
    pytest.importorskip("cyclonedds", reason="NOT CHECKED: cyclonedds is not installed")
    environment = {**os.environ, "ROS_DOMAIN_ID": str(domain_id("acting"))}
    command = [sys.executable, *WORDS, "--folder", str(tmp_path / "actor")]
    said = tmp_path / "said.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
    try:
        eventually(lambda: "waiting for" in said.read_text() or process.poll() is not None, limit_s=120.0)
        process.send_signal(number)
        assert process.wait(120.0) == 0, said.read_text()
    finally:
        process.kill()
        process.wait()
    done = f"got {number.name} while waiting for arm, cameras and task; 0 steps, 0/0 episodes succeeded"
    assert said.read_text().splitlines()[-1] == f"actor-0: {done}"


@pytest.mark.parametrize("plain", [True, False])
def test_an_actors_robot_is_that_of_its_run_but_for_what_is_given(tmp_path: Path, plain: bool) -> None:
    own = RobotConfig(kind="dds", episode_source="operator", wrench="sensor", cameras=Path("cameras.json"))
    save_settings(tmp_path / "config.json", TrainConfig(robot=own))
    words = ["--run", str(tmp_path), "--robot.wrench", "estimate"]
    if not plain:
        words = ["--ros-args", "-p", f"run:={tmp_path}", "-p", "robot.wrench:=estimate", "-r", "__ns:=/left"]
    config = parse_node(split_ros_words(words, "actor"), "actor", default_settings(words), "")
    assert isinstance(config, ActorNodeConfig) and config.run == tmp_path
    robot = config.robot
    assert (robot.episode_source, robot.wrench, robot.cameras) == ("operator", "estimate", Path("cameras.json"))
    assert robot.on_graph and robot.namespace == ("" if plain else "left")


def test_a_simulated_runs_robot_is_put_on_the_graph(tmp_path: Path) -> None:
    save_settings(tmp_path / "config.json", TrainConfig())
    assert default_settings(["--run", str(tmp_path)]).robot.kind == "dds"
