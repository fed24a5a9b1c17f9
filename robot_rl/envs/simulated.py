"""Environments over the simulator, by task; registered with Gymnasium as `robot_rl/<Task>-v0`."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from controllers.arms.spec import SIMULATED
from robot_rl.core.errors import unknown_name
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import Outcome, TaskSpec
from robot_rl.envs.action import action_towards
from robot_rl.envs.arm_env import ArmEnv
from robot_rl.envs.episodes import EpisodeSource, UnjudgedEpisodes, Workcell
from robot_rl.hardware.cameras.views import View
from robot_rl.hardware.simulated import SimulatedCamera, SimulatedRobot
from robot_rl.sim.arm_file import find_arm
from robot_rl.sim.render import SceneRenderer, scene_cameras
from robot_rl.sim.scene import FIXED_APPEARANCE, VARIED_APPEARANCE
from robot_rl.sim.simulation import Simulation
from robot_rl.sim.stage import CAMERA, StageRenderer
from robot_rl.sim.task import Expert
from robot_rl.tasks import find_task

APPEARANCES = {"fixed": FIXED_APPEARANCE, "varied": VARIED_APPEARANCE}
VIEWS = ("side", "wrist")
"""Cameras through which a person watches the simulation live."""
WATCHED_SIZE = 480  # pixels of such an image
VIEW_SIZE = (480, 640)
"""Height and width of the image for videos [pixels]."""
DEVICE_SIZE = (480, 640)
"""Height and width of the image of which a task's crop is a part [pixels]."""


class SimulatedEpisodes(EpisodeSource):
    """An `EpisodeSource` over a simulation: a reset places the objects, ground truth judges."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self._expert: Expert | None = None

    def reset(self, rng: np.random.Generator) -> Mapping[str, Any]:
        """Draw a new scene."""
        self.simulation.reset(rng)
        return {}

    def outcome(self) -> Outcome:
        """Return ground truth."""
        return self.simulation.outcome()

    def expert_action(self, targets: Mapping[str, Pose]) -> np.ndarray:
        """Return the scripted expert's action (A,) float32 in [-1, 1].

        Raises:
            ConfigError: the task has no expert.
        """
        simulation = self.simulation
        self._expert = self._expert or simulation.task.make_expert()
        goal = self._expert.goal(simulation.model, simulation.data)
        (T_base_target,) = targets.values()
        return action_towards(simulation.task.arm, T_base_target, simulation.T_base_tcp, goal.T_base_tcp, goal.gripper)

    def object_state(self) -> np.ndarray:
        """Return the object's state relative to the tool, for the ablation without cameras and for probes only."""
        return self.simulation.scene.object_state(self.simulation.model, self.simulation.data)


def make_simulated_env(
    task: str | TaskSpec,
    *,
    cameras: Sequence[str] | None = None,
    appearance: str = "fixed",
    arm: str = SIMULATED,
    privileged: bool = False,
    judged: bool = True,
    render_mode: str | None = None,
) -> ArmEnv:
    """Return the environment of a task in the simulator.

    Args:
        task: a task, or its name, file or `module:NAME`.
        cameras: which of the task's images the observation holds; None: all. Without any, a step is several times
            faster.
        appearance: `fixed`, or `varied` (light, colours, camera pose, distractors drawn at each reset).
        arm: `simulated`, or the file of an arm with a `model`.
        privileged: append the object's state to `state`: for ablations and probes only.
        judged: whether ground truth judges the episodes.
        render_mode: `rgb_array` or None.

    Raises:
        UnknownNameError: an unknown task, camera or appearance.
        ConfigError: the task has no scene, or several arms; an arm that does not exist or cannot be simulated.
    """
    spec = find_task(task) if isinstance(task, str) else task
    if appearance not in APPEARANCES:
        raise unknown_name("appearance", appearance, APPEARANCES)
    for camera in cameras or ():
        if camera not in spec.cameras:
            raise unknown_name("camera", camera, spec.cameras)
    simulation = Simulation(spec, APPEARANCES[appearance], find_arm(arm))
    episodes = SimulatedEpisodes(simulation)
    cell = Workcell(
        spec,
        {next(iter(spec.arms)): SimulatedRobot(simulation)},
        make_cameras(simulation, spec.cameras if cameras is None else cameras),
        episodes if judged else UnjudgedEpisodes(episodes),
    )
    return ArmEnv(cell, make_viewer(simulation) if render_mode else None, privileged)


def make_cameras(
    simulation: Simulation, names: Sequence[str] | Mapping[str, object], *, whole: bool = False
) -> dict[str, SimulatedCamera]:
    """Return the cameras of a simulation's task; those of one image size share a renderer.

    A crop is one of an image of `DEVICE_SIZE`, as a real camera delivers it; without one the task's size is rendered.

    Args:
        whole: whether a camera with a crop delivers its whole image.

    Raises:
        UnknownNameError: the scene has no such camera.
        ConfigError: a crop beyond the image.
    """
    renderers: dict[tuple[int, int], SceneRenderer] = {}
    cameras: dict[str, SimulatedCamera] = {}
    for name in names:
        if name not in scene_cameras(simulation.model):
            raise unknown_name(f"camera of the scene of {simulation.task.name}", name, scene_cameras(simulation.model))
        see = simulation.task.cameras[name]
        view = None if see.crop is None or whole else View(see.crop, (see.height, see.width))
        size = (see.height, see.width) if see.crop is None else DEVICE_SIZE
        if size not in renderers:
            renderers[size] = SceneRenderer(simulation.model, *size)
        cameras[name] = SimulatedCamera(simulation, name, renderers[size], view)
    return cameras


def make_viewer(simulation: Simulation) -> SimulatedCamera:
    """Return a camera for videos, which sees a scene of its own."""
    return SimulatedCamera(simulation, CAMERA, StageRenderer(simulation, *VIEW_SIZE))


def make_viewers(env: ArmEnv) -> dict[str, Callable[[], np.ndarray]]:
    """Return functions that render the scene as a person watches it, by the camera's name."""
    simulation = simulation_of(env)
    renderer = SceneRenderer(simulation.model, WATCHED_SIZE, WATCHED_SIZE)
    names = [name for name in VIEWS if name in scene_cameras(simulation.model)]
    return {name: partial(renderer.render, simulation.data, name) for name in names}


def simulation_of(env: ArmEnv) -> Simulation:
    """Return the simulation of an environment in the simulator."""
    episodes: Any = env.cell.episodes
    simulation: Simulation = getattr(episodes, "judged", episodes).simulation
    return simulation
