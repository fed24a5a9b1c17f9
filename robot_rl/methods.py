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


DEFAULT_METHOD = "hil"
METHODS = {
    DEFAULT_METHOD: Method("critics, demonstrations and corrections, as the preset says (HIL-SERL, Luo et al. 2024)"),
    # The policy acts as it was taught, without noise: what it does wrong is the human's to see.
    "hg-dagger": Method(
        "clones demonstrations and all corrections, online; no reward (Kelly et al. 2019)",
        {
            "agent": {"objective": "imitation"},
            "learner": {"imitate": "all", "demo_fraction": 1.0},
            "deterministic_fraction": 1.0,
        },
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
    return changed(settings, {**METHODS[name].changes, "method": name}, f"method {name}")


def overridden(settings: Any, name: str) -> list[str]:
    """Return a line for each setting in which a run differs from its method, such as by a flag."""
    values = to_json(settings)
    return [
        f"method {name}: {path} is {value!r} instead of {expected!r}, by a flag or file"
        for path, value, expected in _differences(values, to_json(METHODS[name].changes), "")
    ]


def _differences(values: Any, expected: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any, Any]]:
    for key, value in expected.items():
        if isinstance(value, Mapping):
            yield from _differences(values[key], value, f"{where}{key}.")
        elif values[key] != value:
            yield f"{where}{key}", values[key], value
