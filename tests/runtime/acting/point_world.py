"""A world small enough to know by heart: a point must reach a goal, with one tiny camera and an expert."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

from robot_rl.core.action_layout import CLOSE, GRIPPER, HOLD, OPEN, TRANSLATION, ActionLayout, Continuous, Discrete
from robot_rl.core.errors import NonFiniteActionError
from robot_rl.core.records import LabelRecord, Record, StepRecord
from robot_rl.teleop.device import DeviceState

TIME_LIMIT = 30
STRIDE = 0.2
REACH = 0.15
LAYOUT = ActionLayout((Continuous(TRANSLATION, 2), Discrete(GRIPPER, (CLOSE, HOLD, OPEN), (-1.0, 0.0, 1.0))))


class PointWorld(gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """Point and goal in a square of side 2; leaving it is a failure. Action: x, y, and a gripper that does nothing."""

    render_mode = "rgb_array"
    action_layout, period_s, real_time = LAYOUT, 0.1, False

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Dict(
            {
                "state": gymnasium.spaces.Box(-2.0, 2.0, (4,), np.float32),
                "wrist": gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8),
            }
        )
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (LAYOUT.size,), np.float32)
        self.executed: list[np.ndarray] = []
        self.point = self.goal = np.zeros(2)
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.point, self.goal = self.np_random.uniform(-0.8, 0.8, (2, 2))
        self.steps = 0
        return self._observe(), {}

    def step(self, action: np.ndarray):
        if not np.isfinite(action).all():
            raise NonFiniteActionError(f"action: got {action}, expected finite numbers.")
        self.executed.append(action.copy())
        self.point = self.point + STRIDE * action[:2]
        self.steps += 1
        success = bool(np.linalg.norm(self.goal - self.point) < REACH)
        failure = bool(np.abs(self.point).max() > 1.0) and not success
        truncated = not (success or failure) and self.steps >= TIME_LIMIT
        return self._observe(), float(success), success or failure, truncated, {"success": success, "failure": failure}

    def metrics(self) -> dict[str, float]:
        return {}

    def render(self) -> np.ndarray:
        return np.full((16, 16, 3), self.steps, np.uint8)

    def reset_expert(self) -> None: ...

    def expert_action(self) -> np.ndarray:
        """Straight to the goal, at most one stride."""
        towards = np.clip((self.goal - self.point) / STRIDE, -1.0, 1.0)
        return np.array([*towards, 0.0], np.float32)

    def _observe(self) -> dict[str, np.ndarray]:
        image = np.zeros((8, 8, 3), np.uint8)
        image[tuple(((self.point + 2.0) * 2.0).astype(int).clip(0, 7))] = 255
        return {"state": np.array([*self.point, *self.goal], np.float32), "wrist": image}


class LinearPolicy:
    """Moves along weights @ (goal - point), with some noise."""

    def __init__(self, gain: float = 5.0, noise: float = 0.1, version: int = 0) -> None:
        self.weights, self.noise, self.version = np.float32(gain), noise, version

    def act(self, obs, rng: np.random.Generator, deterministic: bool) -> np.ndarray:
        towards = self.weights * (obs["state"][2:] - obs["state"][:2])
        if not deterministic:
            towards = towards + rng.normal(0.0, self.noise, 2)
        return np.clip([*towards, 0.0], -1.0, 1.0).astype(np.float32)

    def load(self, params: dict[str, np.ndarray], version: int) -> None:
        self.weights, self.version = np.float32(params["gain"]), version


class TinyEncoder:
    """Two variants of four numbers a image; counts the images."""

    cameras = ("wrist",)
    variants = 2
    feature_count = 4
    identity = "tiny"

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, images, rng: np.random.Generator) -> dict[str, np.ndarray]:
        self.calls += 1
        clean = images["wrist"].reshape(4, -1).mean(axis=1) / 255.0
        return {"wrist": np.stack([clean, clean + rng.normal(0.0, 0.01, 4)]).astype(np.float16)}


class RecordingLink:
    """Link that stores records and serves weights by script: {records put so far: (version, gain)}."""

    def __init__(self, weights: dict[int, tuple[int, float]] | None = None) -> None:
        self.records: list[Record] = []
        self._weights = weights or {}
        self.backlog = 3

    def status(self) -> dict[str, float]:
        return {"backlog": self.backlog}

    def put(self, record: Record) -> int:
        self.records.append(replace(record, sequence=len(self.records)))
        return len(self.records) - 1

    def latest_weights(self):
        due = [self._weights[n] for n in sorted(self._weights) if n <= len(self.records)]
        if not due:
            return None
        version, gain = due[-1]
        return version, {"gain": np.float32(gain)}, 0.5

    @property
    def steps(self) -> list[StepRecord]:
        return [record for record in self.records if isinstance(record, StepRecord)]

    @property
    def labels(self) -> list[LabelRecord]:
        return [record for record in self.records if isinstance(record, LabelRecord)]

    def episodes(self) -> list[list[StepRecord]]:
        numbers = sorted({step.episode for step in self.steps})
        return [[step for step in self.steps if step.episode == number] for number in numbers]


class MemoryMetrics:
    """Metrics that are kept in memory."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, kind: str, step: int, **scalars: Any) -> None:
        self.lines.append({"kind": kind, "step": step, **scalars})


class Person:
    """A device of a person, by script: one state a read, afterwards no motion."""

    def __init__(self, states: Iterable[DeviceState] = ()) -> None:
        self._states = iter(states)

    def reset(self) -> None: ...

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        return next(self._states, DeviceState())

    def close(self) -> None: ...
