"""Random table scenes with known geometry, for training the simulator's image encoder.

They contain boxes, blocks with a square hole, a rod in the hand and clutter, of random size, colour and place, under an
arm in a random pose. No task's scene, success or object is used; the encoder learns places in images, not tasks.
"""

from typing import NamedTuple

import mujoco
import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose, gripper_down, rot_y, rot_z, yaw_of
from robot_rl.sim import inverse_kinematics
from robot_rl.sim.arm import FINGER_MAX_M, TCP_FROM_HAND_M
from robot_rl.sim.render import SceneRenderer
from robot_rl.sim.scene import CAMERAS, MAX_DISTRACTORS, VARIED_APPEARANCE, Appearance, new_workcell

BOXES = ("red", "green", "blue")
_HUES = {"red": (0.8, 0.2, 0.15), "green": (0.2, 0.7, 0.25), "blue": (0.2, 0.3, 0.8)}
FIXED_SHARE = 0.5  # share of the scenes with the plain light and colours of table and arm
ROD_BELOW_TCP_M = 0.035
SIDE_FOVY_DEG = {"boxes": (28.0, 32.0), "block": (15.0, 17.0)}  # the smaller an object, the closer the crop
BLOCK_AREA = np.array([[0.42, 0.58], [-0.08, 0.08]])
AREA = np.array([[0.34, 0.66], [-0.16, 0.16]])
LABELS = (
    *(f"{box}_{what}" for box in BOXES for what in ("u", "v", "cos4", "sin4")),
    *("hole_u", "hole_v", "hole_cos4", "hole_sin4", "tip_u", "tip_v", "grip_u", "grip_v", "finger_u", "finger_v"),
    *(f"{thing}_seen" for thing in (*BOXES, "hole", "tip")),
)


class Scene(NamedTuple):
    """One drawn scene.

    Shapes: images (H, W, 3) uint8 per camera; labels (len(LABELS),) float32 per camera: image coordinates in [-1, 1],
    four-fold orientation, presence; NaN where the object is not in that image.
    """

    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]


class RandomScenes:
    """Generator of scenes. Close it when done."""

    def __init__(self, height: int = 128, width: int = 128) -> None:
        self.model = _build().compile()
        self.model.geom_sameframe[:] = self.model.site_sameframe[:] = 0  # places and sizes change after compilation
        self.data = mujoco.MjData(self.model)
        looks = ("geom_rgba", "light_pos", "light_diffuse", "cam_pos", "cam_quat")
        views = [getattr(self.model, name) for name in looks] + [self.model.vis.headlight.diffuse]
        self._plain = [(view, view.copy()) for view in views]
        self._renderer = SceneRenderer(self.model, height, width)
        self._aspect = width / height

    def draw(self, rng: np.random.Generator) -> Scene:
        """Return one random scene, rendered and labelled."""
        model, data = self.model, self.data
        mujoco.mj_resetData(model, data)
        for view, plain in self._plain:
            view[:] = plain
        insertion = rng.random() < 0.5
        model.camera("side").fovy[0] = rng.uniform(*SIDE_FOVY_DEG["block" if insertion else "boxes"])
        things = _place_block(model, data, rng) if insertion else _place_boxes(model, data, rng)
        finger = _place_rod(model, rng, held=insertion)
        _place_arm(model, data, rng, things, finger)
        self._paint(rng, things)
        mujoco.mj_forward(model, data)
        images = {camera: self._renderer.render(data, camera) for camera in CAMERAS}
        return Scene(images, {camera: self._label(camera, things, insertion) for camera in CAMERAS})

    def close(self) -> None:
        """Free the graphics context."""
        self._renderer.close()

    def _paint(self, rng: np.random.Generator, things: dict[str, Pose]) -> None:
        keep_out = np.array([pose.p[:2] for pose in things.values()])
        varied = Appearance(self.model, VARIED_APPEARANCE)  # varies about the colours just drawn
        if rng.random() > FIXED_SHARE:
            varied.randomise(self.data, rng, keep_out)
        elif rng.random() < 0.3:  # clutter under plain light too
            varied.place_distractors(self.data, rng, keep_out)
        else:
            _hide(self.model, self.data, *(f"distractor{number}" for number in range(MAX_DISTRACTORS)))

    def _label(self, camera: str, things: dict[str, Pose], insertion: bool) -> np.ndarray:
        data = self.data
        turn = yaw_of(data.site("tcp").xmat.reshape(3, 3)) if camera == "wrist" else 0.0
        label = dict.fromkeys(LABELS, np.nan)
        for name in (*BOXES, "hole"):
            label[f"{name}_seen"] = 0.0
            if name in things:
                self._mark(label, name, camera, things[name].p)
                angle = 4.0 * (yaw_of(things[name].R) - turn)
                label |= {f"{name}_cos4": np.cos(angle), f"{name}_sin4": np.sin(angle)} if label[f"{name}_seen"] else {}
        label["tip_seen"] = 0.0
        if insertion:
            self._mark(label, "tip", camera, data.site("rod_tip").xpos)
        for name, site in (("grip", "tcp"), ("finger", "pad")):
            self._mark(label, name, camera, data.site(site).xpos)
        return np.array([label[name] for name in LABELS], dtype=np.float32)

    def _mark(self, label: dict[str, float], name: str, camera: str, point: np.ndarray) -> None:
        u, v, depth = self._project(camera, point)
        seen = depth > 0 and max(abs(u), abs(v)) < 1.0
        if seen:
            label[f"{name}_u"], label[f"{name}_v"] = u, v
        if f"{name}_seen" in label:
            label[f"{name}_seen"] = float(seen)

    def _project(self, camera: str, point: np.ndarray) -> tuple[float, float, float]:
        view = self.data.camera(camera)
        x, y, z = view.xmat.reshape(3, 3).T @ (point - view.xpos)
        scale = np.tan(np.deg2rad(self.model.camera(camera).fovy[0]) / 2) * -z
        return x / (scale * self._aspect), -y / scale, -z


