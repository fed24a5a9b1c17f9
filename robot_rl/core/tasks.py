"""A task as data: arms with their bounds and gains, cameras, time limit, rewards and training settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from robot_rl.core import checks, extensions
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose, gripper_down

PERIOD_S = 0.1
"""Time that one step of any task takes [s]. Source: HIL-SERL, 10 Hz."""
CLIP_MARGIN = 1.2  # the law's clip on the error, as a multiple of the leash on the target
BOX_MARGIN_M = 0.05  # the law's box is so much larger than the task's, on each side
TRIPLE = tuple[float, float, float]


class Outcome(NamedTuple):
    """Whether an episode is won or lost at one instant: at most one of the two is true."""

    success: bool
    failure: bool


@dataclass(frozen=True)
class Workspace:
    """Bounds of the target pose: a box in the base frame, a cone about gripper-down and a range of yaw about zero.

    Raises:
        ConfigError: an empty box, or a negative angle.
    """

    lower_m: TRIPLE
    """Lowest x, y, z of the target [m]."""
    upper_m: TRIPLE
    """Highest x, y, z of the target [m]."""
    tilt_rad: float = 0.2
    """Largest tilt of the tool from gripper-down [rad]."""
    yaw_rad: float = 1.0
    """Largest turn about the vertical, to either side [rad]."""

    def __post_init__(self) -> None:
        if not np.all(np.less(self.lower_m, self.upper_m)):
            raise ConfigError(
                f"workspace: got lower_m {self.lower_m} and upper_m {self.upper_m}, expected lower below upper in each "
                "axis; exchange the entries."
            )
        checks.at_least(self, 0, "tilt_rad", "yaw_rad")

    @property
    def centre_m(self) -> np.ndarray:
        """Middle of the box (3,) [m]: the origin of the positions that the policy sees."""
        return (np.asarray(self.lower_m) + np.asarray(self.upper_m)) / 2


@dataclass(frozen=True)
class StartRegion:
    """Start poses of the tool, gripper down: drawn uniformly around a position and about zero yaw."""

    position_m: TRIPLE
    """Middle of the start positions in the base frame [m]."""
    range_m: TRIPLE = (0.0, 0.0, 0.0)
    """Half-widths about the middle [m]."""
    yaw_rad: float = 0.0
    """Half-width of the yaw [rad]."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "range_m", "yaw_rad")

    def draw(self, rng: np.random.Generator) -> Pose:
        """Return a start pose `T_base_tcp`."""
        p = np.array(self.position_m) + rng.uniform(-1.0, 1.0, 3) * self.range_m
        return gripper_down(p, rng.uniform(-self.yaw_rad, self.yaw_rad))


@dataclass(frozen=True)
class ActionScale:
    """Displacement of the target by an action of 1, and largest lead of the target over the arm."""

    step_m: float = 0.025
    """Displacement of the target along an axis of the tool at action 1 [m]."""
    step_rad: float = 0.15
    """Turn of the target about an axis of the tool at action 1 [rad]."""
    leash_m: float = 0.02
    """Largest distance between target and arm, per axis [m]; times the stiffness it is the static force limit."""
    leash_rad: float = 0.2
    """Largest turn between target and arm, per axis [rad]."""

    def __post_init__(self) -> None:
        checks.positive(self, "step_m", "step_rad", "leash_m", "leash_rad")

    @cached_property
    def leash(self) -> np.ndarray:
        """Largest displacement (6,) between target and arm [m], [rad]."""
        return np.repeat([self.leash_m, self.leash_rad], 3)


