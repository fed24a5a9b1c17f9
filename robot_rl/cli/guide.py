"""`robot-rl guide`: guide the arm by hand, record named poses, and make them a task's workspace."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from tyro.conf import Positional

from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.tasks import find_task
from robot_rl.tasks.edit import edit_task
from robot_rl.tasks.poses import (
    MARGIN_M,
    RecordedPose,
    plot_workspace,
    read_poses,
    start_of,
    workspace_changes,
    workspace_of,
    write_poses,
)


@dataclass(frozen=True)
class Arguments:
    """Guide an arm on the graph by hand and record poses: the arm carries only itself, walls and limits stay, and it
    holds when it is moved too fast or when this command ends. Keep a hand at the emergency stop.

    Type a name and Enter to record a pose, Enter alone to end. With --task the poses become the task's workspace (their
    box with a margin) and the pose named `start` its start; the box is drawn beside the task's file.

    examples:
      robot-rl guide poses.toml --robot.kind ros               record into poses.toml
      robot-rl guide poses.toml --task usb.toml                and write workspace and start into usb.toml
      robot-rl guide poses.toml --task usb.toml --no-record    the same from poses that are there already
    """

    poses: Positional[Path]
    """File of the poses, TOML; poses that it holds already stay unless they are recorded again."""
    task: Path | None = None
    """Task file whose workspace and start are replaced; its comments stay."""
    margin_m: float = MARGIN_M
    """Distance of the box's faces from the outermost poses [m]."""
    record: bool = True
    """Record poses; `--no-record`: use those that the file holds."""
    robot: RobotConfig = field(default_factory=lambda: RobotConfig(kind="dds"))


class Guided(Protocol):
    """An arm that can be guided by hand."""

    def guide(self, wanted: bool) -> None:
        """Let a person guide it, or hold it."""

    def sample(self) -> tuple[np.ndarray, Pose]:
        """Return joint positions (N,) [rad] and the tool's pose."""


def run(arguments: Arguments) -> int:
    """Record, then write the task."""
    if arguments.record:
        record(arguments)
    if arguments.task is not None:
        for line in write_workspace(arguments.task, read_poses(arguments.poses), arguments.margin_m):
            print(line)
    return 0


def record(arguments: Arguments) -> None:
    """Record poses of the arm on the graph.

    Raises:
        ConfigError: the in-process simulator, which no hand can guide.
        DeviceLostError: the arm refuses or does not answer.
    """
    from robot_rl.build_graph import make_wire
    from robot_rl.hardware.graph.arm_motions import ArmMotions

    if not arguments.robot.on_graph:
        raise ConfigError("robot.kind: got simulated, expected an arm on the graph; use dds or ros (`robot-rl serve`).")
    with closing(make_wire(arguments.robot, "guide")) as wire:
        arm = ArmMotions(wire, SystemClock())
        for line in record_poses(arm, sys.stdin, arguments.poses):
            print(line, flush=True)


def record_poses(arm: Guided, names: Iterable[str], path: Path) -> Iterator[str]:
    """Record a pose for each name until an empty one, once the arm can be guided; yield a line each.

    The arm holds at the end, whatever ends it.
    """
    poses = read_poses(path) if path.exists() else {}
    arm.guide(True)
    try:
        yield "guide the arm; NAME and Enter records a pose, Enter alone ends"
        for name in map(str.strip, names):
            if not name:
                break
            q, T_base_tcp = arm.sample()
            poses[name] = RecordedPose.of(q, T_base_tcp)
            write_poses(path, poses)
            yield f"{name}: {np.round(T_base_tcp.p, 3).tolist()} m, {np.round(q, 3).tolist()} rad"
    finally:
        arm.guide(False)
    yield f"{path}: {len(poses)} poses; the arm holds"


def write_workspace(path: Path, poses: dict[str, RecordedPose], margin_m: float) -> Iterator[str]:
    """Write workspace and start of the poses into a task's file, and draw them; yields a line each."""
    task, box = find_task(str(path)), workspace_of(poses, margin_m)
    edit_task(path, workspace_changes(task, poses, margin_m))
    plot_workspace(path.with_suffix(".png"), poses, box)
    yield f"workspace: {list(box.lower_m)} to {list(box.upper_m)} m, tilt {box.tilt_rad}, yaw {box.yaw_rad} rad"
    yield f"start: {np.round(start_of(poses, box).position_m, 4).tolist()} m"
    yield f"{path} and {path.with_suffix('.png')}; check with `robot-rl task check {path}`"
