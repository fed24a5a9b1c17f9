"""Surfaces of a model's bodies as triangles, for views that are not MuJoCo's."""

import mujoco
import numpy as np

from robot_rl.sim.stage import HIDDEN


def is_drawn(model: mujoco.MjModel, i: int) -> bool:
    """Return whether a geometry is drawn; a plane without end is not."""
    hidden = model.geom_group[i] == HIDDEN or model.geom_rgba[i, 3] == 0.0
    return not hidden and model.geom_type[i] != mujoco.mjtGeom.mjGEOM_PLANE


def has_edges(model: mujoco.MjModel, i: int) -> bool:
    """Return whether a geometry's faces meet at edges."""
    return bool(model.geom_type[i] == mujoco.mjtGeom.mjGEOM_BOX)


def rgb_of(model: mujoco.MjModel, i: int) -> tuple[int, int, int]:
    """Return the colour of a geometry, 0 to 255."""
    red, green, blue = (round(255 * float(part)) for part in model.geom_rgba[i, :3])
    return red, green, blue


def surface_of(model: mujoco.MjModel, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the surface of a geometry in its own frame.

    Shapes: vertices (V, 3) float32 [m], faces (F, 3) uint32.
    """
    from trimesh import creation

    kind, size = model.geom_type[i], model.geom_size[i]
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = model.mesh(model.geom_dataid[i])
        first, faces = mesh.vertadr[0], mesh.faceadr[0]
        vertices = model.mesh_vert[first : first + mesh.vertnum[0]]
        return vertices.astype(np.float32), model.mesh_face[faces : faces + mesh.facenum[0]].astype(np.uint32)
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        made = creation.box(extents=2 * size)
    elif kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        made = creation.cylinder(radius=size[0], height=2 * size[1])
    elif kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        made = creation.capsule(radius=size[0], height=2 * size[1])
        made.vertices = made.vertices - made.bounds.mean(axis=0)
    else:
        made = creation.icosphere(radius=1.0)
        made.vertices = made.vertices * (size if kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID else size[0])
    return np.asarray(made.vertices, np.float32), np.asarray(made.faces, np.uint32)
