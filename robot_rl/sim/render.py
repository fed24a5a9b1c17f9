"""Rendering of the simulated cameras."""

import atexit

import mujoco
import numpy as np

from robot_rl.core.errors import unknown_name

_FLAGS_OFF = (
    mujoco.mjtRndFlag.mjRND_SHADOW,
    mujoco.mjtRndFlag.mjRND_REFLECTION,
    mujoco.mjtRndFlag.mjRND_SKYBOX,
    mujoco.mjtRndFlag.mjRND_HAZE,
)


def scene_cameras(model: mujoco.MjModel) -> tuple[str, ...]:
    """Return the names of a model's cameras."""
    return tuple(model.camera(number).name for number in range(model.ncam))


class SceneRenderer:
    """Off-screen renderer of a model's cameras, with one graphics context from the first image on. Close it when done.

    Shapes: images (H, W, 3) uint8.
    """

    def __init__(self, model: mujoco.MjModel, height: int, width: int) -> None:
        self.height, self.width, self.cameras = height, width, scene_cameras(model)
        self._model = model
        self._renderer: mujoco.Renderer | None = None
        self._option = mujoco.MjvOption()
        self._option.sitegroup[:] = 0  # sites are not rendered

    def render(self, data: mujoco.MjData, camera: str) -> np.ndarray:
        """Return one image (H, W, 3) uint8 of `camera`; a closed renderer opens again.

        Raises:
            UnknownNameError: the model has no such camera.
        """
        if camera not in self.cameras:
            raise unknown_name("camera", camera, self.cameras)
        if self._renderer is None:
            self._renderer = self._open()
        self._renderer.update_scene(data, camera=camera, scene_option=self._option)
        return self._renderer.render()

    def _open(self) -> mujoco.Renderer:
        renderer = mujoco.Renderer(self._model, self.height, self.width, max_geom=200)
        for flag in _FLAGS_OFF:
            renderer.scene.flags[flag] = 0
        # Registered after the graphics library's own clean-up, so that it runs first.
        atexit.register(self.close)
        return renderer

    def close(self) -> None:
        """Free the graphics context; closing twice changes nothing."""
        atexit.unregister(self.close)
        if self._renderer is not None:
            self._renderer.close()
        self._renderer = None