def _build() -> mujoco.MjSpec:
    spec, hand = new_workcell()
    box = mujoco.mjtGeom.mjGEOM_BOX
    for name in BOXES:
        body = spec.worldbody.add_body(name=name, mocap=True)
        body.add_geom(name=name, type=box, size=(0.02, 0.02, 0.02), rgba=(*_HUES[name], 1), contype=0, conaffinity=0)
    block = spec.worldbody.add_body(name="block", mocap=True)
    for side in range(4):
        block.add_geom(name=f"wall{side}", type=box, size=(0.01, 0.01, 0.01), contype=0, conaffinity=0)
    block.add_geom(name="floor", type=box, size=(0.01, 0.01, 0.001), rgba=(0.1, 0.1, 0.1, 1), contype=0, conaffinity=0)
    rod = hand.add_body(name="rod", pos=(0, 0, TCP_FROM_HAND_M))
    rod.add_geom(name="rod", type=box, size=(0.01, 0.01, 0.03), contype=0, conaffinity=0, mass=0.01)
    rod.add_site(name="rod_tip")
    spec.body("finger1").add_site(name="pad", pos=(0, 0, 0.05))
    return spec


def _mocap(model: mujoco.MjModel, data: mujoco.MjData, name: str, p: np.ndarray, yaw: float) -> None:
    index = int(model.body(name).mocapid[0])
    data.mocap_pos[index], data.mocap_quat[index] = p, (np.cos(yaw / 2), 0, 0, np.sin(yaw / 2))


def _hide(model: mujoco.MjModel, data: mujoco.MjData, *names: str) -> None:
    for name in names:
        _mocap(model, data, name, np.array([0.5, 0.0, -1.0]), 0.0)


def _place_boxes(model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> dict[str, Pose]:
    """Add one to three separate boxes; return their centres."""
    _hide(model, data, "block", *BOXES)
    count = rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1])
    things: dict[str, Pose] = {}
    for name in rng.permutation(BOXES)[:count]:
        half = np.full(3, rng.uniform(0.014, 0.03)) * rng.uniform(0.9, 1.1, 3)
        p = np.array(
            [*_clear_place(rng, things, 0.07), half[2] + rng.choice([0.0, rng.uniform(0, 0.15)], p=[0.85, 0.15])]
        )
        yaw = rng.uniform(-np.pi, np.pi)
        geom = model.geom(name)
        geom.size = half
        geom.rgba[:3] = np.clip(np.array(_HUES[name]) + rng.uniform(-0.12, 0.12, 3), 0, 1)
        _mocap(model, data, name, p, yaw)
        things[name] = Pose(p, rot_z(yaw))
    return things


