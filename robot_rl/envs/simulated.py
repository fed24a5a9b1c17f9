"""Environments over the simulator, by task name; registered with Gymnasium as `robot_rl/<Task>-v0`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robot_rl.core.errors import unknown_name
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import Outcome
from robot_rl.envs.action import action_towards
from robot_rl.envs.arm_env import ArmEnv
from robot_rl.hardware.simulated import SimulatedCamera, SimulatedRobot
from robot_rl.sim.experts import Expert, PegInsertExpert, PickLiftExpert
from robot_rl.sim.peg_insert import PegInsert
from robot_rl.sim.pick_lift import PickLift
from robot_rl.sim.render import SceneRenderer
from robot_rl.sim.scene import CAMERAS, FIXED_APPEARANCE, VARIED_APPEARANCE
from robot_rl.sim.simulation import Simulation
from robot_rl.sim.task import TaskScene

TASKS: dict[str, tuple[type[TaskScene], type[Expert]]] = {
    "PickLift": (PickLift, PickLiftExpert),
    "PegInsert": (PegInsert, PegInsertExpert),
}
APPEARANCES = {"fixed": FIXED_APPEARANCE, "varied": VARIED_APPEARANCE}
VIEW_SIZE = 480  # pixels of the image for videos


class SimulatedTask:
    """A `Task` over a simulation: objects move by themselves at a reset, ground truth judges."""

    def __init__(self, simulation: Simulation, expert: Expert) -> None:
        self.name, self.time_limit_s = simulation.scene.name, simulation.scene.time_limit_s
        self.workspace = simulation.scene.workspace
        self._simulation, self._expert = simulation, expert

    def reset(self, rng: np.random.Generator) -> None:
        """Draw a new scene."""
        self._simulation.reset(rng)

    def outcome(self) -> Outcome:
        """Ground truth."""
        return self._simulation.outcome()

    def expert_action(self, T_base_target: Pose) -> np.ndarray:
        """What the scripted expert would do now, (7,) float32 in [-1, 1]."""
        simulation = self._simulation
        goal = self._expert.goal(simulation.model, simulation.data)
        return action_towards(self.workspace, T_base_target, simulation.T_base_tcp, goal.T_base_tcp, goal.gripper)

    def object_state(self) -> np.ndarray:
        """Where the task's object is, seen from the tool: for the state-based ablation and for probes, never for a
        policy from pixels.
        """
        return self._simulation.scene.object_state(self._simulation.model, self._simulation.data)


def make_simulated_env(
    task: str,
    *,
    cameras: Sequence[str] = CAMERAS,
    image_size: int = 128,
    appearance: str = "fixed",
    privileged: bool = False,
    render_mode: str | None = None,
) -> ArmEnv:
    """The environment of a task in the simulator.

    Args:
        task: one of `TASKS`.
        cameras: which images the observation holds; none makes a step several times faster.
        image_size: height and width of the images [pixels].
        appearance: `fixed`, or `varied` (light, colours, camera pose, distractors drawn at each reset).
        privileged: append the object's pose to `state`: for ablations and probes only.
        render_mode: `rgb_array` or None.

    Raises:
        UnknownNameError: an unknown task, camera or appearance.
    """
    for what, name, known in (("task", task, TASKS), ("appearance", appearance, APPEARANCES)):
        if name not in known:
            raise unknown_name(what, name, known)
    for camera in cameras:
        if camera not in CAMERAS:
            raise unknown_name("camera", camera, CAMERAS)
    scene, expert = TASKS[task]
    simulation = Simulation(scene(), APPEARANCES[appearance])
    renderer = SceneRenderer(simulation.model, image_size, image_size) if cameras else None
    return ArmEnv(
        SimulatedRobot(simulation),
        [SimulatedCamera(simulation, name, renderer) for name in cameras if renderer],
        SimulatedTask(simulation, expert()),
        viewer=SimulatedCamera(simulation, "side", SceneRenderer(simulation.model, VIEW_SIZE, VIEW_SIZE))
        if render_mode
        else None,
        privileged=privileged,
    )
