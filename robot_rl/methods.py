"""Methods by name: the settings that make of a task's training a method of the literature."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from robot_rl.core.errors import unknown_name
from robot_rl.core.settings import changed, to_json

T = TypeVar("T")


@dataclass(frozen=True)
class Method:
    """Settings that differ from those of the task or preset."""

    text: str
    """One line for the list of methods, with its source."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    rewards: tuple[str, ...] = ()
    """Reward sources beside those of the task."""


DEFAULT_METHOD = "hil"
_ALONE: Mapping[str, Any] = {"human": {"kind": "none"}}
_UNCLONED: Mapping[str, Any] = {"bc_weight": 0.0, "bc_weight_final": 0.0, "discrete_margin": 0.0}
_CLONED: Mapping[str, Any] = {"objective": "imitation"}
# As published, learning starts with the first steps: values of demonstrations alone have nothing to compare with.
_HALF: Mapping[str, Any] = {"imitate": "none", "demo_fraction": 0.5, "update_ratio": {"pretrain_updates": 0}}
METHODS = {
    DEFAULT_METHOD: Method("critics, demonstrations and corrections, as the preset says (HIL-SERL, Luo et al. 2024)"),
    "sac": Method(
        "soft actor-critic alone: no demonstrations, no human (Haarnoja et al. 2018)",
        {**_ALONE, "demonstrations": 0, "agent": _UNCLONED, "learner": {"imitate": "none", "demo_fraction": 0.0}},
    ),
    "rlpd": Method(
        "half of each batch from demonstrations, no human, no cloning (Ball et al. 2023)",
        {**_ALONE, "agent": _UNCLONED, "learner": _HALF},
    ),
    "rlif": Method(
        "as rlpd, from one reward: -1 where the human takes over, 0 elsewhere (Luo et al. 2023)",
        {"agent": _UNCLONED, "learner": _HALF},
        ("rlif",),
    ),
    "rlif-mixed": Method(
        "as rlif, with the -1 added to the task's reward",
        {"agent": _UNCLONED, "learner": _HALF, "reward_settings": {"rlif.task_reward": "true"}},
        ("rlif",),
    ),
    # The last policy acts, not an average: nothing disturbs it.
    "bc": Method(
        "clones the demonstrations alone, before any step of a robot (Pomerleau 1989)",
        {
            **_ALONE,
            "actors": 0,
            "agent": {**_CLONED, "target_update_rate": 1.0},
            "learner": {"imitate": "none", "demo_fraction": 1.0, "update_ratio": {"pretrain_updates": 6000}},
        },
    ),
    "iql": Method(
        "cloning weighted by the advantage, of critics that judge seen actions alone (Kostrikov et al. 2021)",
        {
            **_ALONE,
            "agent": {"objective": "iql"},
            "learner": {"imitate": "none", "demo_fraction": 0.5, "update_ratio": {"pretrain_updates": 6000}},
        },
    ),
    "cal-ql": Method(
        "as hil, after offline updates with calibrated conservative critics (Nakamoto et al. 2023)",
        {
            "agent": {"conservative_weight": 0.1, "conservative_updates": 3000},
            "learner": {"update_ratio": {"pretrain_updates": 3000}},
        },
    ),
    # The policy acts as it was taught, without noise: what it does wrong is the human's to see.
    "hg-dagger": Method(
        "clones demonstrations and all corrections, online; no reward (Kelly et al. 2019)",
        {"agent": _CLONED, "learner": {"imitate": "all", "demo_fraction": 1.0}, "deterministic_fraction": 1.0},
    ),
    "filtered": Method(
        "clones every step of episodes that succeeded, the human's and its own, online (%BC, Chen et al. 2021)",
        {"agent": _CLONED, "learner": {"imitate": "episodes", "demo_fraction": 1.0}},
    ),
}
"""Name -> settings."""


def check_method(name: str) -> None:
    """Check the name of a method.

    Raises:
        UnknownNameError: none has it; the text holds the nearest.
    """
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)


def with_method(settings: T, name: str) -> T:
    """Return a run's settings, changed to those of a method.

    Raises:
        UnknownNameError: no method of that name.
        ConfigError: the changes do not fit.
    """
    check_method(name)
    return changed(settings, {**_changes(settings, METHODS[name]), "method": name}, f"method {name}")


def overridden(settings: Any) -> list[str]:
    """Return a line for each setting in which a run differs from its method, such as by a flag."""
    name = settings.method
    return [
        f"method {name}: {path} is {value!r} instead of {expected!r}, by a flag or file"
        for path, value, expected in _differences(to_json(settings), to_json(_changes(settings, METHODS[name])), "")
    ]


def _changes(settings: Any, method: Method) -> dict[str, Any]:
    added = [source for source in method.rewards if source not in settings.rewards]
    return {**method.changes, **({"rewards": (*settings.rewards, *added)} if added else {})}


def _differences(values: Any, expected: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any, Any]]:
    for key, value in expected.items():
        if isinstance(value, Mapping):
            yield from _differences(values[key], value, f"{where}{key}.")
        elif values.get(key) != value:
            yield f"{where}{key}", values.get(key), value
