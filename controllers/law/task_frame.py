"""Tracking error and feed-forward, expressed in the task frame."""

from controllers.arm import ArmState
from controllers.compilation import inner
from controllers.geometry import quat_from_matrix, rotation_error
from controllers.law.controller_state import ControllerState
from controllers.law.impedance import to_task


@inner
def express_error(state: ArmState, memory: ControllerState) -> None:
    """Write work.error = (p_ref - p, log(R_ref R^T)): from the arm to the reference."""
    R, p, ref, error = memory.gains.task_R, state.p, memory.reference_p, memory.work.error
    e_R = rotation_error(quat_from_matrix(state.R), memory.reference_quat_xyzw)
    to_task(R, 0, ref[0] - p[0], ref[1] - p[1], ref[2] - p[2], error)
    to_task(R, 3, e_R[0], e_R[1], e_R[2], error)


@inner
def express_feed_forward(memory: ControllerState) -> None:
    """Write the goal's twist and wrench into work.twist_goal and work.wrench_goal."""
    R, work, goal = memory.gains.task_R, memory.work, memory.goal
    for offset in range(0, 6, 3):
        to_task(R, offset, goal.twist[offset], goal.twist[offset + 1], goal.twist[offset + 2], work.twist_goal)
        to_task(R, offset, goal.wrench[offset], goal.wrench[offset + 1], goal.wrench[offset + 2], work.wrench_goal)
