"""The Gymnasium environment: an arm, its cameras and a task, at 10 Hz."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import gymnasium as gym
import numpy as np

from robot_rl.core.action_layout import CLOSE, GRIPPER, OPEN, ROTATION, TRANSLATION, arm_layout
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import PERIOD_S
from robot_rl.envs.action import move_target
from robot_rl.envs.observation import FINGER_ENTRY, STATE_BOUND, STATE_SIZE, state_vector
from robot_rl.envs.task import Task
from robot_rl.hardware.cameras.camera import Camera
from robot_rl.hardware.robot import Robot, RobotState


class ArmEnv(gym.Env[dict[str, np.ndarray], np.ndarray]):
    """One arm, one task.

    Observation: `state` (25,) float32 (see envs/observation.py) and one (H, W, 3) uint8 image per camera.
    Action: (7,) float32 in [-1, 1] (see envs/action.py).
    Reward: 1 on success, else 0. `terminated`: success or failure; `truncated`: the time limit or a fault of the arm.
    They never merge.
    info: `success`, `failure`, `fault` (text, empty when none); on the last step `episode` = {r: return,
        l: steps, t: seconds}.

    Raises:
        NonFiniteActionError: NaN or infinity in an action, before anything moves.
    """

    real_time, period_s = False, PERIOD_S
    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / PERIOD_S)}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(
        self,
        robot: Robot,
        cameras: Sequence[Camera],
        task: Task,
        viewer: Camera | None = None,
        privileged: bool = False,
    ) -> None:
        self.robot, self.cameras, self.task = robot, tuple(cameras), task
        self.render_mode = "rgb_array" if viewer else None
        self._viewer, self._privileged = viewer, privileged
        state_size = STATE_SIZE + (len(task.object_state()) if privileged else 0)
        spaces: dict[str, gym.Space[Any]] = {
            "state": gym.spaces.Box(-STATE_BOUND, STATE_BOUND, (state_size,), np.float32)
        }
        spaces |= {c.name: gym.spaces.Box(0, 255, (c.height, c.width, 3), np.uint8) for c in self.cameras}
        self.observation_space = cast("gym.Space[dict[str, np.ndarray]]", gym.spaces.Dict(spaces))
        self.action_layout = arm_layout(FINGER_ENTRY)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (self.action_layout.size,), np.float32)
        self._steps_max = round(task.time_limit_s / PERIOD_S)
        self._begin(robot.state())

    def _begin(self, state: RobotState) -> None:
        self.T_base_target: Pose = state.T_base_tcp
        self._finger_goal_m = state.finger_m
        self._steps, self._return = 0, 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode; the same seed gives the same episode, bit for bit."""
        super().reset(seed=seed)
        self.task.reset(self.np_random)
        state = self.robot.state()
        self._begin(state)
        return self._observe(state), {"success": False, "failure": False, "fault": ""}

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Move the target by one action and let one control period pass."""
        action = self.action_layout.checked(action)
        state = self._act(action)
        success, failure = self.task.outcome()
        self._steps += 1
        reward = float(success)
        self._return += reward
        terminated = success or failure
        truncated = not terminated and (self._steps >= self._steps_max or bool(state.fault))
        info: dict[str, Any] = {"success": success, "failure": failure, "fault": state.fault}
        if terminated or truncated:
            info["episode"] = {"r": self._return, "l": self._steps, "t": self._steps * PERIOD_S}
        return self._observe(state), reward, terminated, truncated, info

    def _act(self, action: np.ndarray) -> RobotState:
        workspace, parts = self.task.workspace, self.action_layout.decode(action)
        self.T_base_target = move_target(
            workspace, self.T_base_target, self.robot.state().T_base_tcp, parts[TRANSLATION], parts[ROTATION]
        )
        fingers_m = {OPEN: workspace.finger_open_m, CLOSE: workspace.finger_closed_m}
        self._finger_goal_m = fingers_m.get(parts[GRIPPER], self._finger_goal_m)
        self.robot.command(self.T_base_target, self._finger_goal_m)
        return self.robot.wait(PERIOD_S)

    def _observe(self, state: RobotState) -> dict[str, np.ndarray]:
        vector = state_vector(self.task.workspace, state, self.T_base_target)
        if self._privileged:
            vector = np.concatenate([vector, self.task.object_state()]).astype(np.float32)
        return {"state": vector} | self._images(state)

    def _images(self, state: RobotState) -> dict[str, np.ndarray]:
        """The image of each camera that goes with a state."""
        return {camera.name: camera.read().image for camera in self.cameras}

    def metrics(self) -> dict[str, float]:
        """Return no measurements: a simulated arm answers at once."""
        return {}

    def render(self) -> np.ndarray | None:  # type: ignore[override]
        """The viewer's image (H, W, 3) uint8, for videos."""
        return self._viewer.read().image if self._viewer else None

    def expert_action(self) -> np.ndarray:
        """What the task's scripted expert would do now, (7,) float32; simulator only."""
        return self.task.expert_action(self.T_base_target)

    def close(self) -> None:
        """Let go of arm and cameras."""
        for camera in (*self.cameras, *((self._viewer,) if self._viewer else ())):
            camera.close()
        self.robot.close()
