"""Participants, endpoints and the controller's diagnostics on a ROS graph, read through plain DDS.

Needs the cyclonedds package, not ROS: it also runs where ROS is not installed, or does not work.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from controllers.ros.graph import DIAGNOSTICS
from robot_rl.hardware.graph.dds_domain import enter_domain


@dataclass(frozen=True)
class Participant:
    """One process on the graph."""

    host: str
    process: str
    pid: str
    is_ros: bool
    """It carries ROS's enclave: a node, not a plain DDS program."""


@dataclass(frozen=True)
class Endpoint:
    """One writer or reader."""

    topic: str
    """ROS name: `/a/b`."""
    type: str
    """ROS type: `pkg/msg/Type`."""
    writes: bool
    reliable: bool
    latched: bool
    owner: str
    """Process and host."""


class GraphView(NamedTuple):
    """The graph as observed for a few seconds."""

    participants: tuple[Participant, ...]
    endpoints: tuple[Endpoint, ...]
    age_s: dict[str, float]
    """Age of the diagnostics at their arrival, the least of each sender [s]; negative: its clock is ahead."""
    reports: dict[str, tuple[int, str]]
    """Level and message of each diagnostic status."""


def read_graph(domain: int, seconds: float) -> GraphView:
    """Return the graph observed for `seconds`.

    Raises:
        ImportError: cyclonedds is not installed.
        DDSException: the domain cannot be joined.
    """
    from cyclonedds.builtin import (
        BuiltinDataReader,
        BuiltinTopicDcpsParticipant,
        BuiltinTopicDcpsPublication,
        BuiltinTopicDcpsSubscription,
    )
    from cyclonedds.domain import DomainParticipant

    from robot_rl.hardware.graph.dds_discovery import take_builtin

    enter_domain(domain)  # the network that clients of this computer use
    us = DomainParticipant(domain)
    kinds = (BuiltinTopicDcpsParticipant, BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription)
    readers = [BuiltinDataReader(us, kind) for kind in kinds]
    hear, ages, reports = _diagnostics_reader(us), {}, {}  # type: ignore[var-annotated]
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        _take_diagnostics(hear, ages, reports)
        time.sleep(0.01)
    people, writers, listeners = ([_valid(sample) for sample in take_builtin(reader, 10_000)] for reader in readers)
    named = {person.key: _participant(person) for person in people if person is not None and person.key != us.guid}
    endpoints = [
        *(_endpoint(sample, named, True) for sample in writers if sample is not None),
        *(_endpoint(sample, named, False) for sample in listeners if sample is not None),
    ]
    return GraphView(tuple(named.values()), tuple(e for e in endpoints if e is not None), ages, reports)


def _valid(sample: Any) -> Any:
    """Return None for notices of disposal."""
    return sample if hasattr(sample, "key") and hasattr(sample, "qos") else None


def _participant(sample: Any) -> Participant:
    from cyclonedds.qos import Policy

    words = {policy.key: policy.value for policy in sample.qos if type(policy).__name__ == "Property"}
    data = sample.qos[Policy.Userdata] if Policy.Userdata in sample.qos else None  # noqa: SIM401  # Qos has no get
    return Participant(
        host=words.get("__Hostname", "?"),
        process=words.get("__ProcessName", "?"),
        pid=words.get("__Pid", "?"),
        is_ros=data is not None and b"enclave=" in data.data,
    )


def _endpoint(sample: Any, named: Mapping[Any, Participant], writes: bool) -> Endpoint | None:
    """Return None for DDS's own topics, services, and our own endpoints."""
    from cyclonedds.qos import Policy

    owner = named.get(sample.participant_key)
    if owner is None or not sample.topic_name.startswith("rt/"):
        return None
    return Endpoint(
        topic=sample.topic_name.removeprefix("rt"),
        type=sample.type_name.replace("::dds_::", "::").replace("::", "/").removesuffix("_"),
        writes=writes,
        reliable=isinstance(sample.qos[Policy.Reliability], Policy.Reliability.Reliable),
        latched=isinstance(sample.qos[Policy.Durability], type(Policy.Durability.TransientLocal)),
        owner=f"{owner.process} {owner.pid} on {owner.host}",
    )


def _diagnostics_reader(participant: Any) -> Any:
    from cyclonedds.core import Policy, Qos
    from cyclonedds.sub import DataReader
    from cyclonedds.topic import Topic

    from robot_rl.hardware.graph.dds_messages import message_type

    kind = message_type(DIAGNOSTICS.type).envelope
    quality = Qos(Policy.Reliability.BestEffort, Policy.History.KeepLast(10))  # matches every writer
    return DataReader(participant, Topic(participant, f"rt{DIAGNOSTICS.name}", kind), qos=quality)


def _take_diagnostics(reader: Any, ages: dict[str, float], reports: dict[str, tuple[int, str]]) -> None:
    now_s = time.time()
    for sample in reader.take(50):
        message = getattr(sample, "message", None)
        if message is None:
            continue
        age_s = now_s - message.header.stamp.sec - 1e-9 * message.header.stamp.nanosec
        for status in message.status:
            ages[status.name] = min(age_s, ages.get(status.name, age_s), key=abs)
            reports[status.name] = status.level, status.message
