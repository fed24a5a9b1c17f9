"""The controller node on a real graph, over the simulated arm: what it offers, whom it obeys, what it refuses."""

from types import SimpleNamespace

import numpy as np
import pytest

from controllers.host.mailbox import Client
from controllers.ros import graph
from controllers.ros.settings import values_of
from tests.ros.graph_session import NODE, START_TIMEOUT_S, GraphSession, eventually

pytestmark = [pytest.mark.ros, pytest.mark.slow]

POSE, TWIST, WRENCH = (f"geometry_msgs/msg/{name}Stamped" for name in ("Pose", "Twist", "Wrench"))
TRIGGER, SET_BOOL, SET = "std_srvs/srv/Trigger", "std_srvs/srv/SetBool", "rcl_interfaces/srv/SetParameters"
SENT = (graph.STATUS, graph.DIAGNOSTICS, graph.CURRENT_POSE, graph.COMMANDED_POSE, graph.CURRENT_TWIST,
        graph.TRACKING_ERROR, graph.ESTIMATED_WRENCH, graph.TAU_COMMAND, graph.JOINT_STATES)  # fmt: skip
TAKEN = (graph.TARGET_POSE, graph.TARGET_TWIST, graph.TARGET_JOINT, graph.TARGET_WRENCH, graph.TARGET_STIFFNESS,
         graph.HUMAN_POSE, graph.HUMAN_TWIST)  # fmt: skip
OWN = f"/{graph.CONTROLLER}/"


class Arm:
    """The probe's view of the controller."""

    def __init__(self, session: GraphSession) -> None:
        self.session = session
        whole = ("-p", "posture_torque_max:=4", "-p", "home_pose:=[0, 0, 0, 0, 0, 0, 0]")
        self.process = session.controller(
            "-p", "autostart:=true", "-p", "end_with_parent:=false", "-p", "crisp:=true", *whole
        )
        self.probe = session.probe()
        for topic in SENT:
            name = graph.resolve(topic)
            self.probe.hear(name, topic.type, qos="latched" if topic is graph.STATUS else "reliable")
        self.wait(lambda status: status["lifecycle"] == "active", START_TIMEOUT_S)

    def status(self) -> dict[str, str]:
        """Level, message and values of the latest status."""
        message = self.probe.latest(graph.resolve(graph.STATUS))
        if message is None:
            return {"level": "", "message": "", "lifecycle": "", "mode": "", "held": "", "charge": "", "source": ""}
        pairs = {pair["key"]: pair["value"] for pair in message["values"]}
        return pairs | {"message": message["message"], "level": ord(message["level"])}

    def metrics(self) -> dict[str, str]:
        """The latest diagnostics."""
        message = self.probe.latest("/diagnostics")
        return {pair["key"]: pair["value"] for pair in message["status"][0]["values"]} if message else {}

    def wait(self, right, seconds: float = 60.0):
        return eventually(self.status, right, seconds)

    def p(self) -> np.ndarray:
        position = self.probe.latest(graph.resolve(graph.CURRENT_POSE))["pose"]["position"]
        return np.array([position[axis] for axis in "xyz"])

    def pose(self, offset=(0.0, 0.0, 0.0), frame="base") -> dict:
        """Fields of a PoseStamped beside the present pose."""
        now = self.probe.latest(graph.resolve(graph.CURRENT_POSE))["pose"]
        position = dict(
            zip("xyz", (np.array([now["position"][axis] for axis in "xyz"]) + offset).tolist(), strict=True)
        )
        return {"header": {"frame_id": frame}, "pose": {"position": position, "orientation": dict(now["orientation"])}}

    def ask(self, service: str, data: bool | None = None) -> dict:
        fields = {} if data is None else {"data": data}
        return self.probe.call(f"{OWN}{service}", TRIGGER if data is None else SET_BOOL, fields)


@pytest.fixture(scope="module")
def running(ros_environment, request):
    session = GraphSession(ros_environment, request.config.rootpath)
    yield Arm(session)
    session.close()


