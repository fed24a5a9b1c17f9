"""Numbers to messages."""

from types import SimpleNamespace as Message

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from controllers.arm import Mode, Reason
from controllers.host.mailbox import HostState
from controllers.host.report import LoopReport
from controllers.law.presets import preset
from controllers.records import make_record
from controllers.ros import from_ros, graph, settings, to_ros
from controllers.ros.diagnostics import Level, StatusReport
from robot_rl.testing import FakeClock
from tests.controllers.ros import ros_messages as ros
from tests.hardware.graph.memory_wire import Graph, MemoryWire

vectors = st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3).map(np.array)


@given(p=vectors, turn=vectors)
def test_what_is_put_into_a_message_is_what_comes_out_of_it(p, turn):
    quat = Rotation.from_rotvec(turn).as_quat()
    got_p, got_quat = from_ros.pose_of(to_ros.put_pose(ros.pose(), p, quat), ros.BASE)
    np.testing.assert_array_equal(got_p, p)
    np.testing.assert_allclose(got_quat, quat, atol=1e-12)
    six = np.concatenate([p, turn])
    np.testing.assert_array_equal(from_ros.twist_of(to_ros.put_twist(ros.twist(), six), ros.BASE), six)
    np.testing.assert_array_equal(from_ros.wrench_of(to_ros.put_wrench(ros.wrench(), six), ros.BASE), six)


@given(p=vectors, turn=vectors, q=vectors, other=vectors)
def test_a_displacement_leads_from_the_one_pose_to_the_other(p, turn, q, other):
    start, end = Rotation.from_rotvec(turn), Rotation.from_rotvec(other)
    step = to_ros.displacement(p, start.as_matrix(), q, end.as_quat())
    np.testing.assert_allclose(p + step[:3], q, atol=1e-12)
    assert (Rotation.from_rotvec(step[3:]) * start * end.inv()).magnitude() < 1e-7


@given(stamp_ns=st.integers(0, 2**31 * 1_000_000_000 - 1))
def test_a_stamp_is_whole_seconds_and_the_rest(stamp_ns):
    message = to_ros.stamped(ros.pose(), stamp_ns, "left/base")
    assert from_ros.stamp_ns(message) == stamp_ns and 0 <= message.header.stamp.nanosec < 1_000_000_000
    assert message.header.frame_id == "left/base"


def test_a_report_becomes_a_status():
    wire = MemoryWire(Graph(FakeClock()))
    report = StatusReport(Level.ERROR, "the arm holds", (("mode", "IDLE"),))
    status = to_ros.status_message(wire, report, "left/arm", "fr3")
    words = (status.level, status.name, status.hardware_id, status.message)
    assert words == (2, "left/arm", "fr3", "the arm holds")
    assert [(pair.key, pair.value) for pair in status.values] == [("mode", "IDLE")]


def test_gains_go_out_by_the_names_under_which_they_are_taken():
    wire, gains = MemoryWire(Graph(FakeClock())), preset("guarded", [0.0] * 7, filter_time_s=0.07)
    named = from_ros.numbers_of(to_ros.gains_message(wire, gains))
    assert settings.changed(preset("crisp", [0.0] * 7), named).filter_time_s == 0.07
    np.testing.assert_array_equal(named["stiffness"], gains.stiffness)


def a_state():
    values = make_record(LoopReport, 7)
    values["p"], values["R"], values["J"] = [0.4, 0.0, 0.3], np.eye(3), np.eye(6, 7)
    values["dq"][0, :2], values["q"] = [0.1, 0.2], np.arange(7.0)
    return HostState(1.0, Mode.IDLE, Reason.IDLE, "", values)


def test_the_state_goes_out_on_each_topic_of_the_table():
    sent = {topic: (put, values) for topic, put, values in to_ros.states_of(a_state(), [f"j{i}" for i in range(7)])}
    own = (graph.COMMANDED_POSE, graph.CURRENT_TWIST, graph.TRACKING_ERROR, graph.ESTIMATED_WRENCH, graph.TAU_COMMAND)
    crisps = (graph.at_root(graph.CURRENT_POSE), graph.at_root(graph.CURRENT_TWIST))
    assert set(sent) == {*own, *crisps, graph.CURRENT_POSE, graph.JOINT_STATES}
    np.testing.assert_allclose(sent[graph.CURRENT_TWIST][1][0], [0.1, 0.2, 0, 0, 0, 0])
    assert sent[graph.JOINT_STATES][0](Message(), *sent[graph.JOINT_STATES][1]).position == list(range(7))


def test_before_the_first_activation_the_commanded_pose_is_the_measured_one():
    sent = {topic: values for topic, _, values in to_ros.states_of(a_state(), [])}
    assert sent[graph.COMMANDED_POSE][0] == pytest.approx([0.4, 0.0, 0.3])
    np.testing.assert_allclose(sent[graph.TRACKING_ERROR][0], np.zeros(6), atol=1e-12)
