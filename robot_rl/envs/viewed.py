"""Environment of the simulator that shows itself in three dimensions in a browser."""

from typing import Any, cast

import gymnasium as gym

from robot_rl.core.errors import ConfigError
from robot_rl.envs.arm_env import ArmEnv
from robot_rl.envs.simulated import simulation_of
from robot_rl.sim.scene_view import SceneView


class Viewed(gym.Wrapper[Any, Any, Any, Any]):
    """An environment of the simulator that shows itself after each reset and step.

    Raises:
        ConfigError: the extra `view3d` is not installed, the port is taken, or there is no simulation.
    """

    def __init__(self, env: gym.Env[Any, Any], port: int) -> None:
        super().__init__(env)
        if not isinstance(env.unwrapped, ArmEnv) or env.unwrapped.real_time:
            raise ConfigError(f"--view3d: got {env}, expected a task in the simulator; --page shows an arm's cameras.")
        self._scene = SceneView(simulation_of(env.unwrapped), port)
        self.url = self._scene.url

    def reset(self, **options: Any) -> Any:
        """Reset, and show the new scene."""
        result = self.env.reset(**options)
        self._scene.begin()
        self._show(result[0])
        return result

    def step(self, action: Any) -> Any:
        """Step, and show what became of it."""
        result = self.env.step(action)
        self._show(result[0])
        return result

    def close(self) -> None:
        """End the view, close the environment."""
        self._scene.close()
        self.env.close()

    def _show(self, observation: Any) -> None:
        env = cast(ArmEnv, self.env.unwrapped)
        self._scene.show(next(iter(env.targets.values())), observation)
