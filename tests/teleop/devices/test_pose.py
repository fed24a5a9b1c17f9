"""A hand's pose on a topic: the tool repeats its motion from the moment of the clutch, and nothing else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.ros import graph
from robot_rl.core.action_layout import ROTATION, TRANSLATION, StateEntry, arm_layout
from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.pose import GRIPPER_DOWN, Pose, gripper_down, rot_z, rotation_exp
from robot_rl.core.settings import from_text
from robot_rl.envs.action import move_target
from robot_rl.hardware.graph.messages import pose_message
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from robot_rl.teleop.arbiter import Arbiter, ControlAuthority
from robot_rl.teleop.device import DeviceState, watch
from robot_rl.teleop.devices.combined import EnabledDevice
from robot_rl.teleop.devices.pose import PoseConfig, PoseDevice
from robot_rl.testing import FakeClock
from tests.hardware.graph.memory_wire import Graph, MemoryWire
from tests.waiting import eventually

ARM = arm_layout(StateEntry("state", 24))
SCALE = PICK_LIFT.arm.action
PERIOD_S = 0.1


class Hand:
    """A hand whose pose and clutch are sent ten times a step, and the device at the other end of the wire."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock(100.0)
        self.graph = Graph(self.clock)
        self.wire = MemoryWire(self.graph)
        self.device = PoseDevice(
            MemoryWire(self.graph), ARM, SCALE, from_text(PoseConfig, settings, "pose"), self.clock
        )
        self.T, self.closed = Pose(np.array([3.0, -1.0, 0.7]), rotation_exp(np.array([0.2, -0.1, 1.4]))), False

    def send(self) -> None:
        self.wire.publisher(graph.HUMAN_POSE_INPUT).publish(pose_message(self.wire, self.T, 1, "tracker"))
        clutch = self.wire.make("std_msgs/msg/Bool", data=self.closed)
        self.wire.publisher(graph.HUMAN_CLUTCH).publish(clutch)

    def rest(self) -> DeviceState:
        """Hold still for a step."""
        return self.move(np.zeros(6))

    def move(self, displacement: np.ndarray) -> DeviceState:
        """Move by a displacement (6,) in a step; return the device's state at its end."""
        for _ in range(10):
            self.T = self.T.plus(displacement / 10)
            self.clock.advance(PERIOD_S / 10)
            self.send()
        return self.device.read()

    def close(self) -> DeviceState:
        self.rest()
        self.closed = True
        return self.rest()


class Tool:
    """A tool whose arm follows its target at once."""

    def __init__(self, yaw_rad: float = 0.0) -> None:
        self.T = gripper_down(np.array([0.5, 0.0, 0.15]), yaw_rad)

    def follow(self, state: DeviceState) -> None:
        if state.engaged and state.action is not None:
            parts = ARM.decode(state.action)
            self.T = move_target(PICK_LIFT.arm, self.T, self.T, parts[TRANSLATION], parts[ROTATION])


def motion(state: DeviceState) -> np.ndarray:
    assert state.action is not None
    return np.concatenate([GRIPPER_DOWN @ state.action[ARM.slices[part]] for part in (TRANSLATION, ROTATION)])


def test_nothing_moves_while_the_clutch_is_open_and_handing_over_moves_nothing() -> None:
    hand, rng = Hand(), np.random.default_rng(0)
    for _ in range(20):
        state = hand.move(rng.uniform(-0.1, 0.1, 6))
        assert not state.engaged and not motion(state).any()
    state = hand.close()
    assert state.engaged and not motion(state).any()
    hand.move(np.array([0.02, 0, 0, 0, 0, 0]))
    hand.closed = False
    assert not hand.rest().engaged
    hand.move(np.array([0.3, 0.2, -0.1, 0, 0, 1.0]))
    hand.closed = True
    assert not motion(hand.rest()).any(), "where the hand went meanwhile does not count"


@pytest.mark.parametrize("axis", range(6))
@pytest.mark.parametrize("yaw_rad", [0.0, 0.6])
def test_tool_goes_as_far_as_the_hand_in_the_operators_directions(axis: int, yaw_rad: float) -> None:
    hand, tool = Hand(), Tool(yaw_rad)
    T_start = tool.T
    tool.follow(hand.close())
    step = np.zeros(6)
    step[axis] = 0.01 if axis < 3 else 0.02 if axis == 5 else 0.007
    for moved in [step] * 8 + [np.zeros(6)] * 6:
        tool.follow(hand.move(moved))
    turned = tool.T.minus(T_start)
    expected = 8 * step
    expected[:3] = rot_z(yaw_rad) @ expected[:3]
    np.testing.assert_allclose(turned[:3], expected[:3], atol=1e-4)
    R_operator = rot_z(yaw_rad)
    np.testing.assert_allclose(R_operator.T @ turned[3:], expected[3:], atol=2e-3)


