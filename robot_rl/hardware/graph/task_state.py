"""Codec of `task/state`, the state of the simulator's task server.

`data` holds the sections of `controllers.ros.graph.TASK_STATE_SECTIONS` one after the other, read by name.
"""

from typing import Any, NamedTuple

import numpy as np

from controllers.geometry import matrix_from_quat, quat_from_matrix
from controllers.ros import graph
from controllers.ros.wire import Wire
from robot_rl.core.errors import DeviceLostError
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import Outcome

RESET_ID_MAX = 2**53
"""Reset ids below this are exact in the floating-point numbers of `task/state`."""
NO_RESET = -1


class TaskState(NamedTuple):
    """Ground truth of one instant.

    Units: s since the epoch, m. Shapes: object_state (K,).
    """

    reset_id: int
    reset_stamp_s: float
    stamp_s: float
    outcome: Outcome
    T_base_goal: Pose
    gripper: float
    object_state: np.ndarray


def task_state_message(wire: Wire, state: TaskState) -> Any:
    """Return the state as a Float64MultiArray with a labelled layout."""
    head = [state.reset_id, state.reset_stamp_s, state.stamp_s, *state.outcome]
    quat = quat_from_matrix(np.ascontiguousarray(state.T_base_goal.R))
    data = np.concatenate([head, state.T_base_goal.p, quat, [state.gripper], state.object_state]).astype(np.float64)
    sizes = [(label, size or len(state.object_state)) for label, size in graph.TASK_STATE_SECTIONS]
    dimensions = [
        wire.make("std_msgs/msg/MultiArrayDimension", label=label, size=size, stride=size) for label, size in sizes
    ]
    layout = wire.make("std_msgs/msg/MultiArrayLayout", dim=dimensions, data_offset=0)
    return wire.make(graph.TASK_STATE.type, layout=layout, data=data)


def read_task_state(message: Any) -> TaskState:
    """Return the state in a message.

    Raises:
        DeviceLostError: sections are missing or numbers are not finite: another program publishes on this topic.
    """
    parts = _sections(message)
    R = np.empty((3, 3))
    matrix_from_quat(np.ascontiguousarray(parts["goal_quat_xyzw"]), R)
    reset_id, reset_stamp_s, stamp_s, success, failure, gripper = (
        float(parts[label][0])
        for label in ("reset_id", "reset_stamp_s", "stamp_s", "success", "failure", "goal_gripper")
    )
    return TaskState(
        round(reset_id), reset_stamp_s, stamp_s, Outcome(success > 0.5, failure > 0.5),
        Pose(parts["goal_position"].copy(), R), gripper, parts["object_state"].copy(),
    )  # fmt: skip


def _sections(message: Any) -> dict[str, np.ndarray]:
    data = np.asarray(message.data, dtype=np.float64)
    parts: dict[str, np.ndarray] = {}
    start = int(message.layout.data_offset)
    for dimension in message.layout.dim:
        parts[dimension.label] = data[start : start + int(dimension.size)]
        start += int(dimension.size)
    wanted = dict(graph.TASK_STATE_SECTIONS)
    whole = all(label in parts and len(parts[label]) >= size for label, size in wanted.items())
    if not (whole and np.isfinite(data).all()):
        raise DeviceLostError(
            f"{graph.TASK_STATE.name}: got {len(data)} numbers in sections {sorted(parts)}, expected finite ones in "
            f"{[label for label, _ in graph.TASK_STATE_SECTIONS]}; is the server of the same version?"
        )
    return parts
