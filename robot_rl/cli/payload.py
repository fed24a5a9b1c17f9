"""`robot-rl payload`: whether the arm carries what it is set to, from the wrench at rest in a few poses."""

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tyro.conf import Positional

from robot_rl.core.clock import NS_PER_S, SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.hardware.payload import identify_load
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.tasks.poses import read_poses

REST_S, SAMPLES, PERIOD_S = 1.5, 50, 0.02
TOLERANCE_KG = 0.15


@dataclass(frozen=True)
class Arguments:
    """Drive an arm on the graph to recorded poses by joint motions, rest in each, and find by least squares which mass
    and centre of mass beside the set payload explain the external wrench. Use three poses or more, free of contact,
    which tilt the tool about two axes. Joint friction limits what a sensorless arm can tell.

    example: robot-rl payload poses.toml --robot.kind ros
    """

    poses: Positional[Path]
    """Poses of `robot-rl guide`."""
    speed: float = 0.3
    """Fraction of the full joint speed."""
    robot: RobotConfig = field(default_factory=lambda: RobotConfig(kind="dds"))


def run(arguments: Arguments) -> int:
    """Measure, and print what is expected against what is measured; 1 where the payload is wrong."""
    from robot_rl.build_graph import make_wire
    from robot_rl.hardware.graph.arm_motions import ArmMotions

    poses, clock = read_poses(arguments.poses), SystemClock()
    if not arguments.robot.on_graph:
        raise ConfigError("robot.kind: got simulated, expected an arm on the graph; use dds or ros.")
    identify_load([pose.R for pose in poses.values()], [np.zeros(6)] * len(poses))  # refuses poses before any motion
    rotations, wrenches = [], []
    with closing(make_wire(arguments.robot, "payload")) as wire:
        arm = ArmMotions(wire, clock)
        for name, pose in poses.items():
            arm.move_joints(np.array(pose.joints_rad), arguments.speed)
            clock.sleep_until(clock.now_ns() + round(REST_S * NS_PER_S))
            samples = []
            for _ in range(SAMPLES):
                samples.append(arm.wrench())
                clock.sleep_until(clock.now_ns() + round(PERIOD_S * NS_PER_S))
            rotations.append(arm.pose().R)
            wrenches.append(np.mean(samples, axis=0))
            print(f"{name}: {wrenches[-1].round(2).tolist()} N, N m", flush=True)
    if not np.any(wrenches):
        raise ConfigError(
            "estimated_wrench: got zeros, expected an estimate; set contact_force_max in the gains. "
            "A simulated arm without contact feels none."
        )
    load = identify_load(rotations, wrenches)
    right = abs(load.mass_kg) <= TOLERANCE_KG
    print(
        f"beside the set payload: expected 0 kg, measured {load.mass_kg:.2f} kg at {load.com_m.round(3).tolist()} m in "
        f"the tool frame, {load.residual_n:.2f} N unexplained: "
        + ("the payload is right" if right else "add it to `payload` in the arm's file, or to the vendor's settings")
    )
    return 0 if right else 1
