"""Rules for the fields of settings, checked where they are built: each error names field, value, rule and default.

A field that is None has no limit and passes; a tuple is checked entry by entry and must have one.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controllers.checks import FloatArray, no_nan
from robot_rl.core.errors import ConfigError, unknown_name


def positive(settings: Any, *names: str, infinite: bool = False) -> None:
    """Check that fields are more than 0; `infinite` allows infinity.

    Raises:
        ConfigError: a field is not.
    """
    _check(settings, names, lambda array: (array > 0.0) & (np.isfinite(array) | infinite), "more than 0")


def at_least(settings: Any, least: float, *names: str) -> None:
    """Check that fields are finite and not less than `least`.

    Raises:
        ConfigError: a field is not.
    """
    _check(settings, names, lambda array: (array >= least) & np.isfinite(array), f"{least:g} or more")


def within(settings: Any, low: float, high: float, *names: str) -> None:
    """Check that fields lie in [low, high].

    Raises:
        ConfigError: a field does not.
    """
    rule = f"{low:g} or more" if high == math.inf else f"a number in [{low:g}, {high:g}]"
    _check(settings, names, lambda array: (array >= low) & (array <= high) & np.isfinite(array), rule)


def fraction(settings: Any, *names: str) -> None:
    """Check that fields lie in [0, 1].

    Raises:
        ConfigError: a field does not.
    """
    within(settings, 0.0, 1.0, *names)


def one_of(settings: Any, known: Iterable[str], *names: str) -> None:
    """Check that fields, or all entries of fields that are tuples, are known names.

    Raises:
        UnknownNameError: a field is not; the text holds the nearest name.
    """
    table = list(known)
    for name in names:
        value = getattr(settings, name)
        for entry in value if isinstance(value, tuple) else (value,):
            if entry not in table:
                raise unknown_name(name, entry, table)


def _check(settings: Any, names: Iterable[str], holds: Callable[[FloatArray], NDArray[np.bool]], rule: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if value is None:
            continue
        try:
            valid = np.size(value) > 0 and bool(np.all(holds(no_nan(name, value, np.size(value)))))
        except ValueError as error:
            raise ConfigError(str(error)) from None
        if not valid:
            raise ConfigError(f"{name}: got {value}, expected {rule}; {_advice(settings, name)}.")


def _advice(settings: Any, name: str) -> str:
    fields = dataclasses.fields(settings) if dataclasses.is_dataclass(settings) else ()
    defaults = [field.default for field in fields if field.name == name and field.default is not dataclasses.MISSING]
    return f"the default is {defaults[0]}" if defaults else "correct it"
