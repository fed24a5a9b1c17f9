"""Adapter of foreign Gymnasium environments: Box actions, and observations of Boxes, nested as they like.

Observation: `state` (S + 1,) float32, all vectors in the order of their names, those with bounds scaled to [-1, 1],
    then a constant 1: the agent's first LayerNorm ignores a common factor of its input, and so keeps the magnitude.
    One (image_size, image_size, 3) uint8 entry for each image, by its name; names of nested entries are joined by `/`.
Action: (A,) float32 in [-1, 1], scaled to the bounds of the environment.
info: `success` and `failure` beside what the environment reports.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Space
from gymnasium.utils import RecordConstructorArgs

from robot_rl.core.action_layout import continuous_layout
from robot_rl.core.errors import ConfigError
from robot_rl.core.extensions import resolve
from robot_rl.core.tasks import PERIOD_S, Outcome
from robot_rl.envs.foreign_config import GYM_PREFIX, ForeignConfig
from robot_rl.envs.foreign_images import is_image, resized

ForeignObservation = dict[str, np.ndarray]
SUCCESS_KEYS = ("is_success", "success", "succeed")
"""Entries of `info` that report a success: Gymnasium-Robotics, Meta-World and others, gym-hil."""
IMAGE = "image"
"""Name of an observation that is one image."""
STATE = "state"
MAX_STEPS = 1000
"""Limit of an episode where neither the environment nor the settings give one."""
SCALED_TO = 1e4
"""Bounds beyond this are formal: such an entry is not scaled."""


class ForeignEnv(gymnasium.Wrapper[ForeignObservation, np.ndarray, Any, Any], RecordConstructorArgs):
    """A foreign environment as this project's: see the module.

    Raises:
        ConfigError: spaces that an agent with continuous actions cannot use.
    """

    real_time = False

    def __init__(self, env: gymnasium.Env[Any, Any], config: ForeignConfig, *, images: bool = True) -> None:
        RecordConstructorArgs.__init__(self, config=config, images=images)  # Gymnasium's record of its arguments
        gymnasium.Wrapper.__init__(self, env)
        self._config = config
        self._low, self._high = action_bounds(env.action_space)
        entries = dict(_entries(env.observation_space))
        self._vectors = {name: _middle_and_half(space) for name, space in entries.items() if not is_image(space)}
        self._images = tuple(name for name, space in entries.items() if images and is_image(space))
        self.action_layout = continuous_layout(self._low.size)
        self.action_space = Box(-1.0, 1.0, self._low.shape, np.float32)
        self.observation_space = cast("Space[ForeignObservation]", Dict(dict(self._spaces())))
        rate_hz = env.metadata.get("render_fps") or 1.0 / PERIOD_S
        self.period_s = 1.0 / float(rate_hz)
        self._reports_success = False
        self.raw: Any = None
        """The environment's own observation."""
        self.outcome = Outcome(False, False)

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the observation's images."""
        return self._images

    def metrics(self) -> dict[str, float]:
        """Return nothing: time passes as steps are made."""
        return {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ForeignObservation, dict[str, Any]]:
        """Start an episode."""
        if seed is not None:
            np.random.seed(seed % 2**32)  # some environments draw from the global generator
        obs, info = self.env.reset(seed=seed, options=options)
        self.raw, self.outcome = obs, Outcome(False, False)
        return self._adapt(obs), dict(info)

    def step(self, action: np.ndarray) -> tuple[ForeignObservation, float, bool, bool, dict[str, Any]]:
        """Execute one action (A,) in [-1, 1]."""
        obs, reward, terminated, truncated, info = self.env.step(self._scaled(action))
        success = self._success(float(reward), bool(terminated), info)
        if self._config.reward == "success":
            reward, terminated = float(success), terminated or success
        self.raw, self.outcome = obs, Outcome(success, bool(terminated) and not success)
        info = {**info, "success": success, "failure": self.outcome.failure}
        return self._adapt(obs), float(reward) * self._config.reward_scale, bool(terminated), bool(truncated), info

    def render(self) -> np.ndarray | None:  # type: ignore[override]
        """Return an image (H, W, 3) uint8; several of one moment side by side."""
        images: Any = self.env.render()
        return np.concatenate(list(images), axis=1) if images is not None and np.ndim(images) == 4 else images

    def unscaled(self, action: np.ndarray) -> np.ndarray:
        """Return the environment's own action as one (A,) float32 in [-1, 1]."""
        share = (np.asarray(action, np.float64).ravel() - self._low) / (self._high - self._low)
        return np.clip(2.0 * share - 1.0, -1.0, 1.0).astype(np.float32)

    def _scaled(self, action: np.ndarray) -> np.ndarray:
        space = self.env.action_space
        share = (np.clip(np.asarray(action, np.float64), -1.0, 1.0) + 1.0) / 2.0
        return (self._low + share * (self._high - self._low)).reshape(space.shape).astype(space.dtype)

    def _success(self, reward: float, terminated: bool, info: Mapping[str, Any]) -> bool:
        if self._config.success == "never":
            return False
        for key in SUCCESS_KEYS:
            if key in info:
                self._reports_success = True
                return bool(np.all(info[key]))
        return self._config.success == "auto" and not self._reports_success and terminated and reward > 0.0

    def _spaces(self) -> Iterator[tuple[str, Space[Any]]]:
        if self._vectors:
            size = sum(middle.size for middle, _ in self._vectors.values())
            yield STATE, Box(-np.inf, np.inf, (size + 1,), np.float32)
        pixels = self._config.image_size
        for name in self._images:
            yield name, Box(0, 255, (pixels, pixels, 3), np.uint8)

    def _adapt(self, obs: Any) -> ForeignObservation:
        values = dict(_values(self.env.observation_space, obs))
        observation = {name: resized(values[name], self._config.image_size) for name in self._images}
        if self._vectors:
            scaled = [(values[name].ravel() - middle) / half for name, (middle, half) in self._vectors.items()]
            observation[STATE] = np.concatenate([*scaled, np.ones(1)]).astype(np.float32)
        return observation


