"""The Gymnasium environment of a task: arms, cameras and a source of episodes, at 10 Hz."""

from collections.abc import Mapping
from typing import Any, cast

import gymnasium as gym
import numpy as np

from robot_rl.core.action_layout import GRIPPER, ROTATION, TRANSLATION
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose
from robot_rl.core.schema import ArraySpec
from robot_rl.core.tasks import PERIOD_S, Outcome
from robot_rl.envs.action import finger_target, move_target, task_layout
from robot_rl.envs.episodes import Workcell
from robot_rl.envs.observation import STATE_BOUND, observation_schema, state_name, state_vector
from robot_rl.hardware.cameras.camera import Camera
from robot_rl.hardware.robot import RobotState

States = Mapping[str, RobotState]


class ArmEnv(gym.Env[dict[str, np.ndarray], np.ndarray]):
    """One or several arms and one task.

    Observation: `state` of each arm and one (H, W, 3) uint8 image per camera, see `observation_schema`.
    Action: (A,) float32 in [-1, 1], see `action_layout`.
    Reward: 1 on success, else 0. `terminated`: success or failure; `truncated`: the time limit or a fault of an arm.
    They never merge.
    info: `success`, `failure`, `fault` (text, empty when none); on the last step `episode` = {r: return,
        l: steps, t: seconds}.

    Args:
        viewer: camera of `render`, for videos.
        privileged: the first arm's state ends with the object's: for ablations and probes only.

    Raises:
        ConfigError: a camera whose images have another size than the task's.
        NonFiniteActionError: NaN or infinity in an action, before anything moves.
    """

    real_time, period_s = False, PERIOD_S
    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / PERIOD_S)}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(self, cell: Workcell, viewer: Camera | None = None, privileged: bool = False) -> None:
        self.cell, self.task = cell, cell.task
        self.time_limit_s = cell.task.time_limit_s
        """After which an episode is truncated [s]; may be set between two episodes."""
        self.render_mode = "rgb_array" if viewer else None
        self._viewer, self._privileged = viewer, privileged
        _check_sizes(cell)
        specs = observation_schema(cell.task, cell.cameras, privileged)
        spaces = gym.spaces.Dict({name: _space(spec) for name, spec in specs.items()})
        self.observation_space = cast("gym.Space[dict[str, np.ndarray]]", spaces)
        self.action_layout = task_layout(cell.task)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (self.action_layout.size,), np.float32)
        self._arm_actions = {name: self.action_layout.of_robot(name) for name in cell.robots}
        self._begin(self._states())

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode; the same seed gives the same episode, bit for bit."""
        super().reset(seed=seed)
        additions = self.cell.episodes.reset(self.np_random)
        states = self._states()
        self._begin(states)
        return self._observe(states), {"success": False, "failure": False, "fault": "", **additions}

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Move the targets by one action and let one control period pass."""
        states = self._act(self.action_layout.checked(action))
        success, failure = self.cell.episodes.outcome()
        fault = " ".join(state.fault for state in states.values() if state.fault)
        self._forces_n.append(max(float(np.linalg.norm(state.wrench[:3])) for state in states.values()))
        self._guard_steps += any(state.guard for state in states.values())
        self._steps += 1
        reward = float(success)
        self._return += reward
        terminated = success or failure
        truncated = not terminated and (self._steps >= round(self.time_limit_s / PERIOD_S) or bool(fault))
        info: dict[str, Any] = {"success": success, "failure": failure, "fault": fault}
        if terminated or truncated:
            info["episode"] = self._summary()
        return self._observe(states), reward, terminated, truncated, info

    def expert_action(self) -> np.ndarray:
        """Return the action (A,) float32 of the task's scripted expert; simulator only."""
        return self.cell.episodes.expert_action(self.targets)

    def true_outcome(self) -> Outcome:
        """Return whether the episode is won or lost now by ground truth, which `step` may hide; simulator only."""
        return self.cell.episodes.true_outcome()

    def object_state(self) -> np.ndarray:
        """Return the state of the task's object, for probes only; empty on a real arm."""
        return self.cell.episodes.object_state()

    def metrics(self) -> dict[str, float]:
        """Return the largest and mean external force [N] over the episode's steps, and the steps with a guard."""
        forces = self._forces_n or [0.0]
        return {
            "force_peak_n": float(np.max(forces)),
            "force_mean_n": float(np.mean(forces)),
            "guard_steps": self._guard_steps,
        }

    def render(self) -> np.ndarray | None:  # type: ignore[override]
        """Return the viewer's image (H, W, 3) uint8."""
        return self._viewer.read().image if self._viewer else None

    def close(self) -> None:
        """Close cameras and arms."""
        for camera in (*self.cell.cameras.values(), *((self._viewer,) if self._viewer else ())):
            camera.close()
        for robot in self.cell.robots.values():
            robot.close()

    def _begin(self, states: States) -> None:
        self.targets: dict[str, Pose] = {name: state.T_base_tcp for name, state in states.items()}
        self._fingers_m: dict[str, float | None] = dict.fromkeys(states)  # None: as the reset left them
        self._steps, self._return = 0, 0.0
        self._forces_n: list[float] = []  # external force on the hand at each step
        self._guard_steps = 0

    def _states(self) -> States:
        return {name: robot.state() for name, robot in self.cell.robots.items()}

    def _act(self, action: np.ndarray) -> States:
        for name, (axes, layout) in self._arm_actions.items():
            self._command(name, layout.decode(action[axes]))
        return {name: robot.wait(PERIOD_S) for name, robot in self.cell.robots.items()}

    def _command(self, name: str, parts: Mapping[str, Any]) -> None:
        """Command one arm by the parts of its action."""
        arm, robot = self.task.arms[name], self.cell.robots[name]
        T_base_tcp = robot.state().T_base_tcp
        self.targets[name] = move_target(arm, self.targets[name], T_base_tcp, parts[TRANSLATION], parts[ROTATION])
        if arm.gripper is not None:
            self._fingers_m[name] = finger_target(arm.gripper, parts[GRIPPER], self._fingers_m[name])
        robot.command(self.targets[name], self._fingers_m[name])

    def _observe(self, states: States) -> dict[str, np.ndarray]:
        obs = {
            state_name(name): state_vector(self.task.arms[name], state, self.targets[name])
            for name, state in states.items()
        }
        if self._privileged:
            first = next(iter(obs))
            obs[first] = np.concatenate([obs[first], self.cell.episodes.object_state()]).astype(np.float32)
        return obs | self._images(states)

    def _images(self, states: States) -> dict[str, np.ndarray]:
        """Return the image of each camera that belongs to the arms' states."""
        return {name: camera.read().image for name, camera in self.cell.cameras.items()}

    def _summary(self) -> dict[str, float]:
        return {"r": self._return, "l": self._steps, "t": self._steps * PERIOD_S}


def _check_sizes(cell: Workcell) -> None:
    for name, camera in cell.cameras.items():
        expected = cell.task.cameras[name]
        if (camera.height, camera.width) != (expected.height, expected.width):
            raise ConfigError(
                f"camera {name}: got images of {camera.height} x {camera.width}, expected {expected.height} x "
                f"{expected.width} of the task {cell.task.name!r}; change the camera's view or the task."
            )


def _space(spec: ArraySpec) -> gym.spaces.Box:
    if spec.dtype == "uint8":
        return gym.spaces.Box(0, 255, spec.shape, np.uint8)
    return gym.spaces.Box(-STATE_BOUND, STATE_BOUND, spec.shape, np.float32)
