"""Both ends of the effort interface's ROS topics, joined by a bus in memory.

rclpy is not on PyPI: this shows that the two ends understand each other, not that rclpy takes the calls. With a sourced
ROS 2 the last test does that.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from controllers.arms.spec import load_arm
from controllers.drivers.contract import DriverMode, make_feedback
from controllers.drivers.effort import EffortDriver
from controllers.drivers.effort_ros import RosLink, WatchdogNode, gravity_of, import_ros
from controllers.drivers.effort_watchdog import EffortWatchdog
from controllers.drivers.stream import Platform
from controllers.geometry import FloatArray
from robot_rl.testing import FakeClock
from tests.controllers.drivers.driver_rigs import UR_LIMITS, ur5e_model
from tests.controllers.drivers.ur_kinematics import urdf_file

JOINTS = [f"joint{number}" for number in range(6)]


class Bus:
    """Topics, and the rclpy calls that the two ends use."""

    def __init__(self) -> None:
        self.listeners: dict[str, list[Callable[[Any], None]]] = {}
        self.timers: list[Callable[[], None]] = []
        self.last: dict[str, Any] = {}

    def publish(self, topic: str, message: Any) -> None:
        self.last[topic] = message
        for listener in self.listeners.get(topic, []):
            listener(message)

    def node(self) -> SimpleNamespace:
        return SimpleNamespace(
            create_publisher=lambda kind, topic, qos: SimpleNamespace(publish=lambda m: self.publish(topic, m)),
            create_subscription=lambda kind, topic, call, qos: self.listeners.setdefault(topic, []).append(call),
            create_timer=lambda period, call: self.timers.append(call),
            destroy_node=lambda: None,
        )

    def ros(self) -> SimpleNamespace:
        executor = SimpleNamespace(add_node=lambda node: None, spin=lambda: None, shutdown=lambda: None)
        context = SimpleNamespace(try_shutdown=lambda: None)
        rclpy = SimpleNamespace(
            Context=lambda: context, init=lambda context: None, create_node=lambda name, **words: self.node()
        )
        return SimpleNamespace(
            rclpy=rclpy,
            executors=SimpleNamespace(
                SingleThreadedExecutor=lambda context: executor, ExternalShutdownException=KeyboardInterrupt
            ),
            std=SimpleNamespace(Float64MultiArray=SimpleNamespace),
            sensor=SimpleNamespace(JointState=None),
            qos=SimpleNamespace(
                QoSProfile=SimpleNamespace, ReliabilityPolicy=SimpleNamespace(RELIABLE=1), qos_profile_sensor_data=None
            ),
        )


class Workcell:
    """A bus with an arm's joint states, the watchdog's node, and our driver."""

    def __init__(self, gravity: Callable[[FloatArray], FloatArray] = np.zeros_like, timeout_s: float = 0.02) -> None:
        self.bus, self.clock, self.stamp_ns, self.dq = Bus(), FakeClock(10.0), 0, 0.1
        ros = self.bus.ros()
        watchdog = EffortWatchdog(timeout_s, np.full(6, 2.0), UR_LIMITS.tau_max)
        now_s = self.clock.now_s
        self.watchdog = WatchdogNode(self.bus.node(), watchdog, JOINTS, ros=ros, gravity=gravity, now_s=now_s)
        link = RosLink(JOINTS, ros=ros, now_s=self.clock.now_s)
        self.driver = EffortDriver(
            link, ur5e_model(), UR_LIMITS, platform=Platform(now_s=self.clock.now_s, sleep=self.cycle)
        )

    def cycle(self, seconds: float = 0.002) -> None:
        """Time passes, and the arm reports: joints in another order, and a gripper's own message between."""
        self.clock.advance(seconds)
        self.stamp_ns += 2_000_000
        header = SimpleNamespace(stamp=SimpleNamespace(sec=5, nanosec=self.stamp_ns))
        names = [*reversed(JOINTS), "finger"]
        q = [*np.linspace(1.0, 0.0, 6), 0.04]
        for name, position in ((["finger"], [0.04]), (names, q)):
            joint_state = SimpleNamespace(
                header=header, name=name, position=position, velocity=[self.dq] * len(name), effort=[]
            )
            self.bus.publish("joint_states", joint_state)
        for timer in self.bus.timers:
            timer()

    def effort(self) -> list[float]:
        """What the arm's controller was given last."""
        effort: list[float] = self.bus.last["effort_controller/commands"].data
        return effort


