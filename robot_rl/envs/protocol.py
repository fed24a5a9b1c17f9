"""Protocols of environments beyond `gymnasium.Env`, and their lookup among wrappers."""

from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np

from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.errors import ConfigError
from robot_rl.core.tasks import Outcome


@runtime_checkable
class RobotEnvironment(Protocol):
    """An environment with a named action layout and a kind of time.

    `ArmEnv` is one. An adapter makes one of a foreign environment: a `gymnasium.Wrapper` with these three members.
    """

    action_layout: ActionLayout
    period_s: float
    """Task time of one step [s]."""
    real_time: bool
    """Whether the environment runs in real time: `step` waits for the clock."""

    def metrics(self) -> dict[str, float]:
        """Measurements of the session so far, for the run's metrics; empty where there are none."""


@runtime_checkable
class ExpertEnvironment(Protocol):
    """An environment with a scripted expert, which uses the simulator's ground truth."""

    def expert_action(self) -> np.ndarray:
        """Return the expert's action (A,) float32 in [-1, 1]."""

    def true_outcome(self) -> Outcome:
        """Return whether the episode is won or lost now, whatever the environment's own steps say."""


def expert_environment(env: gymnasium.Env[Any, Any]) -> ExpertEnvironment:
    """Return an environment's outermost layer that has a scripted expert.

    Raises:
        ConfigError: none has.
    """
    layer: ExpertEnvironment | None = _outermost(env, ExpertEnvironment)
    if layer is None:
        raise ConfigError(
            f"expert: got {env}, expected a simulated environment, or --env.expert; use a device on a real arm."
        )
    return layer


def robot_environment(env: gymnasium.Env[Any, Any]) -> RobotEnvironment:
    """Return an environment's outermost wrapper that is a `RobotEnvironment`.

    Raises:
        ConfigError: none is.
    """
    layer: RobotEnvironment | None = _outermost(env, RobotEnvironment)
    if layer is None:
        raise ConfigError(
            f"environment: got {env}, expected one with action_layout, period_s, real_time and metrics(); "
            "wrap it in an adapter that adds them."
        )
    return layer


def _outermost(env: gymnasium.Env[Any, Any], protocol: Any) -> Any:
    """Return the outermost layer of an environment that meets a protocol; None where none does."""
    layer: Any = env
    while not isinstance(layer, protocol):
        if not isinstance(layer, gymnasium.Wrapper):
            return None
        layer = layer.env
    return layer


def action_layout(env: gymnasium.Env[Any, Any]) -> ActionLayout:
    """Return the parts of an environment's action."""
    return robot_environment(env).action_layout
