"""Grippers on a real graph: the node serves them, whatever is behind, and a gripper that hangs stops nothing else."""

import signal
import sys
from pathlib import Path

import pytest

from controllers.ros import graph
from tests.ros.graph_session import START_TIMEOUT_S, GraphSession, eventually

pytestmark = [pytest.mark.ros, pytest.mark.slow]
TRIGGER = "std_srvs/srv/Trigger"
CONTROLLER = str(Path(__file__).with_name("gripper_controller.py"))
JOINT = "joint: left_finger, joint_states: hand/joint_states, open: 0.04, width_max_m: 0.08"
GRIPPERS = {
    "simulated": "{driver: simulated, object_m: 0.024}",
    "Float64MultiArray": f"{{driver: ros_topic, topic: hand/commands, {JOINT}}}",
    "GripperCommand": f"{{driver: ros_action, action: hand/gripper_cmd, {JOINT}}}",
    "ParallelGripperCommand": f"{{driver: ros_action, action: hand/gripper_cmd, type: ParallelGripperCommand, "
    f"{JOINT}}}",
}


class Hand:
    """The controller node with a gripper, and the probe's view of it."""

    def __init__(self, session: GraphSession, arm: Path) -> None:
        self.node = session.controller("-p", "autostart:=true", "-p", f"arm:={arm}")
        self.probe = session.probe()
        self.probe.hear("/gripper/joint_states", graph.GRIPPER_STATE.type, qos="reliable")
        self.probe.hear(graph.resolve(graph.CURRENT_POSE), graph.CURRENT_POSE.type, qos="reliable")
        self.probe.hear(graph.resolve(graph.STATUS), graph.STATUS.type, qos="latched")

    def finger_m(self) -> float:
        message = self.probe.latest("/gripper/joint_states")
        return message["position"][0] if message else float("nan")

    def command(self, finger_m: float) -> None:
        fields = {"name": [graph.FINGER_JOINT], "position": [finger_m]}
        self.probe.stream("/gripper/target", graph.GRIPPER_TARGET.type, fields)

    def status(self) -> dict[str, str]:
        message = self.probe.latest(graph.resolve(graph.STATUS))
        values = message["values"] if message else []
        return {"gripper": "", "lifecycle": ""} | {pair["key"]: pair["value"] for pair in values}

    def wait(self, gripper: str, seconds: float = 30.0) -> None:
        eventually(self.status, lambda status: gripper in status["gripper"], seconds)

    def stamp(self) -> tuple[int, int]:
        stamp = self.probe.latest(graph.resolve(graph.CURRENT_POSE))["header"]["stamp"]
        return stamp["sec"], stamp["nanosec"]


@pytest.mark.parametrize("kind", GRIPPERS)
def test_fingers_follow_hold_stop_and_are_reported(session, tmp_path, kind):
    if kind.endswith("GripperCommand"):
        tried = session.run(sys.executable, "-c", f"from control_msgs.action import {kind}")
        if tried.returncode:
            pytest.skip("NOT CHECKED: control_msgs is not installed")
    arm = tmp_path / "arm.yaml"
    arm.write_text(f"extends: simulated\ngripper: {GRIPPERS[kind]}\n", encoding="utf-8")
    server = None if kind == "simulated" else session.start(sys.executable, CONTROLLER, kind, "0.012")
    hand = Hand(session, arm)
    hand.wait("ok", START_TIMEOUT_S)
    hand.command(0.03)
    eventually(hand.finger_m, lambda finger_m: abs(finger_m - 0.03) < 1e-3)
    hand.wait("ok")
    hand.command(0.0)
    hand.wait("holds an object")
    assert hand.finger_m() == pytest.approx(0.012, abs=1e-3)
    hand.command(0.04)
    eventually(hand.finger_m, lambda finger_m: finger_m > 0.039)
    hand.wait("ok")
    hand.command(0.015)
    eventually(hand.finger_m, lambda finger_m: finger_m < 0.035)
    assert hand.probe.call(f"/{graph.ESTOP.name}", TRIGGER)["success"]  # in the middle of the motion
    eventually(hand.status, lambda status: status["gripper"] != "moving")
    assert hand.finger_m() > 0.016
    hand.probe.silence("/gripper/target")
    if server is None:
        return
    assert hand.probe.call(f"/{graph.RECOVER.name}", TRIGGER)["success"]
    server.send_signal(signal.SIGSTOP)
    hand.wait("no joint state")
    before = hand.stamp()
    eventually(hand.stamp, lambda stamp: stamp > before)  # the arm's states go on
    server.send_signal(signal.SIGCONT)
    hand.wait("ok")


def test_the_node_ends_with_its_grippers_process(session, tmp_path):
    arm = tmp_path / "arm.yaml"
    arm.write_text("extends: simulated\ngripper: {driver: robotiq_socket, address: 127.0.0.1, port: 1}\n")
    hand = Hand(session, arm)
    hand.wait("install the URCap", START_TIMEOUT_S)  # the arm is active all the same
    assert hand.status()["lifecycle"] == "active"
    hand.node.send_signal(signal.SIGINT)
    assert hand.node.wait(30.0) == 0