def test_driver_and_watchdog_meet_on_the_topics() -> None:
    cell = Workcell()
    assert cell.driver.connect().joints == 6
    cell.cycle()
    assert cell.driver.read().mode is DriverMode.READY
    np.testing.assert_allclose(cell.driver.feedback.state.q, np.linspace(0.0, 1.0, 6))
    assert np.isnan(cell.driver.feedback.tau_measured).all()
    assert cell.driver.write(np.full(6, 1.5))
    np.testing.assert_allclose(cell.effort(), np.full(6, 1.5))


def test_controller_is_never_left_with_the_torque_of_a_silent_driver() -> None:
    cell = Workcell()
    cell.driver.connect()
    cell.driver.write(np.full(6, 1.5))
    for _ in range(12):
        cell.cycle()
    np.testing.assert_allclose(cell.effort(), np.full(6, -0.2))  # damping of 0.1 rad/s
    assert cell.driver.read().mode is DriverMode.STOPPED
    cell.driver.recover()
    cell.cycle()
    assert cell.driver.read().mode is DriverMode.READY


def test_arm_without_joint_states_keeps_no_torque_whatever_the_time_out_of_its_watchdog() -> None:
    cell = Workcell(timeout_s=5.0)
    cell.driver.connect()
    cell.driver.write(np.full(6, 1.5))
    cell.clock.advance(0.51)
    for timer in cell.bus.timers:
        timer()
    assert cell.driver.read().mode is DriverMode.LOST
    np.testing.assert_allclose(cell.effort(), np.zeros(6))


def test_damping_does_not_push_by_an_old_velocity() -> None:
    cell = Workcell()
    cell.driver.connect()
    cell.driver.write(np.full(6, 1.5))
    cell.clock.advance(0.1)
    for timer in cell.bus.timers:
        timer()
    np.testing.assert_allclose(cell.effort(), np.zeros(6))


@pytest.mark.parametrize("period_s", [0.004, 0.012, 0.03, 0.045])
def test_damping_swings_no_arm_whose_joint_states_are_late(period_s: float) -> None:
    """A joint that the damping of 2 N m s/rad slows at 100 /s: held for 40 ms, it would triple the motion."""
    cell, inertia, speeds = Workcell(), 0.02, [0.3]
    for millisecond in range(500):
        if millisecond % round(1e3 * period_s) == 0:
            cell.dq = speeds[-1]
            cell.cycle(0.0)
        cell.clock.advance(1e-3)
        for timer in cell.bus.timers:
            timer()
        speeds.append(speeds[-1] + 1e-3 * cell.effort()[0] / inertia)
    assert max(map(abs, speeds)) <= 0.3 and abs(speeds[-1]) < 1e-3, speeds[::20]


def test_a_watchdog_that_ends_leaves_the_gravity_torque_alone() -> None:
    cell = Workcell(lambda q: np.full(6, 7.0))
    cell.watchdog.leave()
    assert "effort_controller/commands" not in cell.bus.last  # no joint state, no torque
    cell.driver.connect()
    cell.driver.write(np.full(6, 1.5))
    cell.watchdog.leave()
    np.testing.assert_allclose(cell.effort(), np.full(6, 7.0))
    cell.driver.connect()
    cell.driver.write(np.full(6, 1.5))
    for _ in range(12):
        cell.cycle()
    cell.watchdog.leave()
    np.testing.assert_allclose(cell.effort(), np.full(6, 7.0))


def test_an_arm_that_does_not_carry_itself_is_carried_before_its_driver_connects() -> None:
    cell = Workcell(gravity_of(replace(load_arm("ur5e"), model=urdf_file("ur5e"))))
    cell.cycle()
    feedback = make_feedback(6)
    feedback.state.q[:] = np.linspace(0.0, 1.0, 6)
    ur5e_model().fill(feedback.state, feedback.dynamics)
    np.testing.assert_allclose(cell.effort(), feedback.dynamics.gravity - 0.2)


@pytest.mark.ros
@pytest.mark.skipif(importlib.util.find_spec("rclpy") is None, reason="NOT CHECKED: rclpy needs a sourced ROS 2")
def test_ros_link_opens_and_closes_with_the_real_rclpy() -> None:
    link = RosLink(JOINTS, ros=import_ros())
    link.open()
    assert link.newest() is None and link.status() is None
    link.close()
