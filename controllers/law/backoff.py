"""Back-off after a reflex: retrace the recorded tool path, the only one known to be free.

The reference moves at most at `RECOVER_SPEED`, over at most `recover_distance_m`, and turns at most by what takes as
long: 0.18 rad for 3 cm.
"""

import math
from typing import Annotated

from controllers.arm import ArmState
from controllers.compilation import inner
from controllers.geometry import FloatArray, norm3, quat_from_matrix, quat_towards, rotation_error
from controllers.law.reference import Goal
from controllers.records import Record

POSES = 64
SPACING_M = 0.002  # 64 poses cover 13 cm
SPACING_DOT = 0.9998  # quaternions that differ by 2 acos(0.9998) = 0.04 rad
REACHED_M = 0.0005
RECOVER_SPEED = (0.05, 0.3)  # of the reference while backing off [m/s, rad/s]
TURN_M_PER_RAD = RECOVER_SPEED[0] / RECOVER_SPEED[1]
LONGEST_S = 10.0  # of a back-off, where the energy tank stops the reference
BUDGET = 8  # recoveries that are recorded
WINDOW_S = 60.0


class Path(Record):
    """The last poses of the tool, in a ring, and the last recoveries."""

    p: Annotated[FloatArray, POSES, 3]
    quat_xyzw: Annotated[FloatArray, POSES, 4]
    count: int
    newest: int
    left_m: float  # of the way back; negative before its first tick
    until_s: float  # end of the back-off at the latest
    recovered_s: Annotated[FloatArray, BUDGET]  # times [s]


@inner
def remember_pose(state: ArmState, path: Path) -> None:
    """Add the tool's pose when it differs enough from the newest one."""
    quat = quat_from_matrix(state.R)
    if path.count > 0:
        p, old = path.p[path.newest], path.quat_xyzw[path.newest]
        far = norm3(state.p[0] - p[0], state.p[1] - p[1], state.p[2] - p[2])
        dot = quat[0] * old[0] + quat[1] * old[1] + quat[2] * old[2] + quat[3] * old[3]
        if far < SPACING_M and abs(dot) > SPACING_DOT:
            return
    path.newest = (path.newest + 1) % POSES
    path.count = min(path.count + 1, POSES)
    for i in range(3):
        path.p[path.newest, i] = state.p[i]
    for i in range(4):
        path.quat_xyzw[path.newest, i] = quat[i]


@inner
def way_between(p: FloatArray, quat: FloatArray, to_p: FloatArray, to_quat: FloatArray) -> float:
    """Return the distance between two poses [m], or that which takes as long as the turn between them if it is more."""
    turn = rotation_error(quat, to_quat)
    far = norm3(to_p[0] - p[0], to_p[1] - p[1], to_p[2] - p[2])
    return max(far, TURN_M_PER_RAD * norm3(turn[0], turn[1], turn[2]))


@inner
def retrace(goal: Goal, reference_p: FloatArray, reference_quat: FloatArray, path: Path) -> bool:
    """Lead the goal back by a pose once the reference has reached it; return False when it has reached the end."""
    if way_between(reference_p, reference_quat, goal.p, goal.quat_xyzw) > REACHED_M:
        return True
    if path.count == 0 or path.left_m <= 0.0:
        return False
    p, quat = path.p[path.newest], path.quat_xyzw[path.newest]
    way_m = way_between(goal.p, goal.quat_xyzw, p, quat)
    fraction = min(path.left_m / way_m, 1.0) if way_m > 0.0 else 1.0
    turned = quat_towards(goal.quat_xyzw, quat, fraction, math.pi)
    for i in range(3):
        goal.p[i] += fraction * (p[i] - goal.p[i])
    for i in range(4):
        goal.quat_xyzw[i] = turned[i]
    path.left_m = max(path.left_m - way_m, 0.0)
    if fraction == 1.0:
        path.newest = (path.newest - 1) % POSES
        path.count -= 1
    return True


@inner
def forget_recoveries(path: Path) -> None:
    """Refill the budget after a person's check."""
    for i in range(BUDGET):
        path.recovered_s[i] = -math.inf


@inner
def spend_recovery(path: Path, per_minute: float, now_s: float) -> bool:
    """Take one recovery from the budget of the last minute; return False when it is spent."""
    recent, oldest = 0, 0
    for i in range(BUDGET):
        recent += 1 if now_s - path.recovered_s[i] < WINDOW_S else 0
        oldest = i if path.recovered_s[i] < path.recovered_s[oldest] else oldest
    if recent >= min(per_minute, BUDGET):
        return False
    path.recovered_s[oldest] = now_s
    return True
