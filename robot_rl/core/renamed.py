"""Settings that had another name: files of old runs are read with the new one, old flags are refused with it."""

import json
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
    "agent.gripper_hidden": "agent.discrete_hidden",
    "agent.gripper_penalty": "agent.toggle_penalty",
    "agent.gripper_open_above": "agent.position_threshold",
    "agent.gripper_exploration": "agent.discrete_exploration",
    "agent.gripper_margin": "agent.discrete_margin",
    "learner.governor": "learner.update_ratio",
    "greedy_share": "deterministic_fraction",
    "patience_s": "weights_timeout_s",
}
"""Old dotted name -> new one, in the order of their change; the meaning is the same."""

RETIRED: dict[str, Any] = {
    "agent.gripper_mode": ...,
    "agent.gripper_state_index": ...,
    "arbiter.blend_s": 0.1,
    "arbiter.gripper_axes": [6],
    "learner.metrics_every_s": 1.0,
    "learner.poll_timeout_s": 0.05,
    "learner.update_ratio.lead_updates": 0,
    "robot.reset_pause_s": ...,
}
"""Dotted name of a setting that is none any more -> its value, which is fixed now; ...: it follows from others."""
FIXED = RETIRED | {"image_size": ..., "key_point_weight": 0.3, "rebuild_weight": 0.2, "pendant.reconnect_s": 0.25}
"""Those, and flags of `serve`, `train-encoder` and `doctor pendant`, which no run's file holds."""

RENAMED_WORDS = {"snapshot": "look", "nobody": "none", "clumsy": "imperfect"}
"""Old command, value of `--by` or ablation -> the new one."""


def refuse_old_name(what: str, name: str) -> None:
    """Check that a command, a value of `--by` or a preset has no name of an earlier version.

    Raises:
        ConfigError: it has; the text holds the new name.
    """
    head, dash, last = name.rpartition("-")
    if last in RENAMED_WORDS:
        present = head + dash + RENAMED_WORDS[last]
        raise ConfigError(f"{what}: got {name!r}, a name of an earlier version, expected {present!r}; write that.")


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
    """Return settings as an old run's file holds them with the present names, without those that are fixed now.

    Raises:
        ConfigError: one that is fixed now has another value.
    """
    for old, new in RENAMED.items():
        settings = _moved(settings, old.split("."), new.rsplit(".", 1)[-1])
    for name, value in RETIRED.items():
        settings = _without(settings, name.split("."), value)
    human = settings.get("human")
    return settings | {"human": _device_settings(human)} if isinstance(human, dict) else settings


def refuse_old_flags(flags: Iterable[str]) -> None:
    """Check that no flag has the name of an earlier version.

    Raises:
        ConfigError: one has; the text holds the new name, or the value that is fixed now.
    """
    for flag in flags:
        word = flag.partition("=")[0]
        name = word.removeprefix("--").replace("-", "_")
        if name.startswith("human.pendant."):
            present = f"--human.settings {name.removeprefix('human.pendant.')} VALUE"
            raise ConfigError(f"{word}: got a flag of an earlier version, expected {present}.")
        if word.startswith("--") and new_name(name) in FIXED:
            value = FIXED[new_name(name)]
            rule = "it follows from other settings" if value is ... else f"its value is {value} always"
            raise ConfigError(f"{word}: got a flag of an earlier version, expected none; {rule}.")
        if word.startswith("--") and new_name(name) != name:
            present = "--" + new_name(name).replace("_", "-")
            raise ConfigError(f"{word}: got a flag of an earlier version, expected {present}; its values are the same.")


def _device_settings(human: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of `human` with those of `human.pendant` as the device's settings."""
    rest = {name: value for name, value in human.items() if name != "pendant"}
    if human.get("kind") != "pendant" or "pendant" not in human:
        return rest
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in human["pendant"].items()}
    return rest | {"settings": {name: text for name, text in texts.items() if name != "reconnect_s"}}


def _without(settings: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """Return `settings` without the entry at `path`.

    Raises:
        ConfigError: it differs from `value`.
    """
    first, *rest = path
    if first not in settings:
        return settings
    inner = settings[first]
    if rest:
        return {**settings, first: _without(inner, rest, value)} if isinstance(inner, dict) else settings
    if value is not ... and inner != value:
        raise ConfigError(f"{first}: got {inner!r}, expected {value!r}, which is fixed now; remove it from the file.")
    return {key: entry for key, entry in settings.items() if key != first}


def _moved(settings: dict[str, Any], path: list[str], name: str) -> dict[str, Any]:
    """Return `settings` with the entry at `path` renamed, in its place; unchanged where there is none."""
    first, *rest = path
    if first not in settings:
        return settings
    if rest:
        inner = settings[first]
        return {**settings, first: _moved(inner, rest, name)} if isinstance(inner, dict) else settings
    return {name if key == first else key: value for key, value in settings.items()}
