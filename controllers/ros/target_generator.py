"""Target generation: pose targets, integrated twists, time-limited wrenches.

A twist is valid for `FRESH_S` or until the next one, and displaces the present goal meanwhile. The goal stays in the
workspace and on a leash to the arm, so that it cannot wind up against an obstacle. A new source, and an arm without
commands, start from the reference, with the force that it exerts; where the loop has not tracked it, or the arm is
beyond the leash, from the measured pose.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from controllers.arm import Mode, Target
from controllers.geometry import FloatArray, bounded, quat_towards, rotation_error
from controllers.host.mailbox import HostState
from controllers.law.gains import Gains
from controllers.law.virtual_walls import confine_pose
from controllers.ros import to_ros
from controllers.ros.workspace import outside

FRESH_S = 0.1  # of a twist and of a wrench; source: moveit_servo's command timeout
LAG_S = 0.05  # of the state and of the last target: the goal leads by so much more
MOMENT_S = 1e-3  # in which a twist is seen to lead out of the workspace
ARRIVED = np.array([0.005, 0.05])  # at the goal [m, rad]
Pose = tuple[FloatArray, FloatArray]  # p (3,) [m], quat_xyzw
_TRACKED = (Mode.ACTIVE, Mode.HOLDING)


def is_near(pose: Pose, other: Pose, within: FloatArray) -> bool:
    """Return whether two poses differ by at most so much, (2,) [m, rad]; False for what is not a pose."""
    if not (_is_pose(pose) and _is_pose(other)):
        return False
    turn = rotation_error(pose[1], other[1])
    return bool(np.linalg.norm(pose[0] - other[0]) <= within[0] and np.linalg.norm(turn) <= within[1])


class TargetGenerator:
    """The present goal."""

    def __init__(self) -> None:
        self.p, self.quat_xyzw = np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0])
        self._wrench, self._wrench_s = np.zeros(6), -np.inf
        self._twist, self._twist_s, self._moved_s = np.zeros(6), -np.inf, -np.inf
        self._sent_s = -np.inf
        self.beyond = ""
        """How the last commanded goal lay outside the workspace; empty inside."""
        self._tracked = False  # the loop has tracked the goal since it was set

    @property
    def integrates(self) -> bool:
        """Whether twists move the goal, which then has to be sent repeatedly."""
        return self._twist_s > -np.inf

    def seed(self, p: FloatArray, quat_xyzw: FloatArray) -> None:
        """Start from here, without feed-forward."""
        self.p, self.quat_xyzw = p.copy(), quat_xyzw.copy()
        self._wrench_s = self._twist_s = -np.inf

    def follow(self, state: HostState, gains: Gains, anew: bool) -> None:
        """Start from where the arm is: for another source (`anew`), and whenever the loop has not tracked the goal."""
        measured, tracked = _measured(state), state.mode in _TRACKED
        if (anew or not (tracked and self._tracked)) and _is_pose(measured):
            self._twist_s = -np.inf
            reference = state.values[0]["reference_p"], state.values[0]["reference_quat_xyzw"]
            if not (tracked and is_near(reference, measured, _leash(gains, np.zeros(6)))):
                self.seed(*measured)
            elif not (self._tracked and is_near((self.p, self.quat_xyzw), reference, ARRIVED)):
                self.seed(*reference)
        self._tracked = tracked

    def is_reached(self, state: HostState) -> bool:
        """Return whether the arm is at the goal."""
        return is_near(_measured(state), (self.p, self.quat_xyzw), ARRIVED)

    def take_here(self, state: HostState, stamp_s: float) -> Target:
        """Set the goal to the measured pose; nan leaves it where it is."""
        if _is_pose(measured := _measured(state)):
            self.seed(*measured)
        return self._target(np.zeros(6), stamp_s)

    def take_pose(self, p: FloatArray, quat_xyzw: FloatArray, stamp_s: float, gains: Gains) -> Target:
        """Set the goal. One outside the workspace leaves it where it is, unless the loop moves it to the edge."""
        self.beyond = outside(p, quat_xyzw, gains)
        if not self.beyond or gains.clip_targets:
            self.p, self.quat_xyzw, self._twist_s = p, quat_xyzw, -np.inf
        return self._target(np.zeros(6), stamp_s)

    def take_twist(self, twist: FloatArray, stamp_s: float, state: HostState, gains: Gains) -> Target:
        """Move the goal at this velocity (6,) [m/s, rad/s] in the base from now on."""
        self._move_on(stamp_s)
        if stamp_s > self._twist_s:
            self._twist, self._twist_s = twist, stamp_s
            self._moved_s = max(stamp_s, self._moved_s)
        return self.stay(stamp_s, state, gains)

    def take_wrench(self, wrench: FloatArray, stamp_s: float) -> None:
        """Add a wrench to the targets of the next tenth of a second."""
        self._wrench, self._wrench_s = wrench, stamp_s

    def stay(self, stamp_s: float, state: HostState, gains: Gains) -> Target:
        """Stay at the goal, which the last twist moves while it is valid."""
        self._move_on(stamp_s)
        twist = self._twist if stamp_s - self._twist_s < FRESH_S else np.zeros(6)
        if self.integrates:
            self._keep_to(state, gains, twist)
            twist = self._led_inside(twist, gains)
        return self._target(twist, stamp_s)

    def _move_on(self, now_s: float) -> None:
        dt_s = min(now_s, self._twist_s + FRESH_S) - self._moved_s
        if not dt_s > 0.0:
            return
        self._moved_s += dt_s
        self.p = self.p + dt_s * self._twist[:3]
        self.quat_xyzw = self._turned(dt_s * self._twist[3:])

    def _keep_to(self, state: HostState, gains: Gains, twist: FloatArray) -> None:
        """Keep the goal to its leash and to the workspace."""
        (p, quat), (leash_m, leash_rad) = _measured(state), _leash(gains, twist)
        if not _is_pose((p, quat)):
            return
        self.p = p + np.array(bounded(self.p - p, leash_m))
        self.quat_xyzw = np.array(quat_towards(quat, self.quat_xyzw, 1.0, leash_rad))
        self.beyond = outside(self.p, self.quat_xyzw, gains)
        confine_pose(self.p, self.quat_xyzw, gains)

    def _led_inside(self, twist: FloatArray, gains: Gains) -> FloatArray:
        """Return the part of a twist (6,) that leads no goal out of the workspace: it is fed forward, and damping
        times what leads out would hold the arm beyond the edge.
        """
        led = self.p + MOMENT_S * twist[:3], self._turned(MOMENT_S * twist[3:])
        if not outside(*led, gains):
            return twist
        confine_pose(*led, gains)
        return np.concatenate([led[0] - self.p, rotation_error(self.quat_xyzw, led[1])]) / MOMENT_S

    def _turned(self, turn: FloatArray) -> FloatArray:
        """Return the goal's orientation, turned in the base (3,) [rad]."""
        return np.asarray((Rotation.from_rotvec(turn) * Rotation.from_quat(self.quat_xyzw)).as_quat())

    def _target(self, twist: FloatArray, stamp_s: float) -> Target:
        """Return the target; its stamp is newer than the last one's, which may be from a repetition."""
        self._sent_s = max(stamp_s, np.nextafter(self._sent_s, np.inf))
        wrench = self._wrench if 0.0 <= stamp_s - self._wrench_s <= FRESH_S else np.zeros(6)
        return Target(self.p.copy(), self.quat_xyzw.copy(), twist.copy(), wrench.copy(), np.array([self._sent_s]))


def _is_pose(pose: Pose) -> bool:
    return bool(np.isfinite([*pose[0], *pose[1]]).all() and abs(np.linalg.norm(pose[1]) - 1.0) < 0.01)


def _measured(state: HostState) -> Pose:
    return state.values[0]["p"], to_ros.quat_of(state.values[0]["R"])


def _leash(gains: Gains, twist: FloatArray) -> FloatArray:
    """Return the longest way between goal and arm (2,) [m, rad]: the clip of the error, beyond which no force grows,
    and what the goal leads in free motion.
    """
    clip = np.maximum(-gains.clip_lower, gains.clip_upper).reshape(2, 3).max(axis=1)
    speed = np.linalg.norm(twist.reshape(2, 3), axis=1)
    return np.asarray(clip + speed * (gains.filter_time_s + LAG_S))
