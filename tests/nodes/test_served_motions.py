"""Joint motions and guiding over the graph: client, controller, control process and law of the served simulation."""

from collections.abc import Iterator
from typing import cast

import numpy as np
import pytest

from controllers.arm import Mode
from controllers.ros import graph
from controllers.ros.wire import Answer, Wire
from robot_rl.core.errors import DeviceLostError
from robot_rl.core.pose import Pose
from robot_rl.hardware.graph.arm_motions import ArmMotions
from robot_rl.hardware.graph.messages import joints_message, twist_message
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from tests.nodes.served import Served


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    served = Served(cameras=())
    yield served
    served.server.close()


@pytest.fixture
def arm(served: Served) -> ArmMotions:
    served.call(graph.RECOVER)
    served.call(graph.ENABLE, data=True)
    for _ in range(30):
        served.server.step()
    return ArmMotions(cast("Wire", CallingWire(served)), served.client_clock)


class CallingWire:
    """The client's wire; the server works while a service is called."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def call(self, service: graph.Service, timeout_s: float, **fields: object) -> Answer:
        return self._served.call(service, **fields)

    def __getattr__(self, name: str) -> object:
        return getattr(self._served.wire, name)


def steps(served: Served, seconds: float) -> None:
    for _ in range(round(seconds / 0.01)):
        served.server.step()


def test_a_joint_motion_over_the_graph_arrives_and_the_arm_holds_there(served: Served, arm: ArmMotions) -> None:
    q = arm.joints().q
    there = q + np.array([0.1, 0.0, 0.3, 0.0, -0.2, 0.0, 0.2])
    arm.move_joints(there, 1.0)
    np.testing.assert_allclose(arm.joints().q, there, atol=0.05)
    p = arm.pose().p
    steps(served, 1.0)
    np.testing.assert_allclose(arm.pose().p, p, atol=0.005)


def test_home_lies_in_the_tasks_workspace_and_a_lower_tool_rises_before_it_goes_there(
    served: Served, arm: ArmMotions
) -> None:
    home = served.server.home
    arm.move_joints(arm.joints().q + np.array([-0.2, 0.12, 0.0, 0.0, 0.0, 0.0, 0.0]))
    start = arm.pose().p
    assert start[2] < home[0][2] - 0.02 and np.linalg.norm(start[:2] - home[0][:2]) > 0.03
    done, text = served.call(graph.HOME_POSE)
    assert done, text
    path = [arm.pose().p]
    while np.linalg.norm(path[-1] - home[0]) > 0.006 and len(path) < 1500:
        served.server.step()
        path.append(arm.pose().p)
    aside = np.linalg.norm(np.array(path)[:, :2] - start[:2], axis=1)
    risen = np.array(path)[:, 2] > home[0][2] - 0.015
    assert np.linalg.norm(path[-1] - home[0]) < 0.006 and aside[~risen].max() < 0.02


def test_a_joint_motion_whose_first_message_is_lost_is_sent_again(served: Served, arm: ArmMotions) -> None:
    publisher, sent = arm._publisher, []

    class Lossy:
        def publish(self, message: object) -> None:
            sent.append(message)
            if len(sent) > 1:
                publisher.publish(message)

        def matched(self) -> int:
            return publisher.matched()

    arm._publisher = Lossy()
    there = arm.joints().q - np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    arm.move_joints(there)
    assert len(sent) == 2
    np.testing.assert_allclose(arm.joints().q, there, atol=0.05)


def test_a_refused_joint_motion_says_why(served: Served, arm: ArmMotions) -> None:
    beyond = arm.joints().q.copy()
    beyond[3] = 0.2
    with pytest.raises(DeviceLostError, match="beyond"):
        arm.move_joints(beyond)


def test_a_robot_that_was_led_by_targets_starts_a_joint_motion_without_a_refusal(
    served: Served, arm: ArmMotions
) -> None:
    robot = GraphRobot(served.wire, served.client_clock, GraphRobotConfig())
    q, T_base_tcp, refused = arm.joints().q, arm.pose(), dict(served.server.controller.commands.rejections.counts)
    for step in range(1, 11):
        robot.command(Pose(T_base_tcp.p + np.array([0.0, 0.0, -0.012 * step]), T_base_tcp.R), None)
        robot.wait(0.1)
    robot.move_joints(q)
    assert dict(served.server.controller.commands.rejections.counts) == refused
    np.testing.assert_allclose(arm.joints().q, q, atol=0.05)


@pytest.mark.parametrize(
    ("torque_nm", "cause"), [(12.0, "the joint motion met contact"), (30.0, "joint_velocity_violation")]
)
def test_a_joint_motion_that_ends_short_of_its_goal_gives_the_reason_at_once(
    served: Served, arm: ArmMotions, torque_nm: float, cause: str
) -> None:
    q, simulation = arm.joints().q, served.server.simulation

    def push() -> None:
        moves = served.server.loop.state().mode == Mode.JOINT_MOTION
        simulation.data.qfrc_applied[0] = torque_nm * moves
        served.server.step()

    served.client_clock.work, start_s = push, served.clock.now_s()
    try:
        with pytest.raises(DeviceLostError, match=f"off its goal .*{cause}"):
            arm.move_joints(q - np.array([0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    finally:
        simulation.data.qfrc_applied[:] = 0.0
        served.live()
    assert served.clock.now_s() - start_s < 5.0, "it does not wait for an arm that has ended its motion"
    steps(served, 1.0)
    served.call(graph.RECOVER)
    served.call(graph.ENABLE, data=True)
    arm.move_joints(q)


def test_a_stop_ends_a_joint_motion_at_once(served: Served, arm: ArmMotions) -> None:
    names, q = arm.joints()
    message = joints_message(served.wire, names, q - 0.2 * np.eye(7)[0], served.wire.now_ns())
    served.wire.publisher(graph.JOINT_MOTION).publish(message)
    steps(served, 0.3)
    assert served.server.loop.state().mode == Mode.JOINT_MOTION
    served.call(graph.ESTOP)
    steps(served, 0.1)
    before = arm.joints().q
    steps(served, 0.5)
    assert np.abs(arm.joints().q - before).max() < 0.03  # the arm's own hold swings back
    before = arm.joints().q
    steps(served, 0.5)
    assert np.abs(arm.joints().q - before).max() < 0.002


def test_a_guided_arm_follows_the_hand_and_holds_when_it_is_released(served: Served, arm: ArmMotions) -> None:
    simulation = served.server.simulation
    assert served.call(graph.GUIDE, data=True)[0]
    start = arm.pose().p
    for _ in range(40):
        force = simulation.loop.dynamics.J[:3].T @ np.array([0.0, 4.0, 0.0])
        simulation.data.qfrc_applied[:7] = force
        served.server.step()
    simulation.data.qfrc_applied[:] = 0.0
    assert np.linalg.norm(arm.pose().p - start) > 0.005
    steps(served, 0.5)
    assert served.call(graph.GUIDE, data=False)[0]
    p = arm.pose().p
    steps(served, 0.5)
    np.testing.assert_allclose(arm.pose().p, p, atol=0.01)
    assert served.server.loop.state().mode in (Mode.ACTIVE, Mode.HOLDING)


def test_a_pose_is_refused_once_a_fast_push_has_ended_the_guiding(served: Served, arm: ArmMotions) -> None:
    simulation = served.server.simulation
    arm.guide(True)
    arm.sample()
    for _ in range(100):
        simulation.data.qfrc_applied[:7] = simulation.loop.dynamics.J[:3].T @ np.array([0.0, 25.0, 0.0])
        served.server.step()
        if served.server.loop.state().mode != Mode.GUIDING:
            break
    simulation.data.qfrc_applied[:] = 0.0
    steps(served, 0.5)
    with pytest.raises(DeviceLostError, match="guiding: got an arm that holds"):
        arm.sample()
    arm.guide(False)
    arm.sample()


def test_an_arm_that_is_enabled_outside_its_workspace_stays_and_a_person_moves_it_inside(
    served: Served, arm: ArmMotions
) -> None:
    handler, p = served.server.controller.handler, arm.pose().p
    gains = handler.gains
    assert gains is not None
    served.call(graph.ENABLE, data=False)
    upper = p + np.array([1.0, -0.05, 1.0])
    handler.set_gains(gains.changed(workspace_upper=upper, clip_targets=True, fence_margin_m=0.01))
    served.call(graph.ENABLE, data=True)
    steps(served, 1.0)
    np.testing.assert_allclose(arm.pose().p, p, atol=0.002)
    twist = np.array([0.0, -0.1, 0.0, 0.0, 0.0, 0.0])

    def command(topic: graph.Topic, seconds: float) -> None:
        for _ in range(round(seconds / 0.05)):
            served.wire.publisher(topic).publish(twist_message(served.wire, twist, served.wire.now_ns(), graph.BASE))
            steps(served, 0.05)

    command(graph.TARGET_TWIST, 0.5)
    np.testing.assert_allclose(arm.pose().p, p, atol=0.002)
    command(graph.HUMAN_TWIST, 0.5)
    assert 0.005 < p[1] - arm.pose().p[1] < 0.04, "slowly"
    command(graph.HUMAN_TWIST, 1.5)
    assert p[1] - arm.pose().p[1] > 0.06 and handler.warning() == ""
    handler.set_gains(gains)
