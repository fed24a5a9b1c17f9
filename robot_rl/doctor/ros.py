"""Checks of the ROS graph: middleware, domain, discovery, topics, QoS, clocks."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

from controllers.ros import graph
from robot_rl.core.errors import ConfigError
from robot_rl.doctor.finding import Finding, State, check_seconds, package_finding, probe
from robot_rl.doctor.ros_graph import Endpoint, GraphView, read_graph
from robot_rl.hardware.graph.dds_domain import domain_id_of

RMW_TRIED = ("rmw_cyclonedds_cpp", "rmw_fastrtps_cpp", "rmw_fastrtps_dynamic_cpp")
SKEW_MAX_S = 0.05  # the controller's tolerance (controllers.ros.ros_time)
CONTROLLER_SENDS = (graph.CURRENT_POSE, graph.COMMANDED_POSE, graph.STATUS)
RCLPY = "import os, rclpy; rclpy.init(); print('works,', os.environ.get('ROS_DISTRO', 'unknown distribution'))"
LEVELS = ("ok", "warning", "error", "stale")
DOCS = "see docs/ros2.md"


@dataclass(frozen=True)
class Probes:
    """Sources of the facts; tests pass others."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    package: Callable[[str, str, State], Finding] = package_finding
    program: Callable[[str, str, dict[str, str], State, str], Finding] = probe
    graph: Callable[[int, float], GraphView] = read_graph
    installations: Callable[[], list[Path]] = lambda: sorted(Path("/opt/ros").glob("*/setup.bash"))


def check(namespace: str = "", seconds: float = 4.0) -> Iterator[Finding]:
    """Check whether this computer meets the robot on the ROS graph.

    Middleware, domain, discovery, peers, topics, qualities, clocks, and the controller's diagnostics; for each `ok`, or
    what to do. Needs no ROS. Sends nothing. Exit code 1 when a needed part is missing.

    example: robot-rl doctor ros --namespace left

    Args:
        namespace: Of the arm, as in `left`.
        seconds: How long the graph is read [s]; the controller's diagnostics come once a second.
    """
    check_seconds(seconds)
    return examine_ros(namespace, seconds)


def examine_ros(namespace: str, seconds: float, probes: Probes | None = None) -> Iterator[Finding]:
    """Yield the findings one by one.

    Args:
        namespace: of the arm whose topics are expected, as in `left`.
        seconds: how long the graph is read.
    """
    probes = probes or Probes()
    yield _distribution(probes)
    yield probes.program(
        "rclpy", RCLPY, {}, "optional", "source /opt/ros/DISTRO/setup.bash with the Python it was built for"
    )
    yield _middleware(probes.environment)
    yield from _discovery(probes.environment)
    package = probes.package("cyclonedds", "ros", "missing")
    yield package
    try:
        domain = domain_id_of(probes.environment)
    except ConfigError as error:
        yield Finding("missing", "domain", str(error))
        return
    yield _domain(domain, probes.environment)
    if package.state == "ok":
        yield from _graph(probes, domain, namespace, seconds)


def _distribution(probes: Probes) -> Finding:
    name = probes.environment.get("ROS_DISTRO")
    if name:
        return Finding("ok", "ROS", f"{name} is sourced")
    found = probes.installations()
    if found:
        return Finding("optional", "ROS", f"installed but not sourced; for the nodes: source {found[-1]}")
    return Finding("optional", "ROS", f"not installed here; clients over plain DDS work without, nodes do not; {DOCS}")


def _middleware(environment: Mapping[str, str]) -> Finding:
    name = environment.get("RMW_IMPLEMENTATION", "")
    if not name:
        return Finding("ok", "middleware", "the distribution's default; the same one on all computers is simplest")
    if name in RMW_TRIED:
        return Finding("ok", "middleware", name)
    return Finding("optional", "middleware", f"{name} was not tried; set RMW_IMPLEMENTATION={RMW_TRIED[0]}")


