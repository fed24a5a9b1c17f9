"""pick-lift: grasp a cube that lies anywhere within +-10 cm at any yaw, and lift it (after SERL's simulated cube)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from robot_rl.core.action_layout import CLOSE, OPEN
from robot_rl.core.pose import gripper_down, nearest_quarter, yaw_of
from robot_rl.core.tasks import ActionScale, ArmTask, GripperRange, Outcome, StartRegion, TaskSpec, Workspace
from robot_rl.sim.task import Goal, Start

if TYPE_CHECKING:
    import mujoco

    from controllers.arms.spec import ArmSpec

CUBE_HALF_M = 0.031  # the hand opens 80 mm: 9 mm a side, a tight tolerance for cloning
LIFT_M = 0.10
HELD_M = 0.045  # from the tool to the centre: a cube held by its edge counts as held
RANGE_M = 0.10
CENTRE = np.array([0.5, 0.0])


WORKSPACE = Workspace(lower_m=(0.36, -0.14, 0.018), upper_m=(0.64, 0.14, 0.26), yaw_rad=1.0, tilt_rad=0.08)
# Twenty demonstrations do not cover every approach to the cube, hence the wide start.
START = StartRegion(position_m=(0.5, 0.0, 0.20), range_m=(0.06, 0.06, 0.04), yaw_rad=0.4)
GRIPPER = GripperRange()


class PickLift:
    """The scene and ground truth; a `TaskScene`.

    Success: the cube's centre is `LIFT_M` above where it rested, and between the fingers. Failure: it left the
    reachable table.
    """

    def build(self, arm: ArmSpec) -> mujoco.MjSpec:
        """Return the workcell with a cube of 62 mm, 80 g, friction 1.0."""
        import mujoco

        from robot_rl.sim.scene import CONTACT, new_workcell

        spec, _ = new_workcell(arm=arm)
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
        """Draw the cube anywhere in the square at any yaw; the tool anywhere above its middle."""
        joint = data.joint("cube")
        yaw = rng.uniform(-np.pi, np.pi)
        joint.qpos[:2] = CENTRE + rng.uniform(-RANGE_M, RANGE_M, 2)
        joint.qpos[2:] = (CUBE_HALF_M, np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))
        return Start(START.draw(rng), GRIPPER.start_m)

    def outcome(self, model: mujoco.MjModel, data: mujoco.MjData) -> Outcome:
        """Return whether the cube is lifted and held, or out of reach."""
        cube, tcp = data.body("cube").xpos, data.site("tcp").xpos
        lifted = cube[2] > CUBE_HALF_M + LIFT_M and np.linalg.norm(cube - tcp) < HELD_M
        lost = np.abs(cube[:2] - CENTRE).max() > RANGE_M + 0.06
        return Outcome(bool(lifted), bool(lost and not lifted))

    def keep_out(self, data: mujoco.MjData) -> np.ndarray:
        """Return the cube's place."""
        return data.joint("cube").qpos[None, :2].copy()

    def object_state(self, model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
        """Return cube minus tool in the tool's frame / 0.1 m, and four-fold relative yaw, (5,)."""
        tcp, R = data.site("tcp").xpos, data.site("tcp").xmat.reshape(3, 3)
        turn = 4.0 * (cube_yaw(data) - yaw_of(R))
        return np.array([*(R.T @ (data.body("cube").xpos - tcp) / 0.1), np.cos(turn), np.sin(turn)])


def cube_yaw(data: mujoco.MjData) -> float:
    """Return the cube's yaw [rad] in (-pi/4, pi/4], by its four-fold symmetry."""
    w, _, _, z = data.joint("cube").qpos[3:]
    return float((2.0 * np.arctan2(z, w) + np.pi / 4) % (np.pi / 2) - np.pi / 4)


class PickLiftExpert:
    """Expert: hover over the cube aligned with its nearest faces, descend, close, lift; rise first when low and off."""

    hover_m = 0.075
    aligned_m, aligned_rad = 0.006, 0.1

    def goal(self, model: mujoco.MjModel, data: mujoco.MjData) -> Goal:
        """Return the next way-point."""
        tcp, R = data.site("tcp").xpos.copy(), data.site("tcp").xmat.reshape(3, 3)
        cube = data.body("cube").xpos.copy()
        yaw = nearest_quarter(cube_yaw(data), yaw_of(R), WORKSPACE.yaw_rad)
        off_m, off_rad = np.linalg.norm(cube[:2] - tcp[:2]), abs(yaw - yaw_of(R))
        if self._holds(data, cube, tcp):
            return Goal(gripper_down(np.array([*tcp[:2], tcp[2] + 0.05]), yaw_of(R)), CLOSE)
        slack = 2.0 if tcp[2] < cube[2] + 0.03 else 1.0  # hysteresis: once down, finish the grasp
        if off_m < slack * self.aligned_m and off_rad < slack * self.aligned_rad:
            down = tcp[2] < cube[2] + 0.012
            return Goal(gripper_down(cube, yaw), CLOSE if down else OPEN)
        hover = cube + np.array([0.0, 0.0, self.hover_m])
        if tcp[2] < cube[2] + 0.05 and off_m > 0.01:  # beside or on the cube: rise before moving over it
            hover[:2] = tcp[:2]
        return Goal(gripper_down(hover, yaw), OPEN)

    @staticmethod
    def _holds(data: mujoco.MjData, cube: np.ndarray, tcp: np.ndarray) -> bool:
        finger = data.joint("finger_joint1")
        closed_on = finger.qpos[0] < CUBE_HALF_M * 1.2 and abs(finger.qvel[0]) < 0.02
        return bool(closed_on and np.linalg.norm(cube - tcp) < 0.022)


TASK = TaskSpec(
    "pick-lift",
    text="grasp a cube anywhere on a 20 cm square and lift it; 16,000 steps, at most 7.5 minutes",
    time_limit_s=6.0,
    arms={"": ArmTask(WORKSPACE, START, ActionScale(step_m=0.03, step_rad=0.2, leash_m=0.03), gripper=GRIPPER)},
    rewards=("ground-truth", "human-label"),
    # Many steps with few updates each: late failures are states that were visited too rarely, not too few updates.
    training={
        "preset": "small",
        "speed": 8.0,
        "updates_per_step": 1.5,
        "budget": {"minutes": 7.5, "env_steps": 16_000},
    },
    scene=PickLift,
    expert=PickLiftExpert,
    object_size=5,
)
