"""The doctor's questions about the ROS graph: each answer is ok, or says what to do."""

import threading
import time

import pytest

from controllers.ros import graph
from robot_rl.doctor.finding import Finding, State
from robot_rl.doctor.ros import CONTROLLER_SENDS, Probes, examine_ros
from robot_rl.doctor.ros_graph import Endpoint, GraphView, Participant, read_graph
from robot_rl.hardware.graph.dds_domain import domain_id_of, enter_domain
from tests.domains import domain_id

ROBOT = Participant("robot-pc", "python3", "10", True)
ENVIRONMENT = {"ROS_DISTRO": "jazzy", "RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp", "ROS_DOMAIN_ID": "7"}


def endpoint(topic: graph.Topic, writes: bool = True, namespace: str = "", **changes: object) -> Endpoint:
    name = graph.resolve(topic, namespace)
    made = Endpoint(name, topic.type, writes, topic.quality.reliable, topic.quality.latched, "python3 10 on robot-pc")
    return Endpoint(**(made.__dict__ | changes))  # type: ignore[arg-type]


def a_view(*more: Endpoint, namespace: str = "") -> GraphView:
    sent = [
        endpoint(topic, namespace=namespace) for topic in (*CONTROLLER_SENDS, graph.GRIPPER_STATE, graph.DIAGNOSTICS)
    ]
    read = endpoint(graph.GRIPPER_TARGET, False, namespace)
    return GraphView((ROBOT,), (read, *sent, *more), {"arm": 0.003}, {"arm": (0, "all is well")})


def findings(view: GraphView, namespace: str = "", **environment: str) -> dict[str, Finding]:
    def package(name: str, extra: str, otherwise: State) -> Finding:
        return Finding("ok", name, "11.0.1")

    def ask(name: str, program: str, words: dict[str, str], otherwise: State, advice: str) -> Finding:
        return Finding("ok", name, "works, jazzy")

    probes = Probes(ENVIRONMENT | environment, package, ask, lambda domain, seconds: view, lambda: [])
    return {finding.name: finding for finding in examine_ros(namespace, 1.0, probes)}


def test_a_healthy_graph_gets_ok_on_each_line() -> None:
    found = findings(a_view())
    assert {finding.state for finding in found.values()} == {"ok"} and len(found) == 11
    assert "robot-pc" in found["peers"].value and "all is well" in found["status"].value


@pytest.mark.parametrize(
    ("view", "line", "words"),
    [
        (GraphView((), (), {}, {}), "peers", "ROS_DOMAIN_ID, firewall"),
        (GraphView((ROBOT,), (), {}, {}), "topics", "no publisher of /impedance_controller/current_pose"),
        (a_view(namespace="left"), "topics", "/left"),
        (
            a_view(endpoint(graph.TARGET_POSE), endpoint(graph.TARGET_POSE, False, type="x/msg/Y")),
            "quality",
            "one type",
        ),
        (
            a_view(endpoint(graph.TARGET_POSE, reliable=False), endpoint(graph.TARGET_POSE, False)),
            "quality",
            "a best-effort writer, a reliable reader",
        ),
        (
            a_view(endpoint(graph.CURRENT_TWIST), endpoint(graph.CURRENT_TWIST, False, latched=True)),
            "quality",
            "a volatile writer, a latched reader",
        ),
        (a_view(endpoint(graph.TARGET_POSE), endpoint(graph.TARGET_POSE)), "commands", "has 2 writers"),
        (
            a_view(endpoint(graph.TARGET_TWIST, type="geometry_msgs/msg/Twist")),
            "type",
            "expected geometry_msgs/msg/Twist",
        ),
        (a_view()._replace(age_s={"arm": -0.8}), "clock", "chrony"),
        (a_view()._replace(age_s={"arm": 3.0}), "clock", "chrony"),
        (a_view()._replace(reports={"arm": (2, "emergency stop: call ~/recover")}), "status", "error: emergency stop"),
    ],
)
def test_faulty_installation_is_reported_with_the_next_step(view: GraphView, line: str, words: str) -> None:
    finding = findings(view)[line]
    assert finding.state == "missing" and words in finding.value


