"""Settings of a foreign Gymnasium environment, and the names by which a task is one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.core.extensions import resolve

GYM_PREFIX = "gym:"
"""Before the id of an environment that a package registers with Gymnasium."""
SuccessRule = Literal["auto", "info", "never"]
RewardRule = Literal["own", "success"]


@dataclass(frozen=True)
class ForeignConfig:
    """Settings of a foreign Gymnasium environment: `gym:ENV_ID`, `module:Class` or `path/to/file.py:Class`.

    Raises:
        ConfigError: a number out of its range, or arguments that are no JSON object.
    """

    kwargs: str = "{}"
    """Arguments of the environment as a JSON object, such as '{"image_obs": true}'."""
    max_steps: int | None = None
    """Steps after which an episode is truncated; None: the environment's own limit, or 1000 where it declares none."""
    image_size: int = 64
    """Height and width to which its images are resized [pixels]."""
    reward_scale: float = 1.0
    """Factor on its rewards. Critics learn fastest where returns are within some tens."""
    success: SuccessRule = "auto"
    """Criterion of success: `auto`, an entry of `info` (is_success, success, succeed), and where there is none a
    termination with positive reward; `info`, that entry alone; `never`, nothing."""
    reward: RewardRule = "own"
    """`own`: the environment's rewards; `success`: 1 for a success, which ends the episode, else 0."""
    expert: str | None = None
    """Policy that demonstrates and corrects, `module:Class` or `path/to/file.py:Class`: a class without arguments,
    whose `get_action(obs)` takes the environment's own observation and returns its own action; with `reset()`, where
    it remembers. None: none."""

    def __post_init__(self) -> None:
        checks.one_of(self, get_args(SuccessRule), "success")
        checks.one_of(self, get_args(RewardRule), "reward")
        checks.at_least(self, 1, "max_steps")
        checks.at_least(self, 8, "image_size")
        checks.positive(self, "reward_scale")
        self.arguments()
        path, separator, name = (self.expert or "").partition(":")
        if path.endswith(".py"):  # processes of a run may have other current folders
            object.__setattr__(self, "expert", f"{Path(path).expanduser().resolve()}{separator}{name}")

    def arguments(self) -> dict[str, Any]:
        """Return the environment's arguments.

        Raises:
            ConfigError: they are no JSON object.
        """
        try:
            value = json.loads(self.kwargs)
        except ValueError as error:
            raise ConfigError(f"env.kwargs: got {self.kwargs!r}, expected a JSON object; {error}.") from error
        if not isinstance(value, dict):
            raise ConfigError(f"env.kwargs: got {self.kwargs!r}, expected a JSON object such as {{}}; correct it.")
        return value


def is_foreign(task: str) -> bool:
    """Return whether a task's name stands for a foreign environment: `module:Class` does where it names a callable.

    Raises:
        ConfigError: a module that cannot be imported, or lacks the attribute.

    Example:
        >>> [is_foreign(task) for task in ("pick-lift", "gym:Pendulum-v1", "gymnasium:Env", "math:pi")]
        [False, True, True, False]
    """
    if task.startswith(GYM_PREFIX):
        return True
    return ":" in task and callable(resolve("environment", task, {}))
