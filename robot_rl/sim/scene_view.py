"""View of a simulation in three dimensions, in a browser, live: arm, part, target and cameras. It is watched only."""

import socket
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import mujoco
import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose
from robot_rl.sim.render import scene_cameras
from robot_rl.sim.simulation import Simulation
from robot_rl.sim.stage import EYE, POINT, StageRenderer
from robot_rl.sim.surfaces import has_edges, is_drawn, rgb_of, surface_of

HOST = "127.0.0.1"
"""Only programs of this computer reach the view: it has no token."""
AXES_M = 0.08
FRUSTUM_M, FRUSTUM_RGB = 0.05, (20, 100, 150)
TO_VIEW = np.array([1.0, -1.0, -1.0])
"""A camera of MuJoCo looks along its -z with y up, one of the view along its z with y down."""


class SceneView:
    """A simulation as a scene in the browser: each body a frame with its surfaces, the target as axes, each camera as a
    pyramid with its image. Nothing that a browser sends has an effect.

    Args:
        port: 0 takes a free one.
    """

    def __init__(self, simulation: Simulation, port: int) -> None:
        self._server = _serve(port)
        self._simulation, self._stage = simulation, StageRenderer(simulation, 1, 1)
        self.url = f"http://{HOST}:{self._server.get_port()}"
        self._episode = self._step = 0
        self._text = self._server.gui.add_markdown("")
        scene, model = self._server.scene, self._stage.model
        scene.set_up_direction("+z")
        self._bodies = [scene.add_frame(_body(model, i), show_axes=False) for i in range(model.nbody)]
        self._surfaces = {i: _add_surface(scene, model, i) for i in range(model.ngeom) if is_drawn(model, i)}
        self._target = scene.add_frame("/target", axes_length=AXES_M, axes_radius=AXES_M / 20)
        self._cameras = {name: self._add_camera(name) for name in scene_cameras(simulation.model)}

    def begin(self) -> None:
        """Show a new scene, whose colours may be others."""
        self._episode, self._step = self._episode + 1, -1
        self._stage.pose(self._simulation.data)
        for i, surface in self._surfaces.items():
            surface.color = rgb_of(self._stage.model, i)

    def show(self, T_base_target: Pose, images: Mapping[str, np.ndarray]) -> None:
        """Show the present state.

        Args:
            images: of the cameras by their names, (H, W, 3) uint8, among other entries.
        """
        self._step += 1
        self._stage.pose(self._simulation.data)
        data = self._stage.data
        with self._server.atomic():
            for i, frame in enumerate(self._bodies):
                frame.position, frame.wxyz = data.xpos[i], data.xquat[i]
            self._target.position, self._target.wxyz = T_base_target.p, _wxyz(T_base_target.R)
            for name, frustum in self._cameras.items():
                camera = self._simulation.data.camera(name)
                frustum.position, frustum.wxyz = camera.xpos, _wxyz(camera.xmat.reshape(3, 3) * TO_VIEW)
                if name in images:
                    frustum.image = images[name]
            self._text.content = f"episode {self._episode}, step {self._step}"

    def close(self) -> None:
        """End the server; a second call does nothing."""
        self._stage.close()
        with redirect_stdout(StringIO()):
            self._server.stop()

    def _add_camera(self, name: str) -> Any:
        fov = float(np.radians(self._simulation.model.camera(name).fovy[0]))
        look: dict[str, Any] = {"scale": FRUSTUM_M, "thickness": 1.5, "thickness_units": "screen", "color": FRUSTUM_RGB}
        return self._server.scene.add_camera_frustum(f"/camera-{name}", fov=fov, aspect=1.0, **look)


def _serve(port: int) -> Any:
    try:
        import viser
    except ImportError:
        raise ConfigError("--view3d: got no viser, expected it; run: pip install -e '.[view3d]'.") from None
    with socket.socket() as probe:  # viser would take another port
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(
                f"--view3d: got port {port} ({error.strerror}), expected a free one; 0 takes any."
            ) from None
        port = probe.getsockname()[1]

    class LocalServer(viser.ViserServer):
        """Server without the tunnel to a public address that viser opens when a browser asks for it."""

        def request_share_url(self, verbose: bool = True) -> str | None:
            return None

    with redirect_stdout(StringIO()):  # it prints the address in a box
        server = LocalServer(host=HOST, port=port, verbose=False)
    server.gui.configure_theme(show_share_button=False, show_logo=False, dark_mode=True)
    server.initial_camera.position, server.initial_camera.look_at = EYE, POINT
    return server


def _body(model: mujoco.MjModel, i: int) -> str:
    return f"/bodies/{model.body(i).name or i}"


def _add_surface(scene: Any, model: mujoco.MjModel, i: int) -> Any:
    vertices, faces = surface_of(model, i)
    name = f"{_body(model, model.geom_bodyid[i])}/{i}"
    opacity = None if model.geom_rgba[i, 3] >= 1.0 else float(model.geom_rgba[i, 3])
    place = {"position": model.geom_pos[i], "wxyz": model.geom_quat[i]}
    look = {"color": rgb_of(model, i), "opacity": opacity, "flat_shading": has_edges(model, i)}
    return scene.add_mesh_simple(name, vertices, faces, **look, **place)


def _wxyz(R: np.ndarray) -> np.ndarray:
    wxyz = np.empty(4)
    mujoco.mju_mat2Quat(wxyz, R.ravel())
    return wxyz