def _domain(domain: int, environment: Mapping[str, str]) -> Finding:
    if domain or "ROS_DOMAIN_ID" in environment:
        return Finding("ok", "domain", str(domain))
    return Finding(
        "optional",
        "domain",
        "0, as everybody's: other robots of the network are heard; set ROS_DOMAIN_ID on all computers",
    )


def _discovery(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Discovery: which participants the environment variables let this computer find."""
    if environment.get("ROS_LOCALHOST_ONLY", "0") == "1":
        yield Finding("optional", "discovery", "ROS_LOCALHOST_ONLY=1: no other computer is found; unset it for a robot")
    scope = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "")
    if scope in ("LOCALHOST", "OFF") and not environment.get("ROS_STATIC_PEERS"):
        yield Finding("optional", "discovery", f"range {scope} without ROS_STATIC_PEERS: other computers are not found")
    uri = environment.get("CYCLONEDDS_URI", "")
    if uri:
        yield _cyclone_file(uri)


def _cyclone_file(uri: str) -> Finding:
    """The settings of Cyclone DDS: present, and with those that loopback requires."""
    file = Path(unquote(urlparse(uri).path)) if uri.startswith("file://") else None
    if file is not None and not file.is_file():
        return Finding("missing", "CYCLONEDDS_URI", f"no file {file}; correct the path or unset the variable")
    text = uri if file is None else file.read_text(encoding="utf-8")
    if 'name="lo"' in text and ('multicast="true"' not in text or "<Peer " not in text):
        return Finding(
            "missing",
            "CYCLONEDDS_URI",
            f'lo without multicast="true" or without a Peer localhost finds no participant; {DOCS}',
        )
    return Finding("ok", "CYCLONEDDS_URI", str(file or "inline"))


def _graph(probes: Probes, domain: int, namespace: str, seconds: float) -> Iterator[Finding]:
    try:
        view = probes.graph(domain, seconds)
    except Exception as error:  # whatever DDS raises: there is no graph then
        yield Finding("missing", "graph", f"cannot be entered ({error}); check CYCLONEDDS_URI and the interfaces")
        return
    yield _peers(view, seconds)
    yield from _topics(view, namespace)
    yield _gripper(view, namespace)
    yield from _qualities(view)
    yield from _commands(view, namespace)
    yield from _clocks(view)
    yield from (_report(name, *report) for name, report in sorted(view.reports.items()))


def _peers(view: GraphView, seconds: float) -> Finding:
    hosts = sorted({person.host for person in view.participants})
    if not hosts:
        advice = "start the robot; then compare ROS_DOMAIN_ID, firewall (UDP 7400-7700) and multicast"
        return Finding("missing", "peers", f"none within {seconds:g} s; {advice}")
    ros = sum(person.is_ros for person in view.participants)
    return Finding("ok", "peers", f"{len(view.participants)} ({ros} of ROS) on {', '.join(hosts)}")


def _topics(view: GraphView, namespace: str) -> Iterator[Finding]:
    """Topics that a client of the controller needs."""
    sent = {endpoint.topic: endpoint.type for endpoint in view.endpoints if endpoint.writes}
    needed = [graph.resolve(topic, namespace) for topic in CONTROLLER_SENDS]
    missing = [name for name in needed if name not in sent]
    if missing:
        yield Finding("missing", "topics", f"no publisher of {', '.join(missing)}; {_where_else(sent, namespace)}")
    else:
        yield Finding("ok", "topics", f"the controller sends {', '.join(needed)}")
    if graph.DIAGNOSTICS.name not in sent:
        advice = "no metrics, and clocks are not compared; the controller node sends them"
        yield Finding("optional", "diagnostics", f"no publisher of {graph.DIAGNOSTICS.name}: {advice}")
    yield from _types(sent, namespace)


def _gripper(view: GraphView, namespace: str) -> Finding:
    """Topics that a task with a gripper needs; its faults are in the controller's status."""
    state, target = (graph.resolve(topic, namespace) for topic in (graph.GRIPPER_STATE, graph.GRIPPER_TARGET))
    sent = any(endpoint.topic == state and endpoint.writes for endpoint in view.endpoints)
    read = any(endpoint.topic == target and not endpoint.writes for endpoint in view.endpoints)
    if sent and read:
        return Finding("ok", "gripper", f"{state} is published, {target} is read")
    lacks = " and ".join(
        [*([] if sent else [f"no publisher of {state}"]), *([] if read else [f"no reader of {target}"])]
    )
    advice = "tasks with a gripper cannot run; set `gripper:` in the arm's file, or the parameter"
    return Finding("optional", "gripper", f"{lacks}: {advice}")


def _where_else(sent: Mapping[str, str], namespace: str) -> str:
    """Return advice on missing topics: another namespace has them, or none has."""
    own, end = graph.resolve(graph.STATUS, namespace), f"/{graph.STATUS.name}"
    others = sorted(name.removesuffix(end) or "/" for name in sent if name.endswith(end) and name != own)
    if others:
        return f"there is one in {', '.join(others)}: --namespace"
    return "start and configure the controller (SROS2 hides a closed one)"


def _types(sent: Mapping[str, str], namespace: str) -> Iterator[Finding]:
    """Topics of the table that are sent with another type."""
    topics = [topic for topic in vars(graph).values() if isinstance(topic, graph.Topic)]
    types = {graph.resolve(topic, namespace): topic.type for topic in topics}
    for name, kind in sorted(sent.items()):
        if types.get(name, kind) != kind:
            yield Finding("missing", "type", f"{name} is {kind}, expected {types[name]}; use one version everywhere")


def _qualities(view: GraphView) -> Iterator[Finding]:
    """Readers that require more than a writer offers: they receive nothing, without an error."""
    found = False
    for reader in (endpoint for endpoint in view.endpoints if not endpoint.writes):
        for writer in (e for e in view.endpoints if e.writes and e.topic == reader.topic):
            if words := _mismatch(writer, reader):
                found = True
                yield Finding("missing", "quality", f"{reader.topic}: {words} ({writer.owner} -> {reader.owner})")
    if not found:
        yield Finding("ok", "quality", f"{len(view.endpoints)} endpoints, none requires more than is offered")


def _mismatch(writer: Endpoint, reader: Endpoint) -> str:
    if writer.type != reader.type:
        return f"written as {writer.type}, read as {reader.type}; use one type"
    if reader.reliable and not writer.reliable:
        return "a best-effort writer, a reliable reader; make the writer reliable or the reader best-effort"
    if reader.latched and not writer.latched:
        return "a volatile writer, a latched reader; make both transient-local or both volatile"
    return ""


def _commands(view: GraphView, namespace: str) -> Iterator[Finding]:
    """Two writers of one command topic: the controller holds."""
    commands = (graph.TARGET_POSE, graph.TARGET_TWIST, graph.HUMAN_POSE, graph.HUMAN_TWIST)
    for topic in (graph.resolve(command, namespace) for command in commands):
        owners = [endpoint.owner for endpoint in view.endpoints if endpoint.writes and endpoint.topic == topic]
        if len(owners) > 1:
            yield Finding(
                "missing", "commands", f"{topic} has {len(owners)} writers: {', '.join(owners)}; end one of them"
            )


def _clocks(view: GraphView) -> Iterator[Finding]:
    for name, age_s in sorted(view.age_s.items()):
        if -SKEW_MAX_S <= age_s <= SKEW_MAX_S:
            yield Finding("ok", "clock", f"{name}: {age_s * 1e3:+.0f} ms old at arrival")
        else:
            advice = "synchronise the computers' clocks (chrony), or set use_sim_time everywhere"
            yield Finding("missing", "clock", f"{name}: {age_s:+.3f} s old at arrival; {advice}")


def _report(name: str, level: int, message: str) -> Finding:
    state: State = "ok" if level == 0 else "optional" if level == 1 else "missing"
    return Finding(state, "status", f"{name}: {LEVELS[min(level, 3)]}: {message}")