@dataclass(frozen=True)
class GripperRange:
    """Travel of one finger of a parallel gripper; the opening is twice that."""

    closed_m: float = 0.0
    """When closed: half the width of a part that is held from the start [m]."""
    open_m: float = 0.04
    """When open [m]."""
    start_m: float = 0.04
    """At the start of an episode [m]."""
    reset: Literal["rise_first", "open_first"] = "rise_first"
    """When a real arm's fingers go to `start_m`: after it has risen to the height of the start with what it holds, or
    before it moves, as where it must let go of a part that is stuck or stays."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "closed_m", "start_m")
        checks.within(self, self.closed_m + 1e-6, np.inf, "open_m")
        checks.one_of(self, ("rise_first", "open_first"), "reset")


@dataclass(frozen=True)
class ArmGains:
    """Stiffness of the Cartesian impedance controller during the task; the damping is critical."""

    stiffness_n_per_m: float = 1500.0
    """Of the translation [N/m]."""
    stiffness_nm_per_rad: float = 60.0
    """Of the rotation [N m/rad]."""

    def __post_init__(self) -> None:
        checks.positive(self, "stiffness_n_per_m", "stiffness_nm_per_rad")


@dataclass(frozen=True)
class ArmTask:
    """One arm's part of a task."""

    workspace: Workspace
    start: StartRegion
    action: ActionScale = field(default_factory=ActionScale)
    gripper: GripperRange | None = None
    """Range of the gripper; None: the action has no gripper, and the observation no opening."""
    gains: ArmGains = field(default_factory=ArmGains)
    posture: tuple[float, ...] = ()
    """Joint positions to which a real arm returns before each episode, once it has risen, so that an elbow that
    wandered is brought back [rad]; empty: only the tool is moved."""

    def __post_init__(self) -> None:
        low, high, start = self.workspace.lower_m, self.workspace.upper_m, self.start.position_m
        if not (np.less_equal(low, start).all() and np.less_equal(start, high).all()):
            raise ConfigError(
                f"start: got position_m {start}, expected a place in the workspace {low} to {high}; move one of them."
            )

    @property
    def controller_gains(self) -> dict[str, list[float]]:
        """The controller's gains, by the names of its parameters: stiff enough to be exact in the air, clipped so that
        contact stays gentle. Simulated and real arms follow the same ones.
        """
        clip = [CLIP_MARGIN * leash for leash in (self.action.leash_m, self.action.leash_rad) for _ in range(3)]
        return {
            "stiffness": [self.gains.stiffness_n_per_m] * 3 + [self.gains.stiffness_nm_per_rad] * 3,
            "clip_lower": [-entry for entry in clip],
            "clip_upper": clip,
            "workspace_lower": [entry - BOX_MARGIN_M for entry in self.workspace.lower_m],
            "workspace_upper": [entry + BOX_MARGIN_M for entry in self.workspace.upper_m],
        }


@dataclass(frozen=True)
class Crop:
    """A rectangle of an image [pixels]; left and top count from the image's upper left corner.

    Raises:
        ConfigError: no rectangle.
    """

    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "left", "top")
        checks.at_least(self, 1, "width", "height")


@dataclass(frozen=True)
class TaskCamera:
    """The policy's view of one camera."""

    height: int = 128
    """Height of the image that the policy sees [pixels]."""
    width: int = 128
    """Width of the image that the policy sees [pixels]."""
    crop: Crop | None = None
    """Part of the camera's image that is used, in the simulator of one of 640 x 480; None: as the file of the robot's
    cameras says."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "height", "width")


@dataclass(frozen=True)
class TaskSpec:
    """Everything that the software needs to know of a task, simulated or real.

    Raises:
        ConfigError: no arm, or a time limit that is not positive.
    """

    name: str
    """Lower case with hyphens, as in `peg-insert`."""
    arms: Mapping[str, ArmTask]
    """By name of the arm; the empty name for a single one."""
    text: str = ""
    """One line for lists."""
    time_limit_s: float = 10.0
    """Time after which an episode is truncated [s]."""
    cameras: Mapping[str, TaskCamera] = field(default_factory=lambda: {"wrist": TaskCamera(), "side": TaskCamera()})
    """By name; any number."""
    rewards: tuple[str, ...] = ("human-label",)
    """Sources of reward."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Settings of a training that differ from the defaults, by the names that `robot-rl train --print-config` shows;
    `preset` names a common set to start from."""
    scene: Any = None
    """Class of the simulated scene (`robot_rl.sim.task.TaskScene`), or `module:Class`; None: the task has none."""
    expert: Any = None
    """Class of the scripted expert (`robot_rl.sim.task.Expert`) of the scene, or `module:Class`."""
    object_size: int = 0
    """Numbers that the scene tells of its object, for the ablation without cameras."""

    def __post_init__(self) -> None:
        checks.positive(self, "time_limit_s")
        checks.at_least(self, 0, "object_size")
        if not self.arms:
            raise ConfigError(f"task {self.name!r}: got no arm, expected one or more; add [arm.workspace].")

    @property
    def arm(self) -> ArmTask:
        """The only arm.

        Raises:
            ConfigError: there are several.
        """
        if len(self.arms) > 1:
            raise ConfigError(f"task {self.name!r}: got arms {', '.join(self.arms)}, expected one; choose by name.")
        return next(iter(self.arms.values()))

    def make_scene(self) -> Any:
        """Return a new simulated scene (`robot_rl.sim.task.TaskScene`).

        Raises:
            ConfigError: the task has none, or it cannot be imported.
        """
        return self._make("scene")

    def make_expert(self) -> Any:
        """Return a new scripted expert (`robot_rl.sim.task.Expert`).

        Raises:
            ConfigError: the task has none, or it cannot be imported.
        """
        return self._make("expert")

    def _make(self, part: str) -> Any:
        kind = getattr(self, part)
        if kind is None:
            raise ConfigError(
                f"{part}: got none for the task {self.name!r}, expected one for the simulator; add {part} to the task, "
                "or use an arm on the graph (--robot.kind ros)."
            )
        return extensions.resolve(part, kind, {})() if isinstance(kind, str) else kind()

    @property
    def steps_max(self) -> int:
        """Steps until the time limit."""
        return round(self.time_limit_s / PERIOD_S)
