"""Settings that had another name: files of old runs are read with the new one."""

import json
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
