"""The first day with an arm, command by command as docs/first-arm.md has it, on arms that need no laboratory.

The FR3 speaks the arm's own wire (franky-sim) to the real libfranka; it has no reflexes. The simulated arm has them,
and takes an FR3's time to recover. The UR5e speaks its own wire to the real ur-rtde, with MuJoCo's physics in its true
frames; its cable is pulled, and it stops itself.
"""

import importlib.util
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.controllers.drivers.servers import simulated_fr3
from tests.controllers.drivers.test_fakes import installed
from tests.controllers.drivers.ur_kinematics import urdf_file
from tests.controllers.drivers.ur_plant import START_Q, RealTimeArm
from tests.controllers.drivers.ur_server import UrServer
from tests.domains import domain_id, loopback
from tests.end_to_end.first_day import (
    PERIOD_S,
    Day,
    follows,
    gripper_is_stuck,
    guiding,
    morning,
    operator,
    recording,
    resumed,
    stays,
    stop_is_latched,
    training,
)
from tests.nodes.controller_program import Program, controller
from tests.waiting import eventually

pytestmark = [pytest.mark.dds, pytest.mark.slow]
FR3_ADDRESS, UR_ADDRESS = loopback(7), loopback(9)
PROTECTIVE_STOP = 3  # UR's safety mode

FR3 = f"""
extends: fr3
address: {FR3_ADDRESS}
gripper: {{driver: "sticky.py:Sticky"}}
settings: {{realtime: false}}  # no PREEMPT_RT kernel under the test
gains:
  preset: guarded
  start_checks: false  # franky-sim reports the weight of the links as external torque; an FR3 does not
  contact_force_max: [.inf, .inf]
"""
SIMULATED = """
extends: simulated
driver: "reflexive.py:Reflexive"
gripper: {driver: "sticky.py:Sticky"}
gains:
  workspace_lower: [0.25, -0.25, 0.0]
  workspace_upper: [0.75, 0.25, 0.65]
"""
UR = f"""
extends: ur5e
address: {UR_ADDRESS}
model: {{urdf}}
posture: {list(START_Q)}
gripper: {{{{driver: "sticky.py:Sticky"}}}}
settings: {{{{realtime: false}}}}
gains:
  preset: guarded
  state_age_max_s: 5.0  # the arm's double shares a busy machine
  state_frozen_s: 5.0
  workspace_lower: [0.25, -0.3, 0.05]
  workspace_upper: [0.75, 0.3, 0.65]
"""


def network_is_silent(day: Day, arm: subprocess.Popen[str], program: Program) -> None:
    """A stopped server is as a cable that is out: libfranka gives up after a second; a person recovers."""
    with operator() as person, day.robot() as robot:
        assert follows(robot, 0.02)
        arm.send_signal(signal.SIGSTOP)
        eventually(lambda: person.modes[-1] == "FAULT" and "UDP receive: Timeout" in person.status)
        arm.send_signal(signal.SIGCONT)
        resumed(person, program)
        assert follows(robot, -0.03), person.status


def has_fr3() -> bool:
    """Return whether the FR3's first day runs here, which trains."""
    return all(importlib.util.find_spec(name) for name in ("franky_sim", "pylibfranka"))


def test_first_day_with_an_fr3_on_the_vendors_wire(tmp_path: Path) -> None:
    installed("franky-sim")
    installed("pylibfranka")
    day = Day(tmp_path, FR3)
    with simulated_fr3(FR3_ADDRESS) as arm:
        assert "ok        port 1337" in day.command("doctor", "robot", "--arm", "arm.yaml", code=1)  # no PREEMPT_RT
        with controller(tmp_path, domain_id("first-day"), "arm.yaml") as program:
            morning(day)
            training(day)
            network_is_silent(day, arm, program)
            stop_is_latched(day)
            gripper_is_stuck(day)
            assert program.end(signal.SIGINT) == 0, program.text()


def test_first_day_with_an_arm_that_has_reflexes(tmp_path: Path) -> None:
    day = Day(tmp_path, SIMULATED)
    with controller(tmp_path, domain_id("first-day"), "arm.yaml") as program:
        morning(day)
        recording(day, 1) if has_fr3() else training(day)  # test_killed_actor.py trains on this arm, too
        with operator() as person, day.robot() as robot:
            assert follows(robot, 0.03)  # up: the policy may have ended at the bottom of the workspace
            (tmp_path / "reflex").touch()
            eventually(lambda: (robot.wait(PERIOD_S), not (tmp_path / "reflex").exists())[1])
            assert follows(robot, -0.02), person.status  # recovered by itself
        stop_is_latched(day)
        gripper_is_stuck(day)
        assert program.end(signal.SIGINT) == 0, program.text()


def cable_is_pulled(day: Day, arm: RealTimeArm, program: Program) -> None:
    """Without its cable the arm holds itself; when it is back, a person recovers it."""
    with operator() as person, day.robot() as robot:
        assert follows(robot, 0.02)
        arm.cable = False
        eventually(lambda: person.modes[-1] in ("FAULT", "NONE"))
        eventually(lambda: arm.torque is None and np.abs(arm.dq).max() < 0.01)
        arm.cable = True
        resumed(person, program)
        assert follows(robot, -0.03), person.status


def stops_itself(day: Day, arm: RealTimeArm, program: Program) -> None:
    """A protective stop stays until a person requests its recovery."""
    with operator() as person, day.robot() as robot:
        assert follows(robot, 0.02)
        arm.safety_mode = PROTECTIVE_STOP
        eventually(lambda: "protective stop" in person.status)
        assert stays(robot, 0.05, 30) and arm.safety_mode == PROTECTIVE_STOP
        resumed(person, program)
        assert follows(robot, 0.03), person.status


def pushed_aside(arm: RealTimeArm) -> None:
    """A hand moves the tool by 4 cm, gently: a fast arm holds."""
    start = arm.plant.data.xipos[-1].copy()
    arm.plant.hand_n = np.array([0.0, 3.0, 0.0])
    eventually(lambda: np.linalg.norm(arm.plant.data.xipos[-1] - start) > 0.04)
    arm.plant.hand_n = np.zeros(3)
    eventually(lambda: np.abs(arm.dq).max() < 0.02)


def test_first_day_with_a_ur_on_the_vendors_wire(tmp_path: Path) -> None:
    installed("ur_rtde")
    installed("pin")
    day, arm = Day(tmp_path, UR.format(urdf=urdf_file("ur5e"))), RealTimeArm()
    with UrServer(UR_ADDRESS, arm=arm):
        assert "ok        firmware" in day.command("doctor", "robot", "--arm", "arm.yaml", code=1)
        with controller(tmp_path, domain_id("first-day"), "arm.yaml") as program:
            morning(day)
            guiding(day, lambda: pushed_aside(arm))
            recording(day, 1)
            cable_is_pulled(day, arm, program)
            stops_itself(day, arm, program)
            stop_is_latched(day)
            gripper_is_stuck(day)
            assert program.end(signal.SIGINT) == 0, program.text()