@pytest.fixture
def arm(running):
    """Active and enabled, without commands."""
    running.ask("recover")
    running.ask("hold", False)
    running.wait(lambda status: status["held"] == "" and status["charge"] == "idle")
    answer = eventually(lambda: running.ask("enable", True), lambda answer: answer["success"], 20.0)
    assert answer["success"], answer
    running.wait(lambda status: status["mode"] in ("ACTIVE", "HOLDING", "DAMPING"))
    yield running
    for topic in [*TAKEN, SimpleNamespace(name="target_pose")]:
        running.probe.silence(f"/{topic.name}")


def test_everything_of_the_table_is_on_the_graph_with_its_type(arm):
    topics = arm.probe.topics()
    for topic in (*SENT, *TAKEN):
        assert topics[graph.resolve(topic)] == [topic.type]
    assert topics["/target_pose"] == topics["/current_pose"] == [POSE]


def test_states_come_from_the_arm_and_agree_with_each_other(arm):
    joints = eventually(lambda: arm.probe.latest("/joint_states"), lambda message: message)
    assert joints["name"] == [f"fer_joint{i}" for i in range(1, 8)] and len(joints["position"]) == 7
    error = arm.probe.latest(graph.resolve(graph.TRACKING_ERROR))["twist"]["linear"]
    assert all(abs(value) < 0.1 for value in error.values())
    metrics = eventually(arm.metrics, lambda metrics: float(metrics.get("loop period p50 [us]", "0")) > 0.0)
    assert float(metrics["condition of J"]) > 1.0 and float(metrics["state age [s]"]) < 0.5


def test_the_arm_follows_a_target_pose(arm):
    start = arm.p()
    arm.probe.stream(graph.resolve(graph.TARGET_POSE), POSE, arm.pose((0.0, 0.04, 0.0)))
    eventually(arm.p, lambda p: np.linalg.norm(p - start - [0.0, 0.04, 0.0]) < 0.006)
    assert arm.status()["charge"] == "policy"


@pytest.mark.parametrize("rate_hz", [5.0, 50.0])
def test_the_arm_follows_a_twist_and_stops_when_it_ends(arm, rate_hz):
    start = arm.p()
    fields = {"header": {"frame_id": "base"}, "twist": {"linear": {"y": -0.03}}}
    arm.probe.stream(graph.resolve(graph.TARGET_TWIST), TWIST, fields, rate_hz)
    eventually(arm.p, lambda p: p[1] < start[1] - 0.02)
    arm.probe.silence(graph.resolve(graph.TARGET_TWIST))
    arm.wait(lambda status: status["charge"] == "idle")


def test_a_target_outside_the_workspace_is_a_warning_with_the_bound_and_the_arm_stays_stiff(arm):
    topic, start, back = graph.resolve(graph.TARGET_POSE), arm.p(), arm.pose()
    arm.probe.stream(topic, POSE, arm.pose((0.0, 0.0, 2.0)))
    status = arm.wait(lambda status: "outside the workspace" in status["message"])
    assert status["mode"] == "ACTIVE" and status["level"] == 1 and "expected -0.032 to 0.650" in status["message"]
    eventually(arm.metrics, lambda metrics: "z -0.032 to 0.650" in metrics.get("workspace [m]", ""))
    eventually(lambda: arm.p()[2], lambda z: abs(z - 0.65) < 0.01)
    eventually(arm.metrics, lambda metrics: int(metrics.get("refused: moved to the edge of the workspace", "0")) > 5)
    arm.probe.stream(topic, POSE, back)
    eventually(arm.p, lambda p: np.linalg.norm(p - start) < 0.01)


def test_crisps_topic_moves_the_arm_too(arm):
    start = arm.p()
    arm.probe.stream("/target_pose", POSE, arm.pose((0.0, 0.0, 0.03)))
    eventually(arm.p, lambda p: p[2] > start[2] + 0.02)


