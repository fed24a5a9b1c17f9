"""Settings that had another name: files of old runs are read with the new one, old flags are refused with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from robot_rl.core.errors import ConfigError

RENAMED = {
    "eyes": "vision",
    "robot.referee": "robot.episode_source",
    "human.mover": "human.motion_device",
    "human.scripted.patience_steps": "human.scripted.intervene_after_steps",
    "human.scripted.clumsiness": "human.scripted.action_noise",
    "agent.ensemble": "agent.num_critics",
    "agent.subset": "agent.num_target_critics",
    "learner.governor": "learner.update_ratio",
    "greedy_share": "deterministic_fraction",
    "patience_s": "weights_timeout_s",
}
"""Old dotted name -> new one, in the order of their change; the meaning is the same."""

DERIVED = ("arbiter.gripper_axes",)
"""Settings of old runs that follow from the task now."""


def new_name(name: str) -> str:
    """Return the present name of a setting, or of one within it.

    Example:
        >>> new_name("eyes.mode"), new_name("seed")
        ('vision.mode', 'seed')
    """
    for old, new in RENAMED.items():
        if name == old or name.startswith(f"{old}."):
            name = new + name.removeprefix(old)
    return name


def upgrade(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as an old run's file holds them with the present names."""
    for old, new in RENAMED.items():
        settings = _moved(settings, old.split("."), new.rsplit(".", 1)[-1])
    return {key: _without(key, value) for key, value in settings.items()}


def refuse_old_flags(flags: Iterable[str]) -> None:
    """Check that no flag has the name of an earlier version.

    Raises:
        ConfigError: one has; the text holds the new name.
    """
    for flag in flags:
        word = flag.partition("=")[0]
        name = word.removeprefix("--").replace("-", "_")
        if word.startswith("--") and new_name(name) != name:
            present = "--" + new_name(name).replace("_", "-")
            raise ConfigError(f"{word}: got a flag of an earlier version, expected {present}; its values are the same.")


def _without(room: str, settings: Any) -> Any:
    """Return a room's settings without those that are derived now."""
    if not isinstance(settings, dict):
        return settings
    return {key: value for key, value in settings.items() if f"{room}.{key}" not in DERIVED}


def _moved(settings: dict[str, Any], path: list[str], name: str) -> dict[str, Any]:
    """Return `settings` with the entry at `path` renamed, in its place; unchanged where there is none."""
    first, *rest = path
    if first not in settings:
        return settings
    if rest:
        inner = settings[first]
        return {**settings, first: _moved(inner, rest, name)} if isinstance(inner, dict) else settings
    return {name if key == first else key: value for key, value in settings.items()}
