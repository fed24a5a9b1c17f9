"""Workcell around the arm: table, light, side camera, and their random appearance.

Geometry is primitives only, without shadows or reflections: on a machine without GPU an image then costs 1-2 ms
instead of 50.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from controllers.arms.spec import BUILT_IN, ArmSpec
from robot_rl.sim.arm import add_arm, look_at
from robot_rl.sim.arm_file import add_arm_of_file

TIMESTEP_S = 0.002
CAMERAS = ("wrist", "side")
# From the side of the arm: its image plane contains the wrist camera's depth axis.
SIDE_EYE, SIDE_POINT = np.array([0.62, 0.62, 0.36]), np.array([0.5, 0.0, 0.07])
SIDE_FOVY_DEG = 30.0
TABLE_RGBA = (0.42, 0.45, 0.47, 1.0)
CONTACT = {
    "solref": (0.004, 1.0),
    "solimp": (0.95, 0.99, 0.001, 0.5, 2.0),
}  # stiff: 2 time steps; see each task's friction


@dataclass(frozen=True)
class AppearanceConfig:
    """Variation of the scene's appearance at each reset. All zero: a fixed appearance."""

    light: float = 0.0
    """Relative variation of the light's strength and the range [m/10] of its position."""
    colour: float = 0.0
    """Half-width of the uniform shift of every surface's RGB."""
    camera_m: float = 0.0
    """Half-width of the side camera's displacement per axis [m]; it stays directed at the workspace."""
    distractors: int = 0
    """Number of coloured bodies placed at random on the table, clear of the task."""


FIXED_APPEARANCE = AppearanceConfig()
VARIED_APPEARANCE = AppearanceConfig(light=0.4, colour=0.12, camera_m=0.03, distractors=3)
MAX_DISTRACTORS = 3


def new_workcell(
    side_fovy_deg: float = SIDE_FOVY_DEG, arm: ArmSpec | None = None, gripper: bool = True
) -> tuple[mujoco.MjSpec, mujoco.MjsBody]:
    """Return a spec with arm, table, light, side camera and hidden distractors, and the hand's body.

    Args:
        side_fovy_deg: vertical angle of the side camera's crop, as labs crop to the workspace.
        arm: one with a model; None: the built-in one.
        gripper: a parallel gripper is mounted, its TCP at the arm's. The built-in arm always has one.

    Raises:
        ConfigError: the arm's model cannot be simulated.
    """
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    _set_physics(spec.option)
    _set_looks(spec)
    hand = add_arm(spec) if arm is None or arm.model == BUILT_IN else add_arm_of_file(spec, arm, gripper)
    world = spec.worldbody
    world.add_geom(
        name="table", type=mujoco.mjtGeom.mjGEOM_BOX, size=(0.45, 0.6, 0.02), pos=(0.5, 0.0, -0.02), rgba=TABLE_RGBA,
        friction=(0.8, 0.01, 0.0005), **CONTACT,
    )  # fmt: skip
    world.add_light(
        name="key", pos=(0.3, 0.6, 1.6), dir=(0.1, -0.3, -0.9), diffuse=(0.55, 0.55, 0.55), castshadow=False
    )
    side = world.add_camera(name="side", pos=SIDE_EYE, fovy=side_fovy_deg)
    side.quat = look_at(SIDE_EYE, SIDE_POINT, up=np.array([0.0, 0.0, 1.0]))
    for number in range(MAX_DISTRACTORS):
        _add_distractor(spec, number)
    return spec, hand


def _set_physics(option: mujoco.MjOption) -> None:
    option.timestep = TIMESTEP_S
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10.0  # friction stiffer than normal force: a held part does not creep
    # Default number of solver iterations: with fewer, a stiff grasp does not converge and throws the part.


def _set_looks(spec: mujoco.MjSpec) -> None:
    spec.visual.headlight.ambient = (0.35, 0.35, 0.35)
    spec.visual.headlight.diffuse = (0.35, 0.35, 0.35)
    spec.visual.headlight.specular = (0.0, 0.0, 0.0)
    spec.visual.map.znear = 0.005
    spec.visual.quality.offsamples = 0
    spec.visual.quality.shadowsize = 0
    for size in ("numslices", "numstacks"):  # fewer triangles for capsules and cylinders
        setattr(spec.visual.quality, size, 12)


def _add_distractor(spec: mujoco.MjSpec, number: int) -> None:
    kinds = (mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_SPHERE)
    body = spec.worldbody.add_body(name=f"distractor{number}", mocap=True, pos=(0.5, 0.0, -1.0))
    body.add_geom(
        name=f"distractor{number}",
        type=kinds[number % 3],
        size=(0.02, 0.02, 0.02),
        contype=0,
        conaffinity=0,
        rgba=(1, 1, 1, 1),
    )


class Appearance:
    """Random appearance of a compiled model, drawn from `AppearanceConfig` around its original one."""

    def __init__(self, model: mujoco.MjModel, config: AppearanceConfig) -> None:
        self.model, self.config = model, config
        # Surfaces of one colour are one part and keep one colour.
        self._colours, self._colour_of_geom = np.unique(model.geom_rgba, axis=0, return_inverse=True)
        self._light = (model.light_pos.copy(), model.light_diffuse.copy(), np.array(model.vis.headlight.diffuse))
        self._side = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, "side")

    def randomise(self, data: mujoco.MjData, rng: np.random.Generator, keep_out: np.ndarray) -> None:
        """Draw an appearance and place the distractors at least 9 cm from the points `keep_out` (K, 2) [m]."""
        config, model = self.config, self.model
        if config == FIXED_APPEARANCE:
            return
        strength = 1.0 + config.light * rng.uniform(-1.0, 1.0)
        model.light_diffuse[:] = self._light[1] * strength
        model.light_pos[:] = self._light[0] + config.light * rng.uniform(-1.0, 1.0, self._light[0].shape)
        model.vis.headlight.diffuse = self._light[2] * (1.0 + config.light * rng.uniform(-1.0, 1.0))
        shift = rng.uniform(-config.colour, config.colour, (len(self._colours), 3))
        model.geom_rgba[:, :3] = np.clip(self._colours[:, :3] + shift, 0.0, 1.0)[self._colour_of_geom]
        eye = SIDE_EYE + rng.uniform(-config.camera_m, config.camera_m, 3)
        model.cam_pos[self._side] = eye
        model.cam_quat[self._side] = look_at(eye, SIDE_POINT, up=np.array([0.0, 0.0, 1.0]))
        self.place_distractors(data, rng, keep_out)

    def place_distractors(self, data: mujoco.MjData, rng: np.random.Generator, keep_out: np.ndarray) -> None:
        for number in range(MAX_DISTRACTORS):
            data.mocap_pos[number] = (0.5, 0.0, -1.0)
            if number >= self.config.distractors:
                continue
            geom = self.model.geom(f"distractor{number}")
            geom.rgba[:3] = rng.uniform(0.0, 1.0, 3)
            place = _free_place(rng, keep_out)
            data.mocap_pos[number] = (*place, 0.02)


def _free_place(rng: np.random.Generator, keep_out: np.ndarray) -> np.ndarray:
    while True:
        place = np.array([0.5, 0.0]) + rng.uniform(-0.22, 0.22, 2)
        if np.min(np.linalg.norm(keep_out - place, axis=1)) > 0.09:
            return place
