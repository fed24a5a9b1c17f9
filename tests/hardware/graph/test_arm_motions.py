"""A client's waits for a joint motion end by the arm's silence or standstill, never by a fixed time."""

from typing import Any

import numpy as np
import pytest

from controllers.ros import graph
from robot_rl.core.errors import DeviceLostError
from robot_rl.hardware.graph.arm_motions import ArmMotions
from robot_rl.hardware.graph.messages import joints_message
from robot_rl.testing import FakeClock
from tests.hardware.graph.memory_wire import Graph, MemoryWire

NAMES, STEP_S = ("joint1", "joint2"), 0.1
GOAL = np.array([1.0, -0.5])


class MovingArm(FakeClock):
    """A clock that moves an arm: from its start to the goal in `lasts_s`, with a mode that ends `early_s` before."""

    def __init__(self, lasts_s: float, early_s: float = 0.0, way: float = 1.0, silent_s: float = np.inf) -> None:
        super().__init__(5.0)
        self.graph = Graph(self)
        self.wire = MemoryWire(self.graph)
        self.lasts_s, self.early_s, self.way, self.silent_s = lasts_s, early_s, way, silent_s
        self.since_s, self.mode = np.inf, "ACTIVE"
        self.wire.subscribe(graph.JOINT_MOTION, self.start)
        self.client = ArmMotions(MemoryWire(self.graph), self)

    def start(self, message: Any) -> None:
        self.since_s = self.now_s()

    def sleep_until(self, deadline_ns: int) -> None:
        super().sleep_until(max(deadline_ns, self.now_ns() + round(STEP_S * 1e9)))
        elapsed_s = max(0.0, self.now_s() - self.since_s)
        if elapsed_s > self.silent_s:
            return
        moves = 0.0 < elapsed_s < self.lasts_s - self.early_s
        self.mode = "JOINT_MOTION" if moves else "ACTIVE"
        q = self.way * min(1.0, elapsed_s / self.lasts_s) * GOAL
        self.wire.publisher(graph.TAU_COMMAND).publish(joints_message(self.wire, NAMES, q, self.wire.now_ns()))
        value = self.wire.make("diagnostic_msgs/msg/KeyValue", key="mode", value=self.mode)
        status = self.wire.make(graph.STATUS.type, level=0, message="moves", values=[value])
        self.wire.publisher(graph.STATUS).publish(status)


def test_a_motion_lasts_as_long_as_the_arm_moves() -> None:
    arm = MovingArm(lasts_s=400.0)
    arm.client.move_joints(GOAL, 0.01)
    np.testing.assert_allclose(arm.client.joints().q, GOAL, atol=0.05)


def test_an_arm_that_still_comes_closer_when_its_motion_has_ended_is_waited_for() -> None:
    arm = MovingArm(lasts_s=60.0, early_s=40.0)
    arm.client.move_joints(GOAL)
    np.testing.assert_allclose(arm.client.joints().q, GOAL, atol=0.05)


def test_an_arm_that_stands_off_its_goal_is_an_error_with_the_distance() -> None:
    with pytest.raises(DeviceLostError, match=r"got an end 0\.20 rad off its goal"):
        MovingArm(lasts_s=3.0, way=0.8).client.move_joints(GOAL)


def test_an_arm_that_is_silent_during_its_motion_is_an_error() -> None:
    arm = MovingArm(lasts_s=400.0, silent_s=100.0)
    with pytest.raises(DeviceLostError, match="expected it to publish its joints"):
        arm.client.move_joints(GOAL)
    assert arm.now_s() - arm.since_s < 115.0