@pytest.mark.parametrize(
    ("variable", "value", "line", "words"),
    [
        ("ROS_DOMAIN_ID", "233", "domain", "expected a number from 0 to 232"),
        ("ROS_DOMAIN_ID", "seven", "domain", "expected a number from 0 to 232"),
        ("CYCLONEDDS_URI", "file:///nowhere/cyclone.xml", "CYCLONEDDS_URI", "no file"),
        ("CYCLONEDDS_URI", '<NetworkInterface name="lo"/>', "CYCLONEDDS_URI", "finds no participant"),
    ],
)
def test_variables_that_cannot_work_are_missing(variable: str, value: str, line: str, words: str) -> None:
    finding = findings(a_view(), **{variable: value})[line]
    assert finding.state == "missing" and words in finding.value


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("ROS_LOCALHOST_ONLY", "1", "discovery"),
        ("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST", "discovery"),
        ("RMW_IMPLEMENTATION", "rmw_something", "middleware"),
    ],
)
def test_variables_that_narrow_the_graph_are_mentioned(variable: str, value: str, line: str) -> None:
    assert findings(a_view(), **{variable: value})[line].state == "optional"


def test_a_graph_without_diagnostics_is_usable_and_reports_the_unknown() -> None:
    view = a_view()
    found = findings(view._replace(endpoints=view.endpoints[:-1], age_s={}, reports={}))
    assert found["topics"].state == "ok" and found["diagnostics"].state == "optional"


def test_the_domain_is_ros_own_zero_without_the_variable() -> None:
    assert (
        domain_id_of({}) == 0 and domain_id_of({"ROS_DOMAIN_ID": ""}) == 0 and domain_id_of({"ROS_DOMAIN_ID": "7"}) == 7
    )


@pytest.mark.dds
@pytest.mark.slow
def test_a_graph_over_real_dds_shows_writers_qualities_and_diagnostics(monkeypatch) -> None:
    pytest.importorskip("cyclonedds", reason="NOT CHECKED: cyclonedds is not installed")
    monkeypatch.delenv("CYCLONEDDS_URI", raising=False)  # as on a computer without any set-up
    from cyclonedds.core import Policy, Qos
    from cyclonedds.domain import DomainParticipant
    from cyclonedds.pub import DataWriter
    from cyclonedds.topic import Topic

    from robot_rl.hardware.graph.dds_messages import message_type

    array, one, pair = (
        message_type(f"diagnostic_msgs/msg/{name}") for name in ("DiagnosticArray", "DiagnosticStatus", "KeyValue")
    )
    domain = domain_id("doctor")
    enter_domain(domain)
    robot = DomainParticipant(domain)
    latched = Qos(Policy.Reliability.Reliable(1_000_000), Policy.Durability.TransientLocal, Policy.History.KeepLast(1))
    writer = DataWriter(robot, Topic(robot, "rt/diagnostics", array.envelope, qos=latched), qos=latched)
    seconds, rest = divmod(time.time_ns() + 3_000_000_000, 1_000_000_000)
    status, value, message = one.make(), pair.make(), array.make()
    value.key, value.value = "mode", "HOLDING"
    status.level, status.name, status.message, status.hardware_id, status.values = 1, "arm", "holds", "fr3", [value]
    message.header.stamp.sec, message.header.stamp.nanosec, message.status = seconds, rest, [status]
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(0.05):
            writer.write(array.envelope(message))

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        view = read_graph(domain, 2.0)
    finally:
        stop.set()
        thread.join()
    (sent,) = [e for e in view.endpoints if e.topic == "/diagnostics" and e.writes]
    assert (sent.type, sent.reliable, sent.latched) == ("diagnostic_msgs/msg/DiagnosticArray", True, True)
    assert view.reports == {"arm": (1, "holds")} and view.age_s["arm"] < -0.5


def test_a_controller_without_a_gripper_is_named_and_the_graph_is_healthy_all_the_same() -> None:
    view = a_view()
    hand = ("/gripper/joint_states", "/gripper/target")
    without = view._replace(endpoints=tuple(e for e in view.endpoints if e.topic not in hand))
    found = findings(without)["gripper"]
    assert found.state == "optional"
    assert "no publisher of /gripper/joint_states and no reader of /gripper/target" in found.value
