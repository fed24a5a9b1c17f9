"""A human's hands over the graph: nothing is lost, nothing is given twice, silence is noticed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.ros import from_ros, graph
from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.core.pose import gripper_down
from robot_rl.core.records import LABELS
from robot_rl.hardware.graph.messages import pose_message
from robot_rl.nodes.teleop import TwistSender, teleoperate
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from robot_rl.teleop.arbiter import Arbiter, ControlAuthority
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.devices.ros import GraphDevice, HumanSender
from robot_rl.testing import FakeClock, Playback
from tests.hardware.graph.memory_wire import Graph, MemoryWire

ARM = arm_layout(StateEntry("state", 24))
ACTION = np.array([0.5, 0, 0, 0, 0, -1.0, 1.0], np.float32)


class Line:
    """Sender and device; messages may be lost on the way."""

    def __init__(self) -> None:
        self.clock = FakeClock(1.0)
        self.graph = Graph(self.clock)
        self.sender = HumanSender(MemoryWire(self.graph), ARM)
        self.device = GraphDevice(MemoryWire(self.graph), ARM, self.clock)

    def lose(self, state: DeviceState) -> None:
        readers, self.graph.readers = self.graph.readers, {}
        self.sender.send(state)
        self.graph.readers = readers


def test_action_engagement_and_stop_cross() -> None:
    line = Line()
    line.sender.send(DeviceState(ACTION, engaged=True, estop=True))
    state = line.device.read()
    np.testing.assert_array_equal(state.action, ACTION)
    assert (state.engaged, state.estop, state.alive, state.stamp_ns) == (True, True, True, line.clock.now_ns())


def test_device_is_not_alive_before_the_first_message() -> None:
    state = Line().device.read()
    assert (state.alive, state.engaged, state.action) == (False, False, None)


def test_every_label_has_its_button() -> None:
    assert graph.HUMAN_BUTTONS[2:-3] == LABELS


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.booleans()), max_size=20))
def test_labels_survive_lost_messages_and_come_once(given_labels: list[tuple[str, bool]]) -> None:
    line = Line()
    line.sender.send(DeviceState())
    for label, lost in given_labels:
        (line.lose if lost else lambda state: line.sender.send(state))(DeviceState(labels=(label,)))
    line.sender.send(DeviceState())
    heard = line.device.read().labels
    assert sorted(heard) == sorted(label for label, _ in given_labels)
    line.sender.send(DeviceState())
    assert line.device.read().labels == ()


def test_request_to_save_survives_a_lost_message_and_comes_once() -> None:
    line = Line()
    line.sender.send(DeviceState())
    line.lose(DeviceState(save=True))
    line.sender.send(DeviceState())
    assert (line.device.read().save, line.device.read().save) == (True, False)


def test_sender_that_starts_anew_gives_no_label() -> None:
    line = Line()
    line.sender.send(DeviceState())
    line.sender.send(DeviceState(labels=("success", "success")))
    line.device.read()
    HumanSender(MemoryWire(line.graph), ARM).send(DeviceState())
    assert line.device.read().labels == ()


def test_a_stop_outlives_its_sender_until_a_person_clears_it() -> None:
    line = Line()
    line.sender.send(DeviceState(estop=True))
    restarted = HumanSender(MemoryWire(line.graph), ARM)
    for _ in range(2):
        restarted.send(DeviceState(ACTION, engaged=True))
    assert line.device.read().estop, "a second teleop that knows of no stop lifts none"
    line.sender = restarted
    line.lose(DeviceState(cleared=True))
    assert line.device.read().estop
    restarted.send(DeviceState())
    state = line.device.read()
    assert line.device.read().estop, "the first sender still presses its stop"
    assert (state.estop, state.cleared) == (True, False)


def test_a_stop_that_is_cleared_is_cleared_once() -> None:
    line = Line()
    for state in (DeviceState(), DeviceState(estop=True), DeviceState(cleared=True)):
        line.sender.send(state)
    states = [line.device.read() for _ in range(2)]
    assert [(state.estop, state.cleared) for state in states] == [(False, True), (False, False)]


def test_a_clear_key_of_another_teleop_lifts_the_stop_of_one_that_is_gone() -> None:
    line = Line()
    line.sender.send(DeviceState(estop=True))
    line.clock.advance(1.0)
    other = HumanSender(MemoryWire(line.graph), ARM)
    other.send(DeviceState())
    assert line.device.read().estop
    other.send(DeviceState(cleared=True))
    assert not line.device.read().estop


@given(st.lists(st.tuples(st.integers(0, 1), st.booleans()), max_size=20))
def test_two_senders_in_turn_clear_nothing_and_give_no_label_twice(turns: list[tuple[int, bool]]) -> None:
    line = Line()
    senders = [line.sender, HumanSender(MemoryWire(line.graph), ARM)]
    for sender in senders:
        sender.send(DeviceState())
    senders[0].send(DeviceState(estop=True))
    for index, labelled in turns:
        senders[index].send(DeviceState(estop=index == 0, labels=("success",) * labelled))
    state = line.device.read()
    assert state.estop and len(state.labels) == sum(labelled for _, labelled in turns)


def test_a_stop_that_ends_by_itself_is_not_cleared() -> None:
    line = Line()
    for state in (DeviceState(), DeviceState(alive=False), DeviceState()):
        line.sender.send(state)
    assert line.device.read().estop


def test_ready_crosses_once_and_not_by_a_restart() -> None:
    line = Line()
    for state in (DeviceState(ready=True), DeviceState()):
        line.sender.send(state)
    assert not line.device.read().ready, "what was said before is unknown"
    line.sender.send(DeviceState(ready=True))
    assert [line.device.read().ready for _ in range(2)] == [True, False]


def test_silent_human_stops_the_actor_until_the_clear() -> None:
    line, arbiter = Line(), Arbiter(ARM)
    policy = np.zeros(7, np.float32)
    line.sender.send(DeviceState(ACTION, engaged=True))
    assert arbiter.decide(policy, line.device.read(), now_ns=line.clock.now_ns()).charge is ControlAuthority.HUMAN
    for waited_s, charge in ((0.5, ControlAuthority.IDLE), (0.6, ControlAuthority.ESTOP)):
        line.clock.advance(waited_s)
        assert arbiter.decide(policy, line.device.read(), now_ns=line.clock.now_ns()).charge is charge
    line.sender.send(DeviceState())
    assert arbiter.decide(policy, line.device.read(), now_ns=line.clock.now_ns()).charge is ControlAuthority.ESTOP
    line.sender.send(DeviceState(cleared=True))
    assert arbiter.decide(policy, line.device.read(), now_ns=line.clock.now_ns()).charge is ControlAuthority.POLICY


def test_lost_device_is_sent_as_a_stop() -> None:
    line = Line()
    line.sender.send(DeviceState(ACTION, engaged=True, alive=False))
    state = line.device.read()
    assert state.estop and not state.engaged


@pytest.mark.parametrize("axes", [np.zeros(6), np.full(7, np.nan)])
def test_malformed_input_is_ignored(axes: np.ndarray) -> None:
    line = Line()
    wire = MemoryWire(line.graph)
    wire.publisher(graph.HUMAN_INPUT).publish(wire.make(graph.HUMAN_INPUT.type, axes=axes, buttons=np.zeros(6)))
    assert line.device.read().alive is False


def test_full_deflection_moves_as_fast_as_a_policy_may() -> None:
    shared = Graph(FakeClock(1.0))
    wire = MemoryWire(shared)
    sender = TwistSender(wire, PICK_LIFT.arm)
    twists: list[Any] = []
    fingers: list[Any] = []
    wire.subscribe(graph.HUMAN_TWIST, twists.append)
    wire.subscribe(graph.GRIPPER_TARGET, fingers.append)
    forward = DeviceState(np.array([1, 0, 0, 0, 0, 0, -1], np.float32), engaged=True)
    sender.send(forward)
    assert not twists, "the tool's turn is not known yet"
    pose = gripper_down(np.array([0.5, 0.0, 0.2]), np.pi / 2)
    wire.publisher(graph.CURRENT_POSE).publish(pose_message(wire, pose, wire.now_ns(), graph.BASE))
    sender.send(forward)
    np.testing.assert_allclose(from_ros.twist_of(twists[0], graph.BASE), [0, 0.3, 0, 0, 0, 0], atol=1e-9)
    assert from_ros.positions_of(fingers[0], [graph.FINGER_JOINT])[0] == PICK_LIFT.arm.gripper.closed_m
    sender.send(DeviceState(forward.action, engaged=False))
    sender.send(DeviceState(forward.action, engaged=True, estop=True))
    assert len(twists) == 1


def test_teleoperation_keeps_its_rate_until_stopped() -> None:
    clock, sent = FakeClock(), list[DeviceState]()
    teleoperate(Playback([DeviceState(engaged=True)] * 5), sent.append, 50.0, clock, lambda: clock.now_s() >= 0.1)
    assert [state.engaged for state in sent] == [True] * 5