@pytest.mark.parametrize(
    ("change", "offset_s", "kind"),
    [
        ({"header": {"frame_id": "tool0"}}, 0.0, "wrong frame"),
        ({"pose": {"position": {"x": float("nan")}}}, 0.0, "not finite"),
        ({"pose": {"orientation": {"x": 0.0, "y": 0.0, "z": 0.0, "w": 0.5}}}, 0.0, "quaternion not of unit norm"),
        ({}, -1.0, "too old"),
        ({}, 1.0, "from the future"),
    ],
)
def test_a_bad_target_is_refused_counted_and_named(arm, change, offset_s, kind):
    before = int(eventually(arm.metrics, bool).get(f"refused: {kind}", "0"))
    fields = arm.pose()
    for part, values in change.items():
        for name, value in values.items():
            fields[part][name] = value
    arm.probe.stream(graph.resolve(graph.TARGET_POSE), POSE, fields, offset_s=offset_s)
    metrics = eventually(arm.metrics, lambda metrics: int(metrics.get(f"refused: {kind}", "0")) > before)
    assert "expected" in metrics["last refusal"] and "target_pose" in metrics["last refusal"]
    assert arm.status()["source"] == ""


def test_a_stiffness_is_taken_with_a_label_and_six_numbers_without_one_five_are_refused(arm):
    label = {"dim": [{"label": "stiffness", "size": 6, "stride": 6}]}
    topic, kind = graph.resolve(graph.TARGET_STIFFNESS), graph.TARGET_STIFFNESS.type
    data = [410.0, 420.0, 430.0, 21.0, 22.0, 23.0]
    arm.probe.stream(topic, kind, {"layout": label, "data": data}, stamped=False)
    service = f"{OWN}get_parameters"
    read = lambda: arm.probe.call(service, "rcl_interfaces/srv/GetParameters", {"names": ["task.k_pos_y"]})  # noqa: E731
    eventually(read, lambda answer: answer["values"][0]["double_value"] == 420.0)
    arm.probe.stream(topic, kind, {"data": [400.0, *data[1:]]}, stamped=False)
    x = lambda: arm.probe.call(service, "rcl_interfaces/srv/GetParameters", {"names": ["task.k_pos_x"]})  # noqa: E731
    eventually(x, lambda answer: answer["values"][0]["double_value"] == 400.0)
    arm.probe.stream(topic, kind, {"data": data[:5]}, stamped=False)
    eventually(arm.metrics, lambda metrics: int(metrics.get("refused: layout without the label", "0")) > 0)


def test_gains_change_while_the_arm_is_active_and_bad_ones_are_refused_with_the_reason(arm):
    good = arm.session.run("ros2", "param", "set", NODE, "task.k_pos_x", "450.0")
    assert "successful" in good.stdout, good
    for name, value, reason in (
        ("task.k_pos_x", "-5.0", "out of range"),
        ("task.k_pos_x", ".nan", "out of range"),
        ("stiffness", "[9999.0, 9999.0, 9999.0, 9999.0, 9999.0, 9999.0]", "expected 0 to 5000"),
        ("posture_torque_max", "99999.0", "out of range"),
        ("driver", "franka", "read"),
    ):
        answer = arm.session.run("ros2", "param", "set", NODE, name, value)
        assert reason in answer.stdout + answer.stderr and "successful" not in answer.stdout, (name, value, answer)
    kept = arm.session.run("ros2", "param", "get", NODE, "task.k_pos_x")
    assert "450" in kept.stdout


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("planes", "[0.0, 0.0, 1.0, -0.5]", "0.0, 0.0, 1.0, -0.5, 0.0, 0.0, 0.0, -inf"),
        ("cone_rad", "1.5", "1.5"),
        ("integral_rate", "[5.0, 5.0, 5.0, 0.0, 0.0, 0.0]", "5.0, 5.0, 5.0, 0.0"),
        ("friction_coulomb", "[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]", "0.1, 0.1"),
        ("clip_targets", "false", "False"),
    ],
)
def test_options_of_the_law_are_parameters_that_come_into_force(arm, name, value, shown):
    before = arm.session.run("ros2", "param", "get", NODE, name).stdout
    assert "successful" in arm.session.run("ros2", "param", "set", NODE, name, value).stdout
    client = Client(f"ros-{arm.process.pid}")
    gains = eventually(client.gains, lambda gains: str(values_of(gains)[name]) not in before)
    assert shown in str(values_of(gains)[name])
    assert shown in eventually(
        lambda: arm.session.run("ros2", "param", "get", NODE, name).stdout, lambda out: shown in out
    )


