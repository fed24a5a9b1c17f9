"""PickLift: grasp a cube that lies anywhere within +-10 cm at any yaw, and lift it (after SERL's simulated cube)."""

from __future__ import annotations

import mujoco
import numpy as np

from robot_rl.core.pose import yaw_of
from robot_rl.core.tasks import PICK_LIFT, Outcome
from robot_rl.sim.scene import CONTACT, new_workcell
from robot_rl.sim.task import Start

CUBE_HALF_M = 0.031  # the hand opens 80 mm: 9 mm a side, less than cloning forgives
LIFT_M = 0.10
HELD_M = 0.045  # from the tool to the centre: a cube held by its edge is held
RANGE_M = 0.10
CENTRE = np.array([0.5, 0.0])


class PickLift:
    """The scene and ground truth of PickLift; a `TaskScene`.

    Success: the cube's centre is `LIFT_M` above where it rested, and between the fingers. Failure: it left the
    reachable table.
    """

    name, time_limit_s, workspace = PICK_LIFT.name, PICK_LIFT.time_limit_s, PICK_LIFT.workspace

    def build(self) -> mujoco.MjSpec:
        """The workcell with a cube of 62 mm, 80 g, friction 1.0."""
        spec, _ = new_workcell()
        cube = spec.worldbody.add_body(name="cube", pos=(0.5, 0.0, CUBE_HALF_M))
        cube.add_freejoint(name="cube")
        cube.add_geom(
            name="cube",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=(CUBE_HALF_M,) * 3,
            mass=0.08,
            rgba=(0.85, 0.2, 0.15, 1.0),
            friction=(1.0, 0.02, 0.0005),
            condim=4,
            **CONTACT,
        )
        return spec

    def randomise(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Start:
        """Cube anywhere in the square at any yaw; the tool anywhere above its middle."""
        joint = data.joint("cube")
        yaw = rng.uniform(-np.pi, np.pi)
        joint.qpos[:2] = CENTRE + rng.uniform(-RANGE_M, RANGE_M, 2)
        joint.qpos[2:] = (CUBE_HALF_M, np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))
        return Start(PICK_LIFT.draw_start(rng), PICK_LIFT.start_finger_m)

    def outcome(self, model: mujoco.MjModel, data: mujoco.MjData) -> Outcome:
        """Lifted and held, or out of reach."""
        cube, tcp = data.body("cube").xpos, data.site("tcp").xpos
        lifted = cube[2] > CUBE_HALF_M + LIFT_M and np.linalg.norm(cube - tcp) < HELD_M
        lost = np.abs(cube[:2] - CENTRE).max() > RANGE_M + 0.06
        return Outcome(bool(lifted), bool(lost and not lifted))

    def keep_out(self, data: mujoco.MjData) -> np.ndarray:
        """The cube's place."""
        return data.joint("cube").qpos[None, :2].copy()

    def object_state(self, model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
        """Cube minus tool in the tool's frame / 0.1 m, and four-fold relative yaw, (5,)."""
        tcp, R = data.site("tcp").xpos, data.site("tcp").xmat.reshape(3, 3)
        turn = 4.0 * (cube_yaw(data) - yaw_of(R))
        return np.array([*(R.T @ (data.body("cube").xpos - tcp) / 0.1), np.cos(turn), np.sin(turn)])


def cube_yaw(data: mujoco.MjData) -> float:
    """The cube's yaw [rad] in (-pi/4, pi/4]: it looks the same each quarter turn."""
    w, _, _, z = data.joint("cube").qpos[3:]
    return float((2.0 * np.arctan2(z, w) + np.pi / 4) % (np.pi / 2) - np.pi / 4)
