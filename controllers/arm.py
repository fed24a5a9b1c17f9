"""Value types of an arm: state, dynamics, limits, target, modes and reasons.

Every field is a C-contiguous float64 array (or a float, in limits and gains), so that compiled code takes the tuples as
they are and a host can write new values in place. Axis letter N: joints. Frames: everything in the arm's base.
"""

from enum import IntEnum
from typing import Annotated, NamedTuple

import numpy as np

from controllers.checks import FloatArray
from controllers.records import Axes1, Axes3, Axes4, Axes6, Jacobian, Joints, JointsMatrix, Matrix3

NOT_REPORTED: FloatArray = np.zeros(0)  # placeholder of an array that a robot or a client leaves out


Braking = Annotated[FloatArray, 4, "N"]
NO_BRAKING: FloatArray = np.zeros((0, 0))  # of an arm whose velocity limits do not depend on the position


class ArmState(NamedTuple):
    """State of the robot at one instant.

    `tau` is the joint torque in the convention of the command: with gravity where the command carries gravity, without
    it where the robot compensates gravity itself (libfranka: tau_J_d). The rate guard starts from it. The last three
    are left out, or nan, where the robot does not report them.
    """

    q: Joints  # [rad]
    dq: Joints  # [rad/s]
    tau: Joints  # [N m]
    p: Axes3  # tool centre point (TCP) [m]
    R: Matrix3  # R_base_tcp
    tau_external: Joints = NOT_REPORTED  # the robot's own estimate of external torques [N m]
    stamp_s: Axes1 = NOT_REPORTED  # time of the state, on the clock of the tick's now_s [s]
    robot_s: Axes1 = NOT_REPORTED  # the same on the robot's own clock [s]


class ArmDynamics(NamedTuple):
    """Terms of M ddq + C dq + g = tau, and the TCP's Jacobian: twist = J dq, linear before angular, base-aligned."""

    J: Jacobian
    M: JointsMatrix  # [kg m^2]
    coriolis: Joints  # C dq [N m]
    gravity: Joints  # g [N m]


class Target(NamedTuple):
    """Commanded TCP pose with its feed-forward. A stamp not newer than the last one is ignored."""

    p: Axes3  # [m]
    quat_xyzw: Axes4  # unit norm within 1 %
    twist: Axes6  # [m/s, rad/s]
    wrench: Axes6  # feed-forward that the arm exerts [N, N m]
    stamp_s: Axes1  # on the clock of the tick's now_s [s]
    frame: Axes1 = NOT_REPORTED  # a Frame; the base when left out


def no_target() -> Target:
    """Return the arrays of the initial target, older than any other."""
    return Target(
        np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(6), np.zeros(6), np.full(1, -np.inf), np.zeros(1)
    )


class Frame(IntEnum):
    """Frames of a target. Any other frame is refused."""

    BASE = 0


class ArmLimits(NamedTuple):
    """Limits of the arm's manufacturer. A limit of 0.0 is a limit."""

    q_lower: Joints  # [rad]
    q_upper: Joints  # [rad]
    dq_max: Joints  # [rad/s]
    tau_max: Joints  # [N m]
    tau_rate_max: Joints  # [N m/s]
    power_max: float = np.inf  # greatest mechanical power of the command [W]
    braking: Braking = NO_BRAKING  # velocity_offset, deceleration, q_lower, q_upper: see safety.velocity_limit
    cycle_s: float = 0.0  # the arm checks the torque's rate in each of its own cycles [s]; 0: by the time that passes


class Mode(IntEnum):
    """Mode of the loop; `controllers.law.modes` is the transition table."""

    IDLE = 0  # only the arm's own terms (Coriolis, gravity)
    ACTIVATING = 1  # the next good tick checks the arm and takes the present pose as the target
    ACTIVE = 2  # tracks targets
    HOLDING = 3  # targets are late: holds the pose
    DAMPING = 4  # targets have stopped: stiffness ramps down, damping stays
    FAULT = 5  # joint damping only, until activated again
    RECOVERING = 6  # backs off along the last path
    JOINT_MOTION = 7  # moves to a posture in joint space; targets are ignored
    GUIDING = 8  # guided by hand: no stiffness; targets are ignored


