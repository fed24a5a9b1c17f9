"""A real arm's controller and the training's client over plain DDS, with a Robotiq at its wire that grips and jams."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from robot_rl.build_graph import make_graph_robot, make_wire
from robot_rl.core.clock import SystemClock
from robot_rl.hardware.graph.dds_domain import LOOPBACK
from robot_rl.hardware.robot import Robot
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from tests.controllers.drivers.fake_robotiq import CLOSED, COUNTS_PER_M, Robotiq2F, urcap
from tests.domains import domain_id
from tests.waiting import eventually

PERIOD_S = 0.1
ROBOT = RobotConfig(
    kind="dds", episode_source="operator", state_age_ms=2000.0, gripper_age_ms=4000.0, reset_timeout_s=240.0
)


@contextmanager
def controller(arm: Path, log: Path) -> Iterator[None]:
    """`robot-rl controller` on this machine's loopback."""
    os.environ["ROS_DOMAIN_ID"] = str(domain_id("served"))
    os.environ.setdefault("CYCLONEDDS_URI", LOOPBACK)
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", "robot_rl", "controller", str(arm)], stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(60.0) == 0


@pytest.mark.slow
@pytest.mark.dds
def test_a_client_grips_and_a_jammed_gripper_stops_neither_arm_nor_client(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedds", reason="NOT CHECKED: cyclonedds is not installed")
    model, arm, log = Robotiq2F(), tmp_path / "arm.yaml", tmp_path / "log.txt"
    with urcap(model) as port:
        spec = f"{{driver: robotiq_socket, address: 127.0.0.1, port: {port}}}"
        arm.write_text(f"extends: simulated\ngripper: {spec}\n", encoding="utf-8")
        with controller(arm, log), closing(_client()) as robot:
            T_base_tcp = robot.state().T_base_tcp

            def until(finger_m: float, done: Callable[[float], bool]) -> None:
                def step() -> bool:
                    robot.command(T_base_tcp, finger_m)
                    state = robot.wait(PERIOD_S)
                    assert state.fault == ""
                    return done(state.finger_m)

                eventually(step, 30.0)

            until(0.01, lambda finger_m: abs(finger_m - 0.01) < 1e-3)
            until(0.04, lambda finger_m: abs(finger_m - 0.04) < 1e-3)
            model.object_count = round(CLOSED - 0.05 * COUNTS_PER_M)
            until(0.0, lambda finger_m: abs(finger_m - 0.025) < 1e-3)
            model.jammed = True
            until(0.04, lambda finger_m: "stuck" in log.read_text())
            model.jammed = False
            until(0.03, lambda finger_m: abs(finger_m - 0.03) < 1e-3)


def _client() -> Robot:
    return make_graph_robot(ROBOT, PICK_LIFT.arm, make_wire(ROBOT, "actor"), SystemClock())
