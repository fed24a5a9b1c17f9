"""The scene for videos: the same bodies, drawn for people, in a model of its own.

Poses come from the simulation; geometry, light, shadows and camera are of this model alone, so that no pixel of the
policy's images depends on them.
"""

import atexit

import mujoco
import numpy as np

from controllers.arms.spec import BUILT_IN
from robot_rl.sim.arm import look_at
from robot_rl.sim.meshes import Surface, round_box, tube
from robot_rl.sim.simulation import Simulation

EYE, POINT, FOVY_DEG = np.array([1.28, 0.90, 0.62]), np.array([0.29, 0.0, 0.30]), 34.0
CAMERA = "stage"
HIDDEN = 4
"""Group of geometry that is not drawn."""
FLOOR_M = -0.72
WHITE, DARK, STEEL = (0.93, 0.94, 0.95, 1.0), (0.13, 0.14, 0.16, 1.0), (0.62, 0.65, 0.69, 1.0)
Point = tuple[float, float, float]
TUBES: dict[str, tuple[tuple[Point, ...], tuple[float, ...]]] = {
    "link0": (((-0.09, 0, 0.035), (-0.02, 0, 0.045), (0, 0, 0.09), (0, 0, 0.14)), (0.06, 0.085, 0.078, 0.07)),
    "link1": (((0, 0, -0.185), (0, 0, -0.12), (0, 0, -0.06), (0, -0.03, 0)), (0.066, 0.066, 0.062, 0.06)),
    "link2": (((0, 0.03, 0), (0, -0.06, 0), (0, -0.13, 0), (0, -0.185, 0)), (0.06, 0.062, 0.062, 0.06)),
    "link3": (((0, 0, -0.125), (0, 0, -0.07), (0.03, 0, -0.02), (0.075, 0, 0)), (0.06, 0.059, 0.056, 0.052)),
    "link4": (((0, 0, 0), (-0.035, 0.03, 0), (-0.075, 0.075, 0), (-0.0825, 0.125, 0)), (0.05, 0.053, 0.057, 0.058)),
    "link5": (
        ((0, 0, -0.25), (0, 0, -0.19), (0, 0.035, -0.12), (0, 0.06, -0.05), (0, 0.055, 0)),
        (0.058, 0.056, 0.047, 0.042, 0.042),
    ),
    "link6": (((0, 0, 0), (0.045, 0, 0), (0.088, 0, 0)), (0.05, 0.048, 0.046)),
    "link7": (((0, 0, 0.03), (0, 0, 0.06), (0, 0, 0.085)), (0.044, 0.044, 0.044)),
}
"""Link of the built-in arm -> points of a tube in its frame and the radius at each [m]."""
HOUSINGS: dict[str, tuple[Point, Point, float]] = {
    "link1": ((0, -0.072, 0), (0, 0.072, 0), 0.061),
    "link3": ((0.0825, -0.066, 0), (0.0825, 0.066, 0), 0.053),
    "link6": ((0, 0, -0.065), (0, 0, 0.065), 0.047),
}
"""Link -> ends and radius of the cylinder around the next joint [m]."""


class StageRenderer:
    """Renderer of a simulation's state for videos, with the interface of a `SceneRenderer`.

    Shapes: images (H, W, 3) uint8.
    """

    def __init__(self, simulation: Simulation, height: int, width: int) -> None:
        self.height, self.width, self.cameras = height, width, (CAMERA,)
        self._source = simulation
        spec = simulation.scene.build(simulation.arm)
        spec.compile()  # numbers the geometry as the simulation's model does
        for geom in spec.geoms:
            geom.name = geom.name or f"geom{geom.id}"
        self._names = [geom.name for geom in sorted(spec.geoms, key=lambda geom: geom.id)]
        _dress(spec, simulation.arm.model == BUILT_IN)
        self._model = spec.compile()
        self.data = mujoco.MjData(self._model)
        """State that is drawn."""
        self._geoms = [self._model.geom(name).id for name in self._names]
        self._renderer: mujoco.Renderer | None = None
        self._option = mujoco.MjvOption()
        self._option.sitegroup[:] = 0
        self._option.geomgroup[HIDDEN] = 0

    @property
    def model(self) -> mujoco.MjModel:
        """The bodies as people see them; geometry of the group `HIDDEN` is not drawn."""
        return self._model

    def pose(self, data: mujoco.MjData) -> None:
        """Take over the simulation's state and looks into `model` and `data`."""
        source, model, mine = self._source.model, self._model, self.data
        model.body_pos[: source.nbody], model.body_quat[: source.nbody] = source.body_pos, source.body_quat
        model.geom_rgba[self._geoms] = source.geom_rgba
        mine.qpos[:], mine.mocap_pos[:], mine.mocap_quat[:] = data.qpos, data.mocap_pos, data.mocap_quat
        mujoco.mj_kinematics(model, mine)
        mujoco.mj_camlight(model, mine)

    def render(self, data: mujoco.MjData, camera: str = CAMERA) -> np.ndarray:
        """Return an image (H, W, 3) uint8 of the simulation's state."""
        self.pose(data)
        if self._renderer is None:
            self._renderer = mujoco.Renderer(self._model, self.height, self.width, max_geom=600)
            atexit.register(self.close)  # before the graphics library's own clean-up
        self._renderer.update_scene(self.data, camera=CAMERA, scene_option=self._option)
        return self._renderer.render()

    def close(self) -> None:
        """Free the graphics context; closing twice changes nothing."""
        atexit.unregister(self.close)
        if self._renderer is not None:
            self._renderer.close()
        self._renderer = None


