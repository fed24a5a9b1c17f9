"""What an environment asks of a task: to set up an episode, and to judge it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from robot_rl.core.pose import Pose
from robot_rl.core.workspace import Workspace
from robot_rl.envs.action import action_towards
from robot_rl.sim.experts import Expert
from robot_rl.sim.simulation import Simulation
from robot_rl.sim.task import Outcome


class Task(Protocol):
    """The referee of an environment: ground truth in the simulator, a person or a classifier on a real arm."""

    name: str
    time_limit_s: float
    workspace: Workspace

    def reset(self, rng: np.random.Generator) -> None:
        """Bring arm and objects to the start of an episode."""
        ...

    def outcome(self) -> Outcome:
        """Whether the episode is won or lost now."""
        ...

    def expert_action(self, T_base_target: Pose) -> np.ndarray:
        """What a scripted expert would do now, (7,) float32; simulator only."""
        ...

    def object_state(self) -> np.ndarray:
        """Where the task's object is, for ablations and probes; simulator only."""
        ...


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
