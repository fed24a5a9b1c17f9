"""Records of the checks: counted violations of the law's bounds, and the state before a tick."""

from typing import Annotated

from controllers.geometry import FloatArray
from controllers.records import Axes3, Axes4, Axes6, Record

SEEN = (
    "following",
    "at_box",
    "at_plane",
    "at_cone",
    "wrench_seen",
    "energy_spent",
    "guards_seen",
    "backing_off",
    "moving_joints",
)


class Counts(Record):
    """Ticks that violated each of `BOUNDS`, and ticks at the law's bounds (`SEEN`)."""

    torque: int
    torque_rate: int
    force: int
    wrench: int
    fence: int
    posture: int
    box: int
    plane: int
    cone: int
    speed: int
    energy: int
    power: int
    velocity: int
    recovery_speed: int
    recovery_turn: int
    recovery_distance: int
    motion: int
    following: int
    at_box: int
    at_plane: int
    at_cone: int
    wrench_seen: int
    energy_spent: int
    guards_seen: int
    backing_off: int
    moving_joints: int


BOUNDS = tuple(Counts.fields)[: -len(SEEN)]


class Previous(Record):
    """State before the tick."""

    mode: int
    starts: int  # whether a back-off starts with the tick
    taken: int
    manner: int  # of the targets: JUMPING, WANDERING or STEADY
    aim: Annotated[FloatArray, 7]  # the last target before it was made invalid [m], quat_xyzw
    drift: Axes6  # of a steady target [m/s, rad/s]
    p: Axes3  # of the reference [m]
    quat_xyzw: Axes4
    wrench: Axes6  # active feed-forward [N, N m]
    known: Axes6  # whether it was seen
    backed_m: float  # way of the reference since the back-off began
    backed_rad: float
    spring_j: float
    left_j: float  # of an independent energy balance
