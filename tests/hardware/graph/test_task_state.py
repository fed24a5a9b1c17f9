"""Codec of `task/state`: round trip over the wire, and refusal of foreign messages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.ros import graph
from robot_rl.core.errors import DeviceLostError
from robot_rl.core.pose import gripper_down
from robot_rl.core.tasks import Outcome
from robot_rl.hardware.graph.task_state import RESET_ID_MAX, TaskState, read_task_state, task_state_message
from robot_rl.testing import FakeClock
from tests.hardware.graph.memory_wire import Graph, MemoryWire

WIRE = MemoryWire(Graph(FakeClock()))


@given(
    reset_id=st.integers(-1, RESET_ID_MAX - 1),
    success=st.booleans(),
    yaw=st.floats(-3.0, 3.0),
    place=st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=3),
    extra=st.lists(st.floats(-5.0, 5.0), max_size=6),
)
def test_state_crosses_whole(reset_id: int, success: bool, yaw: float, place: list[float], extra: list[float]) -> None:
    goal = gripper_down(np.array(place), yaw)
    sent = TaskState(reset_id, 1.7e9, 1.7e9 + 0.5, Outcome(success, not success), goal, -1.0, np.array(extra))
    got = read_task_state(task_state_message(WIRE, sent))
    assert (got.reset_id, got.outcome, got.gripper) == (sent.reset_id, sent.outcome, sent.gripper)
    assert got[1:3] == sent[1:3]
    np.testing.assert_array_equal(got.T_base_goal.p, goal.p)
    np.testing.assert_allclose(got.T_base_goal.R, goal.R, atol=1e-12)
    np.testing.assert_array_equal(got.object_state, sent.object_state)


def test_array_without_labels_is_refused() -> None:
    message = WIRE.make(graph.TASK_STATE.type, data=np.zeros(13))
    with pytest.raises(DeviceLostError, match="same version"):
        read_task_state(message)


def test_nan_is_refused() -> None:
    sent = TaskState(1, 0.0, 0.0, Outcome(False, False), gripper_down(np.zeros(3)), 0.0, np.array([np.nan]))
    with pytest.raises(DeviceLostError, match="finite"):
        read_task_state(task_state_message(WIRE, sent))