def test_a_request_with_one_bad_parameter_changes_none(arm):
    def double(name, value):
        return {"name": name, "value": {"type": 3, "double_value": value}}

    changes = {"parameters": [double("filter_time_s", 0.07), double("task.k_pos_z", float("nan"))]}
    answer = arm.probe.call(f"{OWN}set_parameters_atomically", "rcl_interfaces/srv/SetParametersAtomically", changes)
    assert not answer["result"]["successful"] and "task.k_pos_z" in answer["result"]["reason"]
    assert "0.07" not in arm.session.run("ros2", "param", "get", NODE, "filter_time_s").stdout


def test_whole_numbers_and_infinities_from_the_shell_are_taken(arm):
    for name, value, shown in (
        ("stiffness", "[400, 410, 420, 20, 21, 22]", "[400.0, 410.0, 420.0, 20.0, 21.0, 22.0]"),
        ("task.k_pos_x", "500", "500.0"),
        ("energy_max_j", ".inf", "inf"),
        ("contact_force_max", "[.inf, .inf]", "[inf, inf]"),
    ):
        answer = arm.session.run("ros2", "param", "set", NODE, name, value)
        assert "successful" in answer.stdout, (name, answer)
        read = lambda name=name: arm.session.run("ros2", "param", "get", NODE, name).stdout.replace("array('d', ", "")  # noqa: E731
        eventually(read, lambda out, shown=shown: shown in out)


def test_dumped_parameters_can_be_loaded_and_fixed_ones_are_skipped(arm, tmp_path):
    dump = arm.session.run("ros2", "param", "dump", NODE).stdout
    file = tmp_path / "dump.yaml"
    file.write_text(dump.replace("filter_time_s: 0.05", "filter_time_s: 0.06").replace("arm: simulated", "arm: fr3"))
    loaded = arm.session.run("ros2", "param", "load", NODE, str(file))
    failed = [line for line in (loaded.stdout + loaded.stderr).splitlines() if "successful" not in line]
    assert len(failed) == 1 and "arm is read-only: got 'fr3', expected 'simulated'" in failed[0], loaded
    assert "Set parameter filter_time_s successful" in loaded.stdout
    assert "0.06" in arm.session.run("ros2", "param", "get", NODE, "filter_time_s").stdout


CRISPS = {f"task.{kind}_{what}_{axis}": value for kind, what, value in (("k", "pos", 300.0), ("k", "rot", 20.0),
          ("d", "pos", -1.0), ("d", "rot", -1.0)) for axis in "xyz"} | {
    "limit_error": True, "max_delta_tau": 0.5, "nullspace.stiffness": 7.0, "use_local_jacobian": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "taken"), [({}, True), ({"task.k_rot_z": 9999.0}, False), ({"stop_commands": True}, False)]
)
def test_a_file_of_crisp_is_taken_whole_or_not_at_all(arm, change, taken):
    def value(number):
        return {"type": 1, "bool_value": number} if isinstance(number, bool) else {"type": 3, "double_value": number}

    arm.session.run("ros2", "param", "set", NODE, "task.k_pos_x", "550.0")
    changes = [{"name": name, "value": value(number)} for name, number in (CRISPS | change).items()]
    answer = arm.probe.call(f"{OWN}set_parameters", SET, {"parameters": changes})
    assert {result["successful"] for result in answer["results"]} == {taken}, answer
    if change:
        assert all(name in answer["results"][0]["reason"] for name in change)
    shown = "300.0" if taken else "550.0"
    assert shown in arm.session.run("ros2", "param", "get", NODE, "task.k_pos_x").stdout