def _place_block(model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> dict[str, Pose]:
    """Add a block with a square hole; return the middle of the hole's upper edge."""
    _hide(model, data, *BOXES)
    outer, inner, height = rng.uniform(0.022, 0.04), rng.uniform(0.006, 0.013), rng.uniform(0.02, 0.04)
    colour = rng.uniform(0.1, 0.9, 3)
    for side in range(4):
        geom = model.geom(f"wall{side}")
        geom.size = ((outer - inner) / 2, outer, height / 2)
        geom.pos = rot_z(side * np.pi / 2) @ np.array([(outer + inner) / 2, 0.0, height / 2])
        mujoco.mju_mat2Quat(model.geom_quat[geom.id], rot_z(side * np.pi / 2).ravel())
        geom.rgba[:3] = colour
    model.geom("floor").size = (outer * 0.95, outer * 0.95, 0.001)
    p, yaw = np.array([*rng.uniform(*BLOCK_AREA.T), 0.0]), rng.uniform(-np.pi / 4, np.pi / 4)
    _mocap(model, data, "block", p, yaw)
    return {"hole": Pose(p + np.array([0.0, 0.0, height]), rot_z(yaw))}


def _clear_place(rng: np.random.Generator, things: dict[str, Pose], apart_m: float) -> np.ndarray:
    while True:
        place = rng.uniform(AREA[:, 0], AREA[:, 1])
        if all(np.linalg.norm(place - other.p[:2]) > apart_m for other in things.values()):
            return place


def _place_rod(model: mujoco.MjModel, rng: np.random.Generator, held: bool) -> float:
    """Add a tilted rod in the fingers, or none; return the finger's place [m]."""
    geom, body = model.geom("rod"), model.body("rod")
    geom.rgba = (*rng.uniform(0.1, 0.95, 3), 1.0) if held else (0.0, 0.0, 0.0, 0.0)
    half = rng.uniform(0.005, 0.012, 2)
    length, above = rng.uniform(0.035, 0.065), rng.uniform(0.005, 0.02)
    geom.size = (*half, length / 2)
    geom.pos = (0, 0, length / 2 - above)
    model.site("rod_tip").pos = (0, 0, length - above)
    body.pos = (rng.uniform(-0.004, 0.004), 0.0, TCP_FROM_HAND_M + rng.uniform(-0.004, 0.004))
    mujoco.mju_mat2Quat(model.body_quat[body.id], rot_y(rng.uniform(-0.08, 0.08)).ravel())
    return float(half[1]) if held else float(rng.uniform(0.0, FINGER_MAX_M))


def _place_arm(
    model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator, things: dict[str, Pose], finger_m: float
) -> None:
    """Draw the tool anywhere over the table, or near an object; repeat where the arm does not reach."""
    while True:
        try:
            data.qpos[:7] = inverse_kinematics.solve(model, data, _tool_pose(rng, things))
            break
        except ConfigError:
            continue
    data.qpos[7:9] = finger_m


def _tool_pose(rng: np.random.Generator, things: dict[str, Pose]) -> Pose:
    p = np.array([*rng.uniform(AREA[:, 0], AREA[:, 1]), rng.uniform(0.02, 0.26)])
    if rng.random() < 0.75:
        name = rng.choice(list(things))
        above = ROD_BELOW_TCP_M if name == "hole" else 0.0  # the rod stays clear of the block
        aside = rng.normal(0.0, rng.choice([0.004, 0.012, 0.04]), 2)
        p = things[name].p + np.array([*aside, above + rng.exponential(0.04)])
        p[2] = max(p[2], 0.012)
    tilt = rot_z(rng.uniform(-np.pi, np.pi)) @ rot_y(rng.normal(0.0, 0.05))
    return Pose(p, gripper_down(p, rng.uniform(-1.0, 1.0)).R @ tilt @ rot_z(-yaw_of(tilt)))
