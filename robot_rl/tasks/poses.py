"""Poses recorded by hand guiding, as TOML, and the workspace that they span."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose, yaw_of
from robot_rl.core.settings import from_json, to_json
from robot_rl.core.tasks import StartRegion, TaskSpec, Workspace
from robot_rl.tasks.edit import Changes
from robot_rl.tasks.files import toml_of

MARGIN_M, MARGIN_RAD = 0.01, 0.05
START = "start"
"""Name of the pose in which an episode starts; without it, the middle of the box at its top."""


@dataclass(frozen=True)
class RecordedPose:
    """One pose of the arm."""

    joints_rad: tuple[float, ...]
    """Joint positions [rad]."""
    position_m: tuple[float, float, float]
    """Of the tool in the base frame [m]."""
    rotation: tuple[tuple[float, ...], ...]
    """R_base_tcp, three rows."""

    @classmethod
    def of(cls, q: np.ndarray, T_base_tcp: Pose) -> "RecordedPose":
        """Return the record of joint positions and a tool pose."""
        x, y, z = T_base_tcp.p.tolist()
        return cls(tuple(q.tolist()), (x, y, z), tuple(tuple(row) for row in T_base_tcp.R.tolist()))

    @property
    def R(self) -> np.ndarray:
        """R_base_tcp (3, 3)."""
        return np.array(self.rotation)


@dataclass(frozen=True)
class PoseFile:
    """All poses of a file."""

    poses: Mapping[str, RecordedPose]
    """By name."""


def read_poses(path: Path) -> dict[str, RecordedPose]:
    """Return the poses of a file.

    Raises:
        ConfigError: not TOML, or no poses.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"poses: got {path}, expected a file of `robot-rl guide`; {error}.") from error
    return dict(from_json(PoseFile, data, str(path)).poses)


def write_poses(path: Path, poses: Mapping[str, RecordedPose]) -> None:
    """Write the poses, so that a reader never sees half a file."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(toml_of(to_json(PoseFile(poses))), encoding="utf-8")
    unfinished.replace(path)


def workspace_of(poses: Mapping[str, RecordedPose], margin_m: float = MARGIN_M) -> Workspace:
    """Return the box of the positions with a margin, the largest tilt from gripper-down and the largest yaw.

    Raises:
        ConfigError: fewer than two poses.
    """
    if len(poses) < 2:
        raise ConfigError(f"poses: got {len(poses)}, expected two or more to span a box; guide the arm to its corners.")
    p = np.array([pose.position_m for pose in poses.values()])
    tilts = [float(np.arccos(np.clip(-pose.R[2, 2], -1.0, 1.0))) for pose in poses.values()]
    yaws = [abs(yaw_of(pose.R)) for pose in poses.values()]
    lower, upper = (np.round(edge, 4).tolist() for edge in (p.min(axis=0) - margin_m, p.max(axis=0) + margin_m))
    tilt, yaw = (round(max(angles) + MARGIN_RAD, 3) for angles in (tilts, yaws))
    return Workspace((lower[0], lower[1], lower[2]), (upper[0], upper[1], upper[2]), tilt, yaw)


def start_of(poses: Mapping[str, RecordedPose], box: Workspace) -> StartRegion:
    """Return the start position: the pose `start`, or the middle of the box at its top."""
    if START in poses:
        return StartRegion(poses[START].position_m)
    x, y = box.centre_m[:2]
    return StartRegion((round(float(x), 4), round(float(y), 4), box.upper_m[2]))


def workspace_changes(task: TaskSpec, poses: Mapping[str, RecordedPose], margin_m: float = MARGIN_M) -> Changes:
    """Return what poses change in the file of a task of one arm: workspace, start, and the posture of its reset."""
    box, (name,) = workspace_of(poses, margin_m), task.arms
    arm = ("arms", name) if name else ("arm",)
    changes = {(*arm, "workspace"): to_json(box), (*arm, "start"): {"position_m": start_of(poses, box).position_m}}
    return changes | ({arm: {"posture": poses[START].joints_rad}} if START in poses else {})


def plot_workspace(path: Path, poses: Mapping[str, RecordedPose], box: Workspace) -> None:
    """Draw box and poses from above and from the side, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import patches, pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(10, 5), layout="constrained")
    for panel, (i, j) in zip(panels, ((0, 1), (0, 2)), strict=True):
        lower, size = np.array(box.lower_m), np.subtract(box.upper_m, box.lower_m)
        panel.add_patch(patches.Rectangle((lower[i], lower[j]), size[i], size[j], fill=False))
        for name, pose in poses.items():
            panel.plot(pose.position_m[i], pose.position_m[j], "o")
            panel.annotate(name, (pose.position_m[i], pose.position_m[j]))
        panel.set(xlabel=f"{'xyz'[i]} [m]", ylabel=f"{'xyz'[j]} [m]", aspect="equal")
    figure.savefig(path)
    pyplot.close(figure)