class DemonstratedEnv(ForeignEnv):
    """A foreign environment with a policy that demonstrates: an `ExpertEnvironment`.

    Raises:
        ConfigError: no such policy, or one without `get_action`.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], config: ForeignConfig, *, images: bool = True) -> None:
        super().__init__(env, config, images=images)
        self._expert = resolve("expert", str(config.expert), {})()
        if not callable(getattr(self._expert, "get_action", None)):
            raise ConfigError(f"env.expert: got {config.expert}, expected a class with get_action(obs); add it.")

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ForeignObservation, dict[str, Any]]:
        """Start an episode, and its expert."""
        getattr(self._expert, "reset", lambda: None)()
        return super().reset(seed=seed, options=options)

    def expert_action(self) -> np.ndarray:
        """Return the expert's action (A,) float32 in [-1, 1]."""
        return self.unscaled(self._expert.get_action(self.raw))

    def true_outcome(self) -> Outcome:
        """Return whether the last step was a success, or a failure."""
        return self.outcome


def make_foreign_env(task: str, config: ForeignConfig, *, video: bool = False, images: bool = True) -> ForeignEnv:
    """Return a foreign environment by `gym:ENV_ID`, `module:Class` or `path/to/file.py:Class`.

    Args:
        video: whether `render` returns images for a video, where the environment can.
        images: whether the observation keeps its images.

    Raises:
        ConfigError: no such environment, or one that cannot be used.
    """
    env = _make(task, config, None)
    if video and "rgb_array" in (env.metadata.get("render_modes") or ()):
        env.close()
        env = _rendering(task, config)
    try:
        if env.spec is None or env.spec.max_episode_steps is None or config.max_steps is not None:
            env = gymnasium.wrappers.TimeLimit(env, config.max_steps or MAX_STEPS)
        kind = ForeignEnv if config.expert is None else DemonstratedEnv
        return kind(env, config, images=images)
    except BaseException:
        env.close()
        raise