class Reason(IntEnum):
    """Result of a tick; see REASON_TEXT. Higher numbers are more severe; from STATE_NOT_FINITE on they are faults."""

    OK = 0
    POWER_LIMITED = 1
    VELOCITY_LIMITED = 2
    IDLE = 3
    ENERGY_LIMITED = 4
    SINGULAR = 5
    FORCE_LIMITED = 6
    RECOVERING = 7
    MOVING_JOINTS = 8
    GUIDED = 9
    TARGET_OUT_OF_ORDER = 10
    TARGET_FROM_THE_FUTURE = 11
    TARGET_OUTSIDE_WORKSPACE = 12
    TARGET_QUATERNION_NOT_UNIT = 13
    TARGET_NOT_FINITE = 14
    TARGET_FRAME_UNKNOWN = 15
    TARGET_LATE = 20
    TARGET_GONE = 21
    MOTION_LOST = 22
    MOTION_BLOCKED = 23
    START_MOVING = 24
    START_OUTSIDE_LIMITS = 25
    START_PAYLOAD_WRONG = 26
    MOTION_TOO_FAST = 27
    MOTION_REFUSED = 28
    MOTION_OUTSIDE = 29
    STATE_NOT_FINITE = 30
    DYNAMICS_NOT_FINITE = 31
    TIME_NOT_VALID = 32
    MASS_MATRIX_NOT_POSITIVE = 33
    COMMAND_NOT_FINITE = 34
    STATE_OLD = 35
    STATE_FROZEN = 36
    ROBOT_STOPPED = 37
    RECOVERIES_SPENT = 38


NOT_FOLLOWING = Reason.TARGET_LATE
"""From this reason on the loop no longer tracks its target."""

REASON_TEXT: dict[Reason, str] = {
    Reason.OK: "all is well",
    Reason.POWER_LIMITED: "the power guard reduced the command; lower the stiffness or the target's speed",
    Reason.VELOCITY_LIMITED: "the joint velocity guard reduced the command; lower the target's speed",
    Reason.IDLE: "idle; call activate() to track targets",
    Reason.ENERGY_LIMITED: "the energy bound slowed the reference; lower the target's speed or raise energy_refill_w",
    Reason.SINGULAR: "close to a singularity: slowed down and damped; choose another pose or posture",
    Reason.FORCE_LIMITED: "the contact force exceeds contact_force_max: the stiffness is reduced",
    Reason.RECOVERING: "backing off along the last path; targets are ignored until that is done",
    Reason.MOVING_JOINTS: "a joint motion is under way; targets are ignored until it ends",
    Reason.GUIDED: "guided by hand; targets are ignored until it ends",
    Reason.TARGET_OUT_OF_ORDER: "target dropped: its stamp is older than the last one, or than the activation",
    Reason.TARGET_FROM_THE_FUTURE: "target dropped: its stamp lies ahead of the loop's clock; use one monotonic clock",
    Reason.TARGET_OUTSIDE_WORKSPACE: "target dropped: its pose is outside the workspace of the gains",
    Reason.TARGET_QUATERNION_NOT_UNIT: "target dropped: the norm of quat_xyzw is outside [0.99, 1.01]; normalise it",
    Reason.TARGET_NOT_FINITE: "target dropped: it holds nan or inf",
    Reason.TARGET_FRAME_UNKNOWN: "target dropped: its frame is unknown; use the base",
    Reason.TARGET_LATE: "no fresh target for hold_after_s: holding the pose",
    Reason.TARGET_GONE: "no fresh target for damp_after_s: stiffness ramps down, damping only",
    Reason.MOTION_LOST: "the client of the joint motion or guiding is silent: holding; start it again",
    Reason.MOTION_BLOCKED: "the joint motion met contact or left its path: holding; free the arm's way",
    Reason.START_MOVING: "activation refused: a joint moves; wait until the arm rests, then activate() again",
    Reason.START_OUTSIDE_LIMITS: "activation refused: a joint is outside its limits; guide it back, then activate()",
    Reason.START_PAYLOAD_WRONG: "activation refused: torque at rest; set the payload, or free the arm, then activate()",
    Reason.MOTION_TOO_FAST: "guided too fast: holding; check the payload, then guide more slowly",
    Reason.MOTION_OUTSIDE: "guided out of the workspace: holding at its edge; guide it inside, or widen it",
    Reason.MOTION_REFUSED: "joint motion or guiding refused; activate the arm first",
    Reason.STATE_NOT_FINITE: "fault: the robot's state holds nan or inf; find the cause, then activate() again",
    Reason.DYNAMICS_NOT_FINITE: "fault: the dynamics hold nan or inf; check the model, then activate() again",
    Reason.TIME_NOT_VALID: "fault: dt_s is not positive or a time not finite; check the clock, then activate() again",
    Reason.MASS_MATRIX_NOT_POSITIVE: "fault: the mass matrix is not positive definite; check the model",
    Reason.COMMAND_NOT_FINITE: "fault: the law gave nan or inf; check the gains, then activate() again",
    Reason.STATE_OLD: "fault: the robot's state is too old; check the connection, then activate() again",
    Reason.STATE_FROZEN: "fault: the robot's state no longer changes; check the connection, then activate() again",
    Reason.ROBOT_STOPPED: "fault: the robot stopped by itself; recover() backs off, activate() starts from its pose",
    Reason.RECOVERIES_SPENT: "fault: too many reflexes in a minute; find the cause, then activate() again",
}