def test_direction_stays_the_hands_while_the_hand_turns() -> None:
    """After a quarter turn of the hand and the gripper, forward is still the forward of the table."""
    hand, tool = Hand(), Tool()
    tool.follow(hand.close())
    for _ in range(8):
        tool.follow(hand.move(np.array([0, 0, 0, 0, 0, 0.1])))
    for _ in range(3):
        tool.follow(hand.rest())
    T_turned = tool.T
    for _ in range(5):
        tool.follow(hand.move(np.array([0.01, 0, 0, 0, 0, 0])))
    for _ in range(3):
        tool.follow(hand.rest())
    np.testing.assert_allclose(tool.T.p - T_turned.p, [0.05, 0, 0], atol=1e-4)


def test_axes_of_the_hand_are_the_tools_where_they_are_mounted_alike() -> None:
    hand = Hand(frame="tool")
    hand.close()
    state = hand.move(np.concatenate([hand.T.R @ [0.005, 0.0, 0.01], np.zeros(3)]))
    np.testing.assert_allclose(state.action[:6], [0.005 / SCALE.step_m, 0, 0.01 / SCALE.step_m, 0, 0, 0], atol=1e-6)


@given(st.floats(0.05, 1.0), st.lists(st.floats(-0.06, 0.06), min_size=6, max_size=6))
def test_speed_is_bounded_and_a_hand_that_ran_ahead_is_followed_by_the_lead_only(
    speed: float, jerk: list[float]
) -> None:
    hand = Hand(speed=str(speed))
    hand.close()
    largest, way = 0.0, np.zeros(3)
    for displacement in [np.array(jerk)] * 6 + [np.zeros(6)] * 120:
        state = hand.move(displacement)
        largest = max(largest, float(np.abs(state.action[:6]).max()))
        if not displacement.any():
            way = way + SCALE.step_m * motion(state)[:3]
    assert largest <= speed + 1e-6
    assert np.linalg.norm(way) <= 0.05 + 1e-6


def test_doctor_is_given_the_rate_and_what_engages() -> None:
    hand = Hand()
    assert hand.device.detail.startswith("one pose at most on human/pose")
    for _ in range(3):
        hand.rest()
    assert hand.device.detail == "100 Hz on human/pose, engaged by human/clutch"
    hand.device.enable(False)
    assert "another device" in hand.device.detail


def test_scale_makes_the_tools_way_smaller() -> None:
    hand, tool = Hand(scale="0.25"), Tool()
    start = tool.T.p
    tool.follow(hand.close())
    for moved in [0.02] * 5 + [0.0] * 4:
        tool.follow(hand.move(np.array([0, moved, 0, 0, 0, 0])))
    np.testing.assert_allclose(tool.T.p - start, [0, 0.025, 0], atol=1e-4)


@pytest.mark.parametrize("topic", [graph.HUMAN_POSE_INPUT, graph.HUMAN_CLUTCH])
def test_silent_topic_releases_until_the_clutch_was_opened(topic: Any) -> None:
    hand = Hand()
    hand.close()
    assert hand.move(np.full(6, 0.01)).engaged
    hand.graph.muted.add(f"/{topic.name}")
    assert hand.rest().engaged
    assert not [hand.rest() for _ in range(2)][-1].engaged
    hand.graph.muted.clear()
    hand.T = hand.T.plus(np.full(6, 0.05))
    state = hand.rest()
    assert state.alive and not state.engaged, "it was held all the time"
    hand.closed = False
    hand.rest()
    hand.closed = True
    state = hand.rest()
    assert state.engaged and not motion(state).any()


def test_silence_takes_the_arm_from_the_human_then_stops_it() -> None:
    hand, arbiter, policy = Hand(), Arbiter(ARM), np.zeros(7, np.float32)
    hand.close()

    def charge() -> ControlAuthority:
        return arbiter.decide(policy, hand.device.read(), now_ns=hand.clock.now_ns()).charge

    assert charge() is ControlAuthority.HUMAN
    hand.clock.advance(0.3)
    assert charge() is ControlAuthority.IDLE
    hand.clock.advance(0.8)
    assert charge() is ControlAuthority.ESTOP
    assert not hand.device.read().alive


def test_device_is_not_alive_before_the_first_pose() -> None:
    assert Hand().device.read().stopped


def test_pose_that_jumps_releases() -> None:
    hand = Hand()
    hand.close()
    hand.T = Pose(hand.T.p + np.array([0.2, 0, 0]), hand.T.R)
    state = hand.rest()
    assert not state.engaged and not motion(state).any()
    assert not hand.rest().engaged
    hand.closed = False
    hand.rest()
    hand.closed = True
    assert hand.rest().engaged


