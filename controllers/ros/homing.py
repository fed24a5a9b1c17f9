"""Way home: the tool rises to the height of its home, then the arm moves to the posture or to the home pose.

Where the tool's home lies is checked before anything moves; the joint motion's path by the loop, when it starts.
"""

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from controllers.geometry import FloatArray
from controllers.host.mailbox import HostState
from controllers.host.motions import MotionKind
from controllers.law.gains import Gains
from controllers.ros import to_ros
from controllers.ros.loop import Loop
from controllers.ros.motions import Motions
from controllers.ros.target_generator import Pose, TargetGenerator
from controllers.ros.workspace import outside

LIMIT_S = 20.0  # of one leg
SPEED = 0.5  # of the full joint speed
RISEN_M = 0.01  # a tool that is lower by less need not rise


class Homing:
    """The motion home, if any.

    Args:
        course: its goal is that of a leg that is no joint motion.
    """

    def __init__(self, motions: Motions, course: TargetGenerator, now_s: Callable[[], float]) -> None:
        self.pose: Pose | None = None
        """Home of the tool; None: the posture."""
        self.refusal = ""
        """Why the arm stays where it has risen to."""
        self._motions, self._course, self._now_s = motions, course, now_s
        self._until_s, self._rising = -np.inf, False

    @property
    def active(self) -> bool:
        """Whether the tool is on its way; a joint motion is not this one's."""
        return self._now_s() < self._until_s

    def end(self) -> None:
        """End it; the arm stays where it is."""
        self._until_s, self.refusal = -np.inf, ""

    def start(self, loop: Loop, gains: Gains) -> str:
        """Rise, or go; return why it is refused, else empty."""
        self.end()
        state = loop.state()
        p, quat = self.pose or tool_at(state, gains.posture)
        if beyond := outside(p, quat, gains):
            return f"home: got a place outside the workspace ({beyond}); set posture, home_pose or the workspace"
        self._course.follow(state, gains, anew=True)
        here = state.values[0]["p"], to_ros.quat_of(state.values[0]["R"])
        self._rising = bool(here[0][2] < p[2] - RISEN_M)
        if self._rising:
            self._go(np.array([*here[0][:2], p[2]]), here[1])
            return ""
        return self._finish(loop, gains)

    def watch(self, loop: Loop, state: HostState, gains: Gains) -> None:
        """Start the last leg at the height of home; end at home."""
        if self.active and self._course.is_reached(state):
            self.end()
            if self._rising:
                self._rising = False
                self.refusal = self._finish(loop, gains)

    def _finish(self, loop: Loop, gains: Gains) -> str:
        if self.pose is None:
            return self._motions.start(loop, MotionKind.JOINTS, gains.posture, SPEED)
        self._go(*self.pose)
        return ""

    def _go(self, p: FloatArray, quat_xyzw: FloatArray) -> None:
        self._course.seed(p, quat_xyzw)
        self._until_s = self._now_s() + LIMIT_S


def tool_at(state: HostState, q: FloatArray) -> Pose:
    """Return where the tool is at other joint positions, from one Jacobian; see `controllers.law.motion_check`."""
    values = state.values[0]
    p, turn, J = values["p"].copy(), Rotation.from_matrix(values["R"]), values["J"]
    for k in reversed(range(q.size)):
        v, w, way = J[:3, k], J[3:, k], q[k] - values["q"][k]
        if np.linalg.norm(w) < 0.5:  # prismatic
            p = p + way * v
            continue
        on_axis, step = values["p"] + np.cross(w, v), Rotation.from_rotvec(way * w)
        p, turn = on_axis + step.apply(p - on_axis), step * turn
    return p, np.asarray(turn.as_quat())