def _rendering(task: str, config: ForeignConfig) -> gymnasium.Env[Any, Any]:
    """Return the environment with images for a video; without, where it lacks a package for them."""
    env = _make(task, config, "rgb_array")
    try:
        env.reset()
        env.render()
    except gymnasium.error.DependencyNotInstalled as error:
        print(f"no video: {error}", flush=True)
        env.close()
        return _make(task, config, None)
    return env


def _make(task: str, config: ForeignConfig, render_mode: str | None) -> gymnasium.Env[Any, Any]:
    arguments = config.arguments() | ({} if render_mode is None else {"render_mode": render_mode})
    try:
        if task.startswith(GYM_PREFIX):
            return _registered(task.removeprefix(GYM_PREFIX), arguments)
        env = resolve("environment", task, {})(**arguments)
    except (gymnasium.error.Error, ImportError, TypeError) as error:
        raise ConfigError(
            f"environment: got {task!r}, expected gym:ENV_ID, gym:PACKAGE:ENV_ID, module:Class or path/to/file.py:Class"
            f" and its arguments; {type(error).__name__}: {error}"
        ) from error
    if not isinstance(env, gymnasium.Env):
        raise ConfigError(f"environment: got {type(env).__name__} from {task!r}, expected a gymnasium.Env; correct it.")
    return env


def _registered(name: str, arguments: dict[str, Any]) -> gymnasium.Env[Any, Any]:
    """Return an environment by its id; a package whose name leads the id, `package/Name-v0`, is imported."""
    package = name.split("/")[0]
    if "/" in name and ":" not in name and name not in gymnasium.registry:
        importlib.import_module(package)
    return gymnasium.make(name, disable_env_checker=True, **arguments)


def action_bounds(space: Space[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat bounds (A,) float64 of an action.

    Raises:
        ConfigError: no Box of finite floats.
    """
    if not isinstance(space, Box) or not np.issubdtype(space.dtype, np.floating):
        raise ConfigError(
            f"action space: got {space}, expected a Box of floats; use the environment's variant with continuous "
            "actions, or wrap it in one."
        )
    low, high = space.low.ravel().astype(np.float64), space.high.ravel().astype(np.float64)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ConfigError(
            f"action space: got {space} without finite bounds, expected them, since actions in [-1, 1] are scaled to "
            "them; declare them, or wrap the environment in gymnasium.wrappers.ClipAction after a Box that has them."
        )
    return low, high


def _entries(space: Space[Any], name: str = "") -> Iterator[tuple[str, Box]]:
    """Yield (name, Box) of all entries of an observation, sorted by name within each level.

    Raises:
        ConfigError: an entry that is no Box.
    """
    if isinstance(space, Dict):
        for key in sorted(space.spaces):
            yield from _entries(space[key], f"{name}/{key}" if name else str(key))
    elif isinstance(space, Box):
        yield name or (IMAGE if is_image(space) else STATE), space
    else:
        raise ConfigError(
            f"observation {name!r}: got {space}, expected a Box, or a Dict of them; flatten it with "
            "gymnasium.wrappers.FlattenObservation, or leave it out with FilterObservation."
        )


def _values(space: Space[Any], value: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, array) of all entries of an observation, in the order of `_entries`."""
    if isinstance(space, Dict):
        for key in sorted(space.spaces):
            yield from _values(space[key], value[key], f"{name}/{key}" if name else str(key))
    else:
        yield name or (IMAGE if is_image(space) else STATE), np.asarray(value)


def _middle_and_half(space: Box) -> tuple[np.ndarray, np.ndarray]:
    """Return middle and half width (n,) of a vector's bounds; 0 and 1 for entries without useful ones."""
    low, high = space.low.ravel().astype(np.float64), space.high.ravel().astype(np.float64)
    bounded = (np.abs(low) < SCALED_TO) & (np.abs(high) < SCALED_TO) & (high > low)
    low, high = np.where(bounded, low, -1.0), np.where(bounded, high, 1.0)
    return (high + low) / 2.0, (high - low) / 2.0