@pytest.mark.parametrize("field", ["position", "orientation"])
def test_pose_that_is_none_counts_as_silence(field: str) -> None:
    hand = Hand()
    hand.close()
    for _ in range(3):
        message = pose_message(hand.wire, hand.T, 1, "tracker")
        getattr(message.pose, field).x = np.nan
        hand.wire.publisher(graph.HUMAN_POSE_INPUT).publish(message)
        hand.clock.advance(0.1)
    assert not hand.device.read().engaged


def test_opening_of_the_hands_gripper_opens_and_closes_the_arms() -> None:
    hand = Hand()
    hand.close()
    levels = []
    for opening in (0.9, 0.5, 0.1, np.nan):
        message = hand.wire.make("sensor_msgs/msg/JointState", position=np.array([opening]))
        hand.wire.publisher(graph.HUMAN_GRIPPER).publish(message)
        levels.append(float(hand.rest().action[-1]))
    assert levels == [1.0, 0.0, -1.0, 0.0]


class DeadMan:
    """A pedal."""

    def __init__(self) -> None:
        self.held = False

    def reset(self) -> None: ...

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        return DeviceState(engaged=self.held)

    def close(self) -> None: ...


def test_dead_man_of_another_device_replaces_the_clutch() -> None:
    hand, pedal = Hand(), DeadMan()
    both = EnabledDevice(pedal, hand.device)
    hand.closed = True
    hand.rest()
    assert not both.read().engaged
    pedal.held = True
    state = both.read()
    assert state.engaged and not motion(state).any()
    hand.T = hand.T.plus(np.array([0.01, 0, 0, 0, 0, 0]))
    hand.send()
    assert motion(both.read())[0] == pytest.approx(0.01 / SCALE.step_m)
    hand.clock.advance(0.25)
    state = both.read()
    assert not state.engaged and not motion(state).any(), "the pedal is held, the topic is silent"
    hand.send()
    assert not both.read().engaged
    pedal.held = False
    both.read()
    pedal.held = True
    assert both.read().engaged


def test_supervision_between_steps_takes_no_motion_away() -> None:
    hand = Hand()
    hand.close()
    hand.T = hand.T.plus(np.array([0.01, 0, 0, 0, 0, 0]))
    hand.send()
    for _ in range(5):
        assert watch(hand.device).action is None
    assert motion(hand.device.read())[0] == pytest.approx(0.01 / SCALE.step_m)


def test_settings_that_cannot_work_are_refused() -> None:
    for settings, error in (({"frame": "hand"}, UnknownNameError), ({"speed": "2"}, ConfigError)):
        with pytest.raises(error):
            from_text(PoseConfig, settings, "pose")


@pytest.mark.dds
@pytest.mark.slow
def test_hand_over_the_real_wire_moves_the_tool_and_its_end_releases() -> None:
    from tests.hardware.graph.wires import open_wire

    near, far = open_wire("dds", "arm"), open_wire("dds", "leader")
    device = PoseDevice(near, ARM, SCALE, PoseConfig(gripper="/leader/joint_states"), SystemClock())
    poses, clutch = far.publisher(graph.HUMAN_POSE_INPUT), far.publisher(graph.HUMAN_CLUTCH)
    gripper = far.publisher(graph.HUMAN_GRIPPER._replace(name="/leader/joint_states"))

    def send(x_m: float, closed: bool) -> None:
        poses.publish(pose_message(far, Pose(np.array([x_m, 0, 0.3]), np.eye(3)), far.now_ns(), "leader"))
        clutch.publish(far.make("std_msgs/msg/Bool", data=closed))
        gripper.publish(far.make("sensor_msgs/msg/JointState", name=["jaw"], position=np.array([0.0])))

    def arrived(x_m: float, closed: bool, engaged: bool) -> DeviceState | None:
        send(x_m, closed)
        state = device.read()
        return state if state.engaged is engaged and (not closed or state.action[-1] == -1.0) else None

    try:
        eventually(lambda: poses.matched() and clutch.matched() and gripper.matched())
        eventually(lambda: arrived(0.0, False, False) and device.read().alive)
        eventually(lambda: arrived(0.0, True, True))
        way = 0.0
        for x_m in (0.01, 0.02, 0.03):
            state = eventually(lambda x_m=x_m: (s := arrived(x_m, True, True)) and motion(s)[0] > 0.0 and s)
            way += SCALE.step_m * motion(state)[0]
        assert way == pytest.approx(0.03, abs=1e-5)
        far.close()
        assert eventually(lambda: not (state := device.read()).engaged and not motion(state).any())
        assert eventually(lambda: device.read().stopped)
    finally:
        near.close()
