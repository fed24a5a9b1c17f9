"""Where another robot's observation holds the tool's pose and the gripper's opening, and how they are to be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose
from robot_rl.core.records import Observation

Convention = Literal["quat_xyzw", "quat_wxyz", "rotvec", "rpy"]
SIZES: dict[str, int] = {"quat_xyzw": 4, "quat_wxyz": 4, "rotvec": 3, "rpy": 3}


@dataclass(frozen=True)
class PoseEntries:
    """Indices into a vector of the observation; without a position, the recordings are this software's own."""

    vector: str = "state"
    """Vector that holds them, as in LeRobot's `observation.state`."""
    position: tuple[int, ...] = ()
    """Indices of x, y, z of the tool in the arm's base frame [m]; empty: states of ours, whose pose is known."""
    rotation: tuple[int, ...] = ()
    """Indices of the tool's rotation."""
    convention: Convention = "quat_xyzw"
    """Of the rotation: a quaternion, a rotation vector [rad], or roll, pitch, yaw about fixed axes [rad]."""
    gripper: int | None = None
    """Index of the gripper's opening; None: it stays open."""
    gripper_closed: float = 0.0
    """Its value when closed."""
    gripper_open: float = 1.0
    """Its value when open."""
    tool_rpy_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Rotation of our tool frame (z out of the gripper, x forward where it points down) as seen from theirs [rad]."""
    lag_s: float = 0.15
    """Time by which the arm follows its target later [s]: each goal is the pose so much after the step's end. Measured
    on simulated demonstrations, whose path the executed actions follow best so."""
    cameras: tuple[str, ...] = ()
    """Their names of the task's cameras, where they differ: OURS=THEIRS."""

    def __post_init__(self) -> None:
        checks.one_of(self, SIZES, "convention")
        checks.at_least(self, 0, "lag_s")
        wanted = (3, SIZES[self.convention]) if self.position or self.rotation else (0, 0)
        if (len(self.position), len(self.rotation)) != wanted:
            raise ConfigError(
                f"poses: got {len(self.position)} indices of the position and {len(self.rotation)} of the rotation, "
                f"expected 3 and {SIZES[self.convention]} ({self.convention}); name both, or none for states of ours."
            )
        if self.gripper_open == self.gripper_closed:
            raise ConfigError(f"gripper_open: got {self.gripper_open} as when closed, expected another; see the data.")
        if wrong := [text for text in self.cameras if not all(text.partition("="))]:
            raise ConfigError(f"poses.cameras: got {wrong[0]!r}, expected OURS=THEIRS; write it so.")

    @property
    def own(self) -> bool:
        """Whether the states are this software's own."""
        return not self.position

    @property
    def camera_names(self) -> dict[str, str]:
        """Camera of the task -> their name."""
        return {ours: theirs for ours, _, theirs in (text.partition("=") for text in self.cameras)}

    def read(self, frames: Sequence[Observation]) -> tuple[np.ndarray, Rotation, np.ndarray]:
        """Return positions (T, 3) [m], rotations (T) and openings (T,) in 0..1.

        Raises:
            ConfigError: no such vector, too short a one, or a rotation that is none.
        """
        highest = max(*self.position, *self.rotation, self.gripper or 0)
        vector = frames[0].get(self.vector)
        if vector is None or vector.ndim != 1 or vector.size <= highest:
            known = ", ".join(f"{name}[{entry.size}]" for name, entry in sorted(frames[0].items()) if entry.ndim == 1)
            raise ConfigError(
                f"poses.vector: got {self.vector} with index {highest} of {known or 'no vector'}, expected one that "
                "is long enough; see the dataset's meta/info.json."
            )
        rows = np.array([frame[self.vector] for frame in frames], np.float64)
        turned = _rotations(rows[:, self.rotation], self.convention) * Rotation.from_euler("xyz", self.tool_rpy_rad)
        if self.gripper is None:
            return rows[:, self.position], turned, np.ones(len(rows))
        openings = (rows[:, self.gripper] - self.gripper_closed) / (self.gripper_open - self.gripper_closed)
        return rows[:, self.position], turned, np.clip(openings, 0.0, 1.0)

    @staticmethod
    def between(times_s: np.ndarray, positions: np.ndarray, rotations: Rotation, at_s: np.ndarray) -> list[Pose]:
        """Return the poses at some times, linear between those of the frames."""
        turned = Slerp(times_s, rotations)(at_s).as_matrix()
        moved = np.stack([np.interp(at_s, times_s, axis) for axis in positions.T], axis=1)
        return [Pose(p, np.ascontiguousarray(R)) for p, R in zip(moved, turned, strict=True)]


def _rotations(values: np.ndarray, convention: Convention) -> Rotation:
    try:
        if convention == "quat_wxyz":
            return Rotation.from_quat(values[:, [1, 2, 3, 0]])
        if convention == "quat_xyzw":
            return Rotation.from_quat(values)
        return Rotation.from_rotvec(values) if convention == "rotvec" else Rotation.from_euler("xyz", values)
    except ValueError as error:
        first = values[0].tolist()
        raise ConfigError(
            f"poses.rotation: got {first} as {convention} ({error}), expected rotations; check the indices."
        ) from error