def test_two_publishers_of_one_topic_make_the_arm_hold_and_are_named(arm):
    topic = graph.resolve(graph.TARGET_POSE)
    arm.probe.stream(topic, POSE, arm.pose())
    arm.wait(lambda status: status["mode"] == "ACTIVE")
    stranger = arm.session.probe("stranger")
    stranger.stream(topic, POSE, arm.pose((0.0, 0.1, 0.0)))
    status = arm.wait(lambda status: "2 publishers" in status["held"])
    assert "/stranger" in status["message"] and "/probe" in status["message"]
    start = arm.p()
    assert np.linalg.norm(arm.p() - start) < 0.01
    stranger.silence(topic)
    arm.wait(lambda status: status["held"] == "" and status["charge"] == "policy")


def test_a_human_outranks_the_policy_and_returns_control(arm):
    arm.probe.stream(graph.resolve(graph.TARGET_POSE), POSE, arm.pose())
    arm.wait(lambda status: status["charge"] == "policy")
    arm.probe.stream(graph.resolve(graph.HUMAN_TWIST), TWIST, {"header": {"frame_id": "base"}})
    arm.wait(lambda status: status["charge"] == "human" and status["source"].endswith("human/target_twist"))
    arm.probe.silence(graph.resolve(graph.HUMAN_TWIST))
    arm.wait(lambda status: status["charge"] == "policy")


def test_the_emergency_stop_is_latched_and_takes_recover_and_enable(arm):
    arm.probe.stream(graph.resolve(graph.TARGET_POSE), POSE, arm.pose())
    arm.wait(lambda status: status["mode"] == "ACTIVE")
    assert arm.ask("estop")["success"]
    arm.wait(lambda status: status["mode"] == "IDLE" and status["charge"] == "estop" and status["level"] == 2)
    refused = arm.ask("enable", True)
    assert not refused["success"] and "recover" in refused["message"]
    assert arm.ask("recover")["success"]
    assert arm.wait(lambda status: status["charge"] != "estop")["mode"] == "IDLE"
    assert eventually(lambda: arm.ask("enable", True), lambda answer: answer["success"])
    arm.wait(lambda status: status["mode"] == "ACTIVE")


def test_hold_keeps_the_arm_where_it_is_until_it_is_lifted(arm):
    arm.ask("hold", True)
    start = arm.p()
    arm.probe.stream(graph.resolve(graph.TARGET_POSE), POSE, arm.pose((0.0, -0.08, 0.0)))
    arm.wait(lambda status: "~/hold" in status["held"] and status["mode"] == "ACTIVE")
    eventually(arm.metrics, lambda metrics: int(metrics.get("refused: held or stopped", "0")) > 0)
    assert np.linalg.norm(arm.p() - start) < 0.01
    arm.ask("hold", False)
    eventually(arm.p, lambda p: p[1] < start[1] - 0.06)


def test_a_best_effort_publisher_without_a_reader_is_named(arm):
    topic = graph.resolve(graph.TARGET_TWIST)
    arm.probe.stream(topic, TWIST, {"header": {"frame_id": "base"}}, qos="best_effort")
    status = arm.wait(lambda status: "best-effort" in status["message"])
    assert status["level"] == 1 and "target_twist" in status["message"]
    eventually(arm.metrics, lambda metrics: "target_twist" in metrics.get("graph events", ""))


def test_home_leads_back_and_any_command_ends_it(arm):
    arm.probe.stream(graph.resolve(graph.TARGET_POSE), POSE, arm.pose((0.0, 0.05, 0.03)))
    arm.wait(lambda status: status["charge"] == "policy")
    refused = arm.ask("home")
    assert not refused["success"] and "target_pose" in refused["message"]
    arm.probe.silence(graph.resolve(graph.TARGET_POSE))
    answer = eventually(lambda: arm.ask("home"), lambda answer: answer["success"])
    assert "any command ends it" in answer["message"]
    arm.wait(lambda status: status["mode"] == "ACTIVE")


def test_reset_target_answers_with_the_measured_pose(arm):
    assert arm.ask("reset_target")["success"]
    arm.ask("enable", False)
    arm.wait(lambda status: status["mode"] == "IDLE")
    refused = arm.ask("reset_target")
    assert not refused["success"] and "enable" in refused["message"]
