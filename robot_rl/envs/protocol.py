"""What an environment offers beyond `gymnasium.Env`, and where it is found among wrappers."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np

from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.errors import ConfigError


@runtime_checkable
class RobotEnvironment(Protocol):
    """An environment whose action has named parts, and which says how its time passes.

    `ArmEnv` is one. An adapter makes one of a foreign environment: a `gymnasium.Wrapper` with these three members.
    """

    action_layout: ActionLayout
    period_s: float
    """Time of task that one step takes [s]."""
    real_time: bool
    """Time passes by itself: `step` waits for it, and nothing can hurry it."""

    def metrics(self) -> dict[str, float]:
        """Measurements of the session so far, for the run's metrics; empty where there are none."""
        ...


@runtime_checkable
class ExpertEnvironment(Protocol):
    """An environment with a scripted expert, which knows the simulator's ground truth."""

    def expert_action(self) -> np.ndarray:
        """Return what the expert would do now (A,) float32 in [-1, 1]."""
        ...


def robot_environment(env: gymnasium.Env[Any, Any]) -> RobotEnvironment:
    """Return the outermost of an environment's wrappers that is a `RobotEnvironment`.

    Raises:
        ConfigError: none is.
    """
    layer: Any = env
    while not isinstance(layer, RobotEnvironment):
        if not isinstance(layer, gymnasium.Wrapper):
            raise ConfigError(
                f"environment: got {env}, expected one with action_layout, period_s, real_time and metrics(); "
                "wrap it in an adapter that adds them."
            )
        layer = layer.env
    return layer


def action_layout(env: gymnasium.Env[Any, Any]) -> ActionLayout:
    """Return the parts of an environment's action."""
    return robot_environment(env).action_layout
