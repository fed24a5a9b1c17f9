"""ROS's messages without ROS: bytes as ROS has them, nothing accepted that is torn."""

from typing import Any

import numpy as np
import pytest
from cyclonedds.idl import make_idl_struct, types
from hypothesis import given
from hypothesis import strategies as st

from controllers.ros import graph
from controllers.ros.graph import Topic
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.hardware.graph.dds_domain import domain_id_of
from robot_rl.hardware.graph.dds_messages import DISTRIBUTIONS, dds_name, message_type

TYPES = sorted({topic.type for topic in vars(graph).values() if isinstance(topic, Topic)} | {"sensor_msgs/msg/Image"})
JOINT_STATE = message_type("sensor_msgs/msg/JointState")
numbers = st.lists(st.floats(width=64), max_size=5)


def joint_state(names: list[str], position: list[float], effort: list[float]) -> Any:
    message = JOINT_STATE.make()
    message.header.stamp.sec, message.header.stamp.nanosec, message.header.frame_id = 5, 7, "base"
    message.name, message.position, message.effort = names, position, effort
    JOINT_STATE.arrange(message)
    return message


def cyclone_joint_state() -> Any:
    """The same struct by hand, serialised by cyclonedds itself: the oracle."""
    time = make_idl_struct(
        "Time", "builtin_interfaces::msg::dds_::Time_", {"sec": types.int32, "nanosec": types.uint32}
    )
    header = make_idl_struct("Header", "std_msgs::msg::dds_::Header_", {"stamp": time, "frame_id": str})
    numbers: Any = types.sequence[types.float64]
    fields = {
        "header": header,
        "name": types.sequence[str],
        "position": numbers,
        "velocity": numbers,
        "effort": numbers,
    }
    state = make_idl_struct("JointState", "sensor_msgs::msg::dds_::JointState_", fields)
    return lambda names, position, effort: state(header(time(5, 7), "base"), names, position, [], effort)


ORACLE = cyclone_joint_state()


@given(st.lists(st.text("abcdef_1", min_size=1), max_size=4), numbers, numbers)
def test_bytes_are_those_of_cyclones_own_first_version(
    names: list[str], position: list[float], effort: list[float]
) -> None:
    ours = JOINT_STATE.envelope(joint_state(names, position, effort)).serialize()
    theirs = ORACLE(names, position, effort).serialize()
    assert ours == theirs[: len(ours)] and not any(theirs[len(ours) :]), "the oracle may end with padding"


@given(st.lists(st.text("abc", min_size=1), max_size=4), numbers, numbers)
def test_what_is_read_is_what_was_written(names: list[str], position: list[float], effort: list[float]) -> None:
    envelope = JOINT_STATE.envelope
    read = envelope.deserialize(envelope(joint_state(names, position, effort)).serialize()).message
    assert read.name == names and read.header.frame_id == "base"
    np.testing.assert_array_equal(read.position, position)
    np.testing.assert_array_equal(read.effort, effort)


@given(st.integers(0, 200))
def test_torn_bytes_are_no_message(end: int) -> None:
    whole = JOINT_STATE.envelope(joint_state(["a", "b"], [1.0, 2.0], [3.0])).serialize()
    torn = whole[: min(end, len(whole) - 9)]
    assert JOINT_STATE.envelope.deserialize(torn).message is None


@given(st.sampled_from(TYPES), st.binary(max_size=80))
def test_random_bytes_of_any_type_never_raise(name: str, noise: bytes) -> None:
    for data in (noise, b"\x00\x01\x00\x00" + noise):
        message_type(name).envelope.deserialize(data)


@pytest.mark.parametrize("name", TYPES)
def test_announced_types_contain_no_other_type(name: str) -> None:
    mapping = message_type(name).envelope.__idl__.get_type_mapping()  # type: ignore[attr-defined]
    pairs = mapping.identifier_object_pair_minimal + mapping.identifier_object_pair_complete
    structs = [pair.type_object.value.value for pair in pairs]
    assert [struct.member_seq for struct in structs] == [[], []]


@pytest.mark.parametrize("name", TYPES)
def test_zeros_of_every_topics_type_survive_the_way(name: str) -> None:
    kind = message_type(name)
    message = kind.make()
    kind.arrange(message)
    data = kind.envelope(message).serialize()
    assert kind.envelope(kind.envelope.deserialize(data).message).serialize() == data
    assert kind.hash.startswith("RIHS01_") and "::dds_::" in dds_name(name)


def test_lists_and_integers_are_taken_for_numbers() -> None:
    message = joint_state(["a"], [1], (2.5,))  # type: ignore[arg-type, list-item]
    read = JOINT_STATE.envelope.deserialize(JOINT_STATE.envelope(message).serialize()).message
    assert (read.position.tolist(), read.effort.tolist()) == ([1.0], [2.5])


def test_messages_do_not_share_their_parts() -> None:
    one, other = JOINT_STATE.make(), JOINT_STATE.make()
    one.header.frame_id = "base"
    one.name.append("a")
    assert other.header.frame_id == "" and other.name == []


@pytest.mark.parametrize(("distribution", "length"), [("humble", 24), ("jazzy", 16)])
def test_identities_are_as_long_as_the_distribution_has_them(distribution: str, length: int) -> None:
    assert len(message_type("rmw_dds_common/msg/Gid", distribution).make().data) == length


def test_unknown_names_are_errors_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'geometry_msgs/msg/PoseStamped'"):
        message_type("geometry_msgs/msg/PoseStampd")
    with pytest.raises(UnknownNameError, match="did you mean 'jazzy'"):
        message_type("std_msgs/msg/Header", "jazy")
    assert "jazzy" in DISTRIBUTIONS


def test_domain_is_the_environments() -> None:
    assert [domain_id_of({}), domain_id_of({"ROS_DOMAIN_ID": ""}), domain_id_of({"ROS_DOMAIN_ID": "42"})] == [0, 0, 42]
    for text in ("-1", "233", "one"):
        with pytest.raises(ConfigError, match="ROS_DOMAIN_ID"):
            domain_id_of({"ROS_DOMAIN_ID": text})


@pytest.mark.parametrize(
    ("name", "type_hash"),
    [
        ("std_srvs/msg/SetBool_Request", "c62fbb99d94e1b25e8ef9e109f9581956bb1b3361a45a4e5810c36a90d29932e"),
        ("std_srvs/msg/Trigger_Response", "2d946c21e2fc3f1e9ca6986a8191d85fcc70097a8bb7771a053564bc47009cdf"),
    ],
)
def test_service_types_carry_the_names_and_hashes_of_jazzy(name: str, type_hash: str) -> None:
    """Source: std_srvs' type descriptions, as Jazzy installs them."""
    assert message_type(name).hash == f"RIHS01_{type_hash}"
    assert dds_name(name) == name.replace("/msg/", "::srv::dds_::") + "_"
