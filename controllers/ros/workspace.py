"""Workspace of the gains: how a pose lies outside it."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from controllers.geometry import FloatArray
from controllers.law.gains import Gains

EDGE = 1e-9  # of a pose that was moved there [m, rad]


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
