"""The first day with an arm under ros2_control, on a real ROS 2 graph: docs/first-arm.md with an xArm7's shipped file.

The arm is MuJoCo's, behind an effort controller that holds its last command for ever (`effort_arm.py`). Its watchdog,
the launch file, the node and the commands are the shipped ones, over rclpy; the operator's client is plain DDS.
"""

import importlib.metadata
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from controllers.arms.spec import load_arm
from controllers.drivers.contract import make_feedback
from controllers.drivers.model import PinocchioModel
from controllers.ros import graph
from robot_rl.core.pose import Pose
from robot_rl.tasks.poses import RecordedPose, read_poses, write_poses
from tests.domains import domain_id
from tests.end_to_end.first_day import (
    Day,
    Operator,
    follows,
    gripper_is_stuck,
    guided,
    morning,
    operator,
    stop_is_latched,
    training,
)
from tests.ros.graph_session import GraphSession, Probe, children
from tests.waiting import eventually

pytestmark = [pytest.mark.ros, pytest.mark.slow]
START_S = 600.0  # the first start compiles the law
HERE = Path(__file__).parent
DAMPING = "--damping=20,20,20,20,10,5,5"
ARM = """
extends: xarm7
model: {model}
gripper: {{driver: "sticky.py:Sticky"}}
rotor_inertia: 0.1
settings: {{gravity_in_command: true, timeout_s: 5.0, silence_s: 3.0}}  # a busy machine is no dead sender
gains:
  preset: guarded
  state_age_max_s: 5.0
  state_frozen_s: 5.0
  hold_after_s: 2.0
  damp_after_s: 5.0
  workspace_lower: [0.25, -0.25, 0.02]
  workspace_upper: [0.7, 0.25, 0.65]
"""


def model() -> str:
    files = importlib.metadata.files("example-robot-data") or []
    return str(next(file for file in files if file.name == "xarm7.urdf").locate())


def payload(day: Day) -> None:
    """The arm's file lacks a load of 0.5 kg; the friction of the joints, 1 N m in the model, carries a part of it."""
    q, tilted = np.array(read_poses(day.folder / "poses.toml")["start"].joints_rad), {}
    arm = PinocchioModel(load_arm(str(day.folder / "arm.yaml")))
    state, dynamics = make_feedback(7)[:2]
    for name, turn in {"down": [0.0, 0.0, 0.0], "aside": [0.4, 0.0, 0.0], "ahead": [0.0, 0.4, 0.0]}.items():
        state.q[:] = q + np.array([0.0, 0.0, 0.0, 0.0, *turn])
        arm.fill(state, dynamics)
        tilted[name] = RecordedPose.of(state.q, Pose(state.p, state.R))
    write_poses(day.folder / "tilted.toml", tilted)
    (day.folder / "load").touch()
    with operator() as person:
        force_z: list[float] = []
        person.wire.subscribe(graph.ESTIMATED_WRENCH, lambda message: force_z.append(message.wrench.force.z))
        eventually(lambda: force_z and force_z[-1] < -0.9 * 0.5 * 9.81, 120.0)
    words = ("payload", "tilted.toml", "--robot.kind", day.kind)
    answer = day.command(*words, code=1)
    (day.folder / "load").unlink()
    assert "add it to `payload`" in answer
    assert 0.25 < float(re.search(r"measured (\S+) kg", answer)[1]) < 0.6, answer  # type: ignore[index]
    assert "the payload is right" in day.command(*words)


def cable_is_pulled(day: Day) -> None:
    """Without joint states the arm is lost, and its watchdog holds it; when they are back, a person recovers it."""
    with operator() as person, day.robot() as robot:
        assert follows(robot, 0.02)
        (day.folder / "cut").touch()
        eventually(lambda: person.modes[-1] == "FAULT" and "no joint state" in person.status)
        (day.folder / "cut").unlink()
        eventually(lambda: recovered(person), 150.0)
        assert follows(robot, -0.03), person.status


