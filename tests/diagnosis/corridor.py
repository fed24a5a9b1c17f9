"""Environments small enough to learn in seconds, and their faults."""

from typing import Any

import gymnasium
import numpy as np

from robot_rl.core.errors import DeviceLostError

LIMIT = 25


class Corridor(gymnasium.Env[np.ndarray, np.ndarray]):
    """Walk along a line to its end. Action: speed along the line, and one that does nothing."""

    metadata = {"render_modes": [], "render_fps": 10}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(self, length: float = 1.0) -> None:
        self.length = length
        self.observation_space = gymnasium.spaces.Box(-2.0, 2.0, (1,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.x, self.steps = float(self.np_random.uniform(-0.5, 0.0)), 0
        return self.observe(), {}

    def step(self, action: np.ndarray):
        self.x = float(np.clip(self.x + 0.2 * float(action[0]), -1.5, 1.5))
        self.steps += 1
        success = self.x >= self.length
        return self.observe(), self.reward(success), success, self.steps >= LIMIT and not success, self.info(success)

    def observe(self) -> Any:
        return np.array([self.x], np.float32)

    def reward(self, success: bool) -> float:
        return float(success)

    def info(self, success: bool) -> dict[str, Any]:
        return {"is_success": success}


class Unreachable(Corridor):
    """Its end lies beyond the wall."""

    def __init__(self) -> None:
        super().__init__(length=1.6)


class TimeoutIsAnEnd(Unreachable):
    """Says that the task ended when only its time did."""

    def step(self, action: np.ndarray):
        obs, reward, terminated, truncated, info = super().step(action)
        return obs, reward, terminated or truncated, False, info


class OftenLost(Corridor):
    """Its arm is lost in each third episode."""

    episodes = 0

    def reset(self, **options: Any):
        type(self).episodes += 1
        return super().reset(**options)

    def step(self, action: np.ndarray):
        if self.episodes % 3 == 0 and self.steps == 3:
            raise DeviceLostError("arm: got no state for 0.2 s, expected one each 0.02 s; check the cable.")
        return super().step(action)


class WithCamera(Unreachable):
    """Has a camera that shows where it is, unless its lens is covered."""

    covered = False

    def __init__(self) -> None:
        super().__init__()
        image = gymnasium.spaces.Box(0, 255, (32, 32, 3), np.uint8)
        self.observation_space = gymnasium.spaces.Dict({"x": self.observation_space, "front": image})

    def observe(self) -> Any:
        image = np.zeros((32, 32, 3), np.uint8)
        if not self.covered:
            image[:, round(16 + 10 * self.x) % 32] = 255
        return {"x": super().observe(), "front": image}


class CoveredCamera(WithCamera):
    """Its lens is covered."""

    covered = True


class TooFast(Corridor):
    """Wants ten thousand steps a second."""

    metadata = {"render_modes": [], "render_fps": 10_000}  # noqa: RUF012 (Gymnasium's own form)


class Downhill(Unreachable):
    """Pays for large actions, and has no end that can be reached."""

    def step(self, action: np.ndarray):
        obs, _, *rest = super().step(action)
        return obs, 0.1 * float(np.sum(action)), *rest


class SuccessIsTruncated(Corridor):
    """Says that the clock ended what succeeded: the learner adds the value of what would follow."""

    def step(self, action: np.ndarray):
        obs, reward, success, truncated, info = super().step(action)
        return obs, reward, False, success or truncated, info
