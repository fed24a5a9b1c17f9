"""Workspace of the gains: how a pose lies outside it, and what moves an arm there."""

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from controllers.geometry import FloatArray
from controllers.host.mailbox import HostState
from controllers.law.gains import Gains
from controllers.ros import to_ros
from controllers.ros.arbitration import CommandPriority
from controllers.ros.loop import Loop
from controllers.ros.rejection import CommandRejected, RejectReason

EDGE = 1e-9  # of a pose that was moved there [m, rad]
OUTSIDE_S = 1.0  # for which a target outside the workspace is a warning
WAY_IN_SPEED = np.array([0.05, 0.3])  # at most, of an arm that was outside when it was enabled [m/s, rad/s]


def box_text(gains: Gains | None) -> str:
    """Return the box of the workspace, for the diagnostics."""
    if gains is None:
        return ""
    bounds = zip("xyz", gains.workspace_lower, gains.workspace_upper, strict=True)
    return ", ".join(f"{axis} {lower:.3f} to {upper:.3f}" for axis, lower, upper in bounds)


def outside(p: FloatArray, quat_xyzw: FloatArray, gains: Gains) -> str:
    """Return which bound of box, planes and cone a pose is beyond, with its value; empty inside."""
    lower, upper = gains.workspace_lower, gains.workspace_upper
    for i, axis in enumerate("xyz"):
        if not lower[i] - EDGE <= p[i] <= upper[i] + EDGE:
            return f"{axis}: got {p[i]:.3f} m, expected {lower[i]:.3f} to {upper[i]:.3f}"
    for plane in gains.planes:
        if not plane[:3] @ p >= plane[3] - EDGE:
            return f"plane {plane[:3].tolist()}: got {plane[:3] @ p:.3f} m, expected at least {plane[3]:.3f}"
    tool = Rotation.from_quat(quat_xyzw).apply(gains.cone_tool_axis)
    tilt_rad = float(np.arctan2(np.linalg.norm(np.cross(tool, gains.cone_axis)), tool @ gains.cone_axis))
    if tilt_rad > gains.cone_rad + 1e-6:
        return f"tilt from the cone's axis: got {tilt_rad:.3f} rad, expected at most {gains.cone_rad:.3f}"
    return ""


class Place:
    """Place of the arm and of its targets, relative to the workspace of the gains.

    An arm that is enabled outside of it, or whose gains change to a workspace without it, is not driven to the edge: it
    stays where it is, in a workspace that just contains it, until a person has moved it inside.
    """

    def __init__(self) -> None:
        self.away = ""
        """How the arm lies outside, since it was enabled or its gains changed; empty inside."""
        self.gains: Any = None
        """Gains in force."""
        self._beyond, self._beyond_s = "", -np.inf

    def enter(self, loop: Loop, gains: Gains, enabled: bool = True) -> None:
        """Activate gains, or for an enabled arm outside their workspace some that contain it."""
        state = loop.state()
        self.away = _outside_of(state, gains) if enabled else ""
        self.gains = _around(state, gains) if self.away else gains
        loop.set_gains(self.gains)

    def watch(self, loop: Loop, state: HostState, gains: Gains) -> None:
        """Notice that the arm is inside again."""
        if self.away and not _outside_of(state, gains):
            self.enter(loop, gains)

    def check(self, rank: CommandPriority) -> None:
        """Check that targets of this priority may pass.

        Raises:
            CommandRejected: the arm is outside, and a person moves it inside first.
        """
        if self.away and rank < CommandPriority.HUMAN:
            raise CommandRejected(RejectReason.OUTSIDE, self.warning(0.0))

    def rejection(self, beyond: str, clipped: float, now_s: float) -> CommandRejected:
        """Return the report of a target that the workspace bounds."""
        done = "it is moved to the edge" if clipped else "the arm stays at the last target inside"
        self._beyond, self._beyond_s = f"target outside the workspace: {beyond}; {done}", now_s
        kind = RejectReason.CLIPPED if clipped else RejectReason.OUTSIDE
        return CommandRejected(kind, f"{self._beyond}, change the target or workspace_lower and workspace_upper.")

    def warning(self, now_s: float) -> str:
        """Return how the arm, or a target of the last second, lies outside the workspace; empty where none does."""
        if self.away:
            return f"the arm is outside the workspace: {self.away}; move it inside: by teleop, ~/home or ~/guide"
        return self._beyond if now_s - self._beyond_s <= OUTSIDE_S else ""


def _outside_of(state: HostState, gains: Gains) -> str:
    """Return which bound the measured pose is beyond; empty inside, and without a pose."""
    p, R = state.values[0]["p"], state.values[0]["R"]
    return outside(p, to_ros.quat_of(R), gains) if np.isfinite(p).all() and np.isfinite(R).all() else ""


def _around(state: HostState, gains: Gains) -> Gains:
    """Return gains whose workspace contains the arm, where no wall pushes it and no target is moved, at low speed."""
    p, R, margin = state.values[0]["p"], state.values[0]["R"], gains.fence_margin_m + EDGE
    planes = gains.planes.copy()
    planes[:, 3] = np.minimum(planes[:, 3], planes[:, :3] @ p - margin)
    tilt_rad = np.arccos(np.clip(R @ gains.cone_tool_axis @ gains.cone_axis, -1.0, 1.0)) + gains.fence_margin_rad
    return gains.changed(
        workspace_lower=np.minimum(gains.workspace_lower, p - margin),
        workspace_upper=np.maximum(gains.workspace_upper, p + margin),
        planes=planes,
        cone_rad=min(max(gains.cone_rad, tilt_rad + 1e-6), np.pi),
        speed_max=np.minimum(gains.speed_max, WAY_IN_SPEED),
    )