def recovered(person: Operator) -> bool:
    """A person recovers the arm, if it is ready."""
    return person.wire.call(graph.RECOVER, 15.0)[0] and person.wire.call(graph.ENABLE, 30.0, data=True)[0]


def loop_is_killed(day: Day, probe: Probe, node: int, rests: Callable[[], bool]) -> None:
    """A control process that dies leaves no torque; a person starts it again."""
    with operator() as person, day.robot() as robot:
        assert follows(robot, 0.02)
        eventually(rests)  # the watchdog repeats the last effort for 5 s: that of a motion would go on
        (loop,) = [pid for pid in children(node) if b"controllers.host" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(loop, signal.SIGKILL)
        eventually(rests)
        eventually(lambda: "not configured" in person.status or "ended" in person.status)
        for transition in ("configure", "activate"):
            eventually(lambda step=transition: probe.change_state(step), 120.0)  # type: ignore[misc]
        assert follows(robot, -0.03), person.status


def enabled(probe: Probe, person: Operator) -> bool:
    """Whether the arm is active; a person activates it again where the busy machine made the launch fail."""
    if "call activate" in person.status:
        probe.change_state("activate")
    return person.modes[-1] == "ACTIVE"


class Joints:
    """The arm's own joint states, beside all of our nodes."""

    def __init__(self, person: Operator) -> None:
        self.fastest, self.publishers = np.inf, lambda: person.wire.publishers_of(graph.JOINT_STATES)
        person.wire.subscribe(graph.JOINT_STATES, self._on_state)

    def _on_state(self, message: object) -> None:
        self.fastest = float(np.abs(message.velocity).max())  # type: ignore[attr-defined]

    def rest(self) -> bool:
        return self.fastest < 0.01


def test_first_day_with_an_effort_arm_over_ros(
    tmp_path: Path, ros_environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    day = Day(tmp_path, ARM.format(model=model()), ros_environment | {"ROS_DOMAIN_ID": str(domain_id("first-day"))})
    (tmp_path / "controller.txt").touch()
    session, python = GraphSession(day.environment, request.config.rootpath), (sys.executable, "-m")
    try:
        session.start(sys.executable, str(HERE / "effort_arm.py"), model(), str(tmp_path))
        watchdog = ("controllers.drivers.effort_ros", "--arm", str(tmp_path / "arm.yaml"), DAMPING, "--timeout", "5")
        session.start(*python, *watchdog)
        checked = day.command("doctor", "robot", "--arm", "arm.yaml", code=None)  # no quiet machine under the test
        assert "ok        joints" in checked and "ok        gravity             in the effort" in checked, checked
        words = (f"robot_type:={tmp_path / 'arm.yaml'}", f"python:={sys.executable}")
        with (tmp_path / "controller.txt").open("wb") as out, operator() as person:
            probe = session.probe("person")
            launch = session.start("ros2", "launch", "launch/robot.launch.py", *words, stdout=out, stderr=out)
            eventually(lambda: launch.poll() is not None or enabled(probe, person), START_S)
            assert launch.poll() is None, (tmp_path / "controller.txt").read_text()
            joints = Joints(person)
            assert len(joints.publishers()) == 1  # the driver must not read back what the node publishes
            morning(day)
            guided(day, lambda: pushed(tmp_path))
            training(day, demonstrations=1, env_steps=30)
            cable_is_pulled(day)
            loop_is_killed(day, probe, children(launch.pid)[0], joints.rest)
            stop_is_latched(day)
            gripper_is_stuck(day)
            payload(day)
            launch.send_signal(signal.SIGINT)
            assert launch.wait(60.0) == 0
            eventually(joints.rest)
    finally:
        session.close()


def pushed(folder: Path) -> None:
    """A hand moves the tool by 5 cm."""
    (folder / "push").touch()
    eventually(lambda: not (folder / "push").exists(), 120.0)