def _dress(spec: mujoco.MjSpec, built_in: bool) -> None:
    """Add what only videos show."""
    _light(spec)
    _room(spec)
    _paint(spec)
    if built_in:
        for body in spec.bodies:
            if body.name in TUBES or body.name == "hand":
                _redraw(spec, body)
    camera = spec.worldbody.add_camera(name=CAMERA, pos=EYE, fovy=FOVY_DEG)
    camera.quat = look_at(EYE, POINT, up=np.array([0.0, 0.0, 1.0]))


def _light(spec: mujoco.MjSpec) -> None:
    visual = spec.visual
    visual.headlight.ambient, visual.headlight.diffuse = (0.34,) * 3, (0.16,) * 3
    visual.quality.offsamples, visual.quality.shadowsize = 4, 4096
    visual.quality.numslices = visual.quality.numstacks = 40
    visual.map.znear, visual.map.shadowclip = 0.02, 1.0
    visual.global_.offwidth, visual.global_.offheight = 1920, 1080
    for light in spec.lights:
        light.type = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
        light.castshadow, light.diffuse = True, (0.62, 0.61, 0.58)
        light.pos, light.dir = (1.1, 0.9, 2.4), (-0.30, -0.45, -1.0)
    spec.worldbody.add_light(
        name="fill",
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=(-0.6, -1.4, 1.6),
        dir=(0.4, 0.6, -0.5),
        diffuse=(0.16, 0.18, 0.22),
        castshadow=False,
    )


def _room(spec: mujoco.MjSpec) -> None:
    """Add a sky, a floor and the table's legs."""
    sky = spec.add_texture(name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=256, height=256)
    sky.builtin, sky.rgb1, sky.rgb2 = mujoco.mjtBuiltin.mjBUILTIN_GRADIENT, (0.80, 0.84, 0.89), (0.55, 0.60, 0.67)
    world, box = spec.worldbody, mujoco.mjtGeom.mjGEOM_BOX
    plane = mujoco.mjtGeom.mjGEOM_PLANE
    _draw(world, type=plane, size=(6, 6, 0.1), pos=(0, 0, FLOOR_M), rgba=(0.66, 0.69, 0.73, 1))
    for x in (0.1, 0.9):
        for y in (-0.54, 0.54):
            half = (-0.04 - FLOOR_M) / 2
            _draw(world, type=box, size=(0.025, 0.025, half), pos=(x, y, -0.04 - half), rgba=STEEL)
    _draw(world, type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=(0.13, 0.008, 0), pos=(-0.02, 0, 0.004), rgba=STEEL)
    _draw(world, type=box, size=(0.12, 0.16, 0.02), pos=(-0.06, 0, -0.02), rgba=STEEL)


def _paint(spec: mujoco.MjSpec) -> None:
    shiny = spec.add_material(name="painted", specular=0.35, shininess=0.5, reflectance=0.0)
    for geom in spec.geoms:
        if geom.name == "palm" or geom.group != HIDDEN:
            geom.material = shiny.name


def _redraw(spec: mujoco.MjSpec, body: mujoco.MjsBody) -> None:
    """Draw a link by tubes instead of capsules, the hand by round boxes."""
    for geom in body.geoms:
        if geom.type == mujoco.mjtGeom.mjGEOM_CAPSULE or geom.name == "palm":
            geom.group = HIDDEN
    if body.name in TUBES:
        _mesh(spec, body, f"{body.name}-tube", tube(*TUBES[body.name]), WHITE)
    if body.name in HOUSINGS:
        start, end, radius = HOUSINGS[body.name]
        _housing(body, np.array(start), np.array(end), radius)
    if body.name == "hand":
        _redraw_hand(spec, body)


def _redraw_hand(spec: mujoco.MjSpec, hand: mujoco.MjsBody) -> None:
    box, cylinder = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER
    _mesh(spec, hand, "palm-round", round_box((0.026, 0.102, 0.03), 0.35), WHITE, (0, 0, 0.034))
    _draw(hand, type=cylinder, size=(0.045, 0.006, 0), pos=(0, 0, 0.002), rgba=DARK)
    _draw(hand, type=box, size=(0.012, 0.085, 0.004), pos=(0, 0, 0.062), rgba=DARK)
    for name, side in (("finger1", 1.0), ("finger2", -1.0)):
        _draw(spec.body(name), type=box, size=(0.0105, 0.011, 0.012), pos=(0, side * 0.0105, 0.012), rgba=STEEL)


def _housing(body: mujoco.MjsBody, start: np.ndarray, end: np.ndarray, radius: float) -> None:
    cylinder, along = mujoco.mjtGeom.mjGEOM_CYLINDER, (end - start) / np.linalg.norm(end - start)
    _draw(body, type=cylinder, fromto=(*start, *end), size=(radius, 0, 0), rgba=WHITE)
    for tip, way in ((start, -along), (end, along)):
        _draw(body, type=cylinder, fromto=(*tip, *(tip + 0.006 * way)), size=(0.86 * radius, 0, 0), rgba=DARK)


def _mesh(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, name: str, surface: Surface, rgba: tuple, pos: tuple = (0, 0, 0)
) -> None:
    mesh = spec.add_mesh(name=name, uservert=surface.vertices.ravel(), userface=surface.faces.ravel())
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    _draw(body, type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, rgba=rgba, pos=pos)


def _draw(body: mujoco.MjsBody, **fields: object) -> None:
    body.add_geom(contype=0, conaffinity=0, mass=0, group=1, **fields)
