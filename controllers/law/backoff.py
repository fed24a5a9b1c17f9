"""Back-off after a reflex: retrace the recorded tool path, the only one known to be free."""

from __future__ import annotations

import math
from typing import Annotated

from controllers.arm import ArmState
from controllers.compilation import inner
from controllers.geometry import FloatArray, norm3, quat_from_matrix
from controllers.law.reference import Goal
from controllers.records import Record

POSES = 64
SPACING_M = 0.002  # 64 poses cover 13 cm
SPACING_DOT = 0.9998  # quaternions that differ by 2 acos(0.9998) = 0.04 rad
REACHED_M = 0.0005
BUDGET = 8  # recoveries that are recorded
WINDOW_S = 60.0


class Path(Record):
    """The last poses of the tool, in a ring, and the last recoveries."""

    p: Annotated[FloatArray, POSES, 3]
    quat_xyzw: Annotated[FloatArray, POSES, 4]
    count: int
    newest: int
    left_m: float  # index on the way back
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
def retrace(goal: Goal, reference_p: FloatArray, path: Path) -> bool:
    """Set the goal to the next pose of the way back once the last one is reached; return False at its end."""
    to_go = norm3(goal.p[0] - reference_p[0], goal.p[1] - reference_p[1], goal.p[2] - reference_p[2])
    if to_go > REACHED_M:
        return True
    if path.count == 0 or path.left_m <= 0.0:
        return False
    p = path.p[path.newest]
    path.left_m -= norm3(p[0] - goal.p[0], p[1] - goal.p[1], p[2] - goal.p[2])
    for i in range(3):
        goal.p[i] = p[i]
    for i in range(4):
        goal.quat_xyzw[i] = path.quat_xyzw[path.newest, i]
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
