"""Raw observation of a task: the arms' states, scaled to order one, and the cameras' images.

Layout of an arm's `state` (24,) or, with a gripper, (25,); frames as given:
    0:3    tool position from the middle of the workspace, base frame   / 0.1 m
    3:6    rotation vector from gripper-down, base frame                / 0.5 rad
    6:9    linear velocity, tool frame                                  / 0.2 m/s
    9:12   angular velocity, tool frame                                 / 1 rad/s
    12:15  force on the hand, tool frame                                / 10 N
    15:18  moment on the hand, tool frame                               / 1 N m
    18:21  target minus measured position, tool frame                   / leash
    21:24  target minus measured rotation, tool frame                   / leash
    24     finger travel, only with a gripper                           0 closed .. 1 open
Force and moment are clipped to +-3 of these units: an impact must not outweigh the rest.
"""

from collections.abc import Iterable

import numpy as np

from robot_rl.core.action_layout import SEPARATOR, StateEntry
from robot_rl.core.pose import GRIPPER_DOWN, Pose, clipped, rotation_exp, rotation_log
from robot_rl.core.records import Observation
from robot_rl.core.schema import ArraySpec
from robot_rl.core.tasks import ArmTask, TaskSpec
from robot_rl.hardware.robot import RobotState
from robot_rl.vision.goal_reader import PoseEntry

STATE = "state"
MOTION_SIZE = 24
STATE_BOUND = 10.0
PLACE_SCALE_M, TURN_SCALE_RAD = 0.1, 0.5
_WRENCH_SCALE = np.array([10.0, 10.0, 10.0, 1.0, 1.0, 1.0])
_TWIST_SCALE = np.array([0.2, 0.2, 0.2, 1.0, 1.0, 1.0])


def gripper_entry(arm: ArmTask) -> StateEntry | None:
    """Return the index of the gripper's opening in an arm's state; None without a gripper."""
    return None if arm.gripper is None else StateEntry(STATE, MOTION_SIZE)


def state_name(robot: str) -> str:
    """Return the name of an arm's state in an observation: `state`, or `left/state` for an arm with a name."""
    return robot + SEPARATOR + STATE if robot else STATE


def proprioception(task: TaskSpec) -> dict[str, tuple[int, ...]]:
    """Return pose and gripper opening in the states of a task's arms: name -> indices."""
    gripper = {name: () if arm.gripper is None else (MOTION_SIZE,) for name, arm in task.arms.items()}
    return {state_name(name): (*range(6), *index) for name, index in gripper.items()}


def observation_schema(
    task: TaskSpec, cameras: Iterable[str] | None = None, privileged: bool = False
) -> dict[str, ArraySpec]:
    """Return names, shapes and dtypes of a task's raw observation, without an environment.

    Args:
        cameras: which of the task's images it holds; None: all of them.
        privileged: whether the first arm's state ends with the object's state.
    """
    extra = task.object_size if privileged else 0
    specs: dict[str, ArraySpec] = {}
    for number, (name, arm) in enumerate(task.arms.items()):
        size = MOTION_SIZE + (arm.gripper is not None) + (extra if number == 0 else 0)
        specs[state_name(name)] = ArraySpec((size,), "float32")
    for name in task.cameras if cameras is None else cameras:
        camera = task.cameras[name]
        specs[name] = ArraySpec((camera.height, camera.width, 3), "uint8")
    return specs


def own_pose_entries(task: TaskSpec) -> tuple[PoseEntry, ...]:
    """Return where an observation holds tool position, rotation vector and, with a gripper, opening of all arms."""
    units = (PLACE_SCALE_M,) * 3 + (TURN_SCALE_RAD,) * 3
    entries: list[PoseEntry] = []
    for name, arm in task.arms.items():
        entries += [PoseEntry(state_name(name), index, unit) for index, unit in enumerate(units)]
        entries += [] if arm.gripper is None else [PoseEntry(state_name(name), MOTION_SIZE, 1.0)]
    return tuple(entries)


def own_poses(task: TaskSpec, obs: Observation) -> np.ndarray:
    """Return tool position [m], rotation vector [rad] and, with a gripper, its opening in 0..1, of all arms joined."""
    return np.array([entry.unit * obs[entry.name][entry.index] for entry in own_pose_entries(task)])


def own_pose_names(task: TaskSpec) -> tuple[str, ...]:
    """Return the names of the numbers of `own_poses`: kind of quantity of each."""
    per_arm = {
        name: ("position",) * 3 + ("rotation",) * 3 + ("gripper",) * (arm.gripper is not None)
        for name, arm in task.arms.items()
    }
    return tuple(kind for kinds in per_arm.values() for kind in kinds)


def state_vector(arm: ArmTask, state: RobotState, T_base_target: Pose) -> np.ndarray:
    """Return `state` (24,) or (25,) float32, finite and within +-`STATE_BOUND`."""
    p, R = state.T_base_tcp
    parts = [
        (p - arm.workspace.centre_m) / PLACE_SCALE_M,
        rotation_log(R @ GRIPPER_DOWN.T) / TURN_SCALE_RAD,
        np.concatenate([R.T @ state.twist[:3], R.T @ state.twist[3:]]) / _TWIST_SCALE,
        clipped(state.wrench / _WRENCH_SCALE, -3.0, 3.0),
        _lead(arm, state.T_base_tcp, T_base_target),
    ]
    if arm.gripper is not None:
        parts.append(np.array([state.finger_m / arm.gripper.open_m]))
    return clipped(np.concatenate(parts), -STATE_BOUND, STATE_BOUND).astype(np.float32)


def with_lead(arm: ArmTask, state: np.ndarray, T_base_tcp: Pose, T_base_target: Pose) -> np.ndarray:
    """Return a copy of a `state` with another target; what follows the motion stays."""
    changed = state.copy()
    changed[18:MOTION_SIZE] = _lead(arm, T_base_tcp, T_base_target)
    return changed


def _lead(arm: ArmTask, T_base_tcp: Pose, T_base_target: Pose) -> np.ndarray:
    """Return target minus measured pose (6,), tool frame, in units of the leash."""
    p, R = T_base_tcp
    move, turn = R.T @ (T_base_target.p - p), rotation_log(R.T @ T_base_target.R)
    return clipped(np.concatenate([move, turn]) / arm.action.leash, -STATE_BOUND, STATE_BOUND)


def poses_of(arm: ArmTask, state: np.ndarray) -> tuple[Pose, Pose]:
    """Return T_base_tcp and T_base_target of a `state` (24,) or (25,): `state_vector` the other way round."""
    p = arm.workspace.centre_m + PLACE_SCALE_M * state[:3]
    R = rotation_exp(TURN_SCALE_RAD * state[3:6]) @ GRIPPER_DOWN
    ahead_m, ahead_rad = arm.action.leash_m * state[18:21], arm.action.leash_rad * state[21:MOTION_SIZE]
    return Pose(p, R), Pose(p + R @ ahead_m, R @ rotation_exp(ahead_rad))
