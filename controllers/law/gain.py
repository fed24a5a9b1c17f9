"""One gain of the law, declared once: default, rule, and range of its ROS parameter.

A gain is a line in `Gains` (or `LawOptions`) and a line in the law that uses it. Record, mailbox, active gains, checks
and ROS parameter follow from the declaration.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from controllers.checks import FloatArray, finite, no_nan
from controllers.records import Field

Check = Callable[[str, Any, tuple[int, ...]], FloatArray]


class Gain(NamedTuple):
    """Declaration of a gain besides its shape."""

    default: Any
    text: str
    """Meaning and units; the description of the ROS parameter."""
    bounds: tuple[float, float]
    """Bounds of each entry; an infinite bound of a finite gain is not itself allowed."""
    finite: bool
    range: tuple[float, float]
    """Range of the ROS parameter, within `bounds`."""
    ramped: bool
    """Changes are ramped with the time constant `gain_time_s`."""
    flag: bool
    """True or False; 1.0 or 0.0 in the record."""
    parameter: bool
    """Whether it is a ROS parameter."""
    check: Check | None
    """In place of bounds."""


def gain(
    default: Any,
    text: str,
    bounds: tuple[float, float] = (0.0, math.inf),
    *,
    range: tuple[float, float] | None = None,
    **kind: Any,
) -> Any:
    """Return the declaration of a gain; `kind` holds the other fields of `Gain` that differ from the usual ones."""
    usual = {"finite": True, "ramped": False, "flag": isinstance(default, bool), "parameter": True, "check": None}
    return Gain(default, text, bounds, range=range or bounds, **(usual | kind))


def checked(field: Field, value: Any, joints: int) -> FloatArray:
    """Return the value of a gain in its shape; a scalar is repeated.

    Raises:
        ValueError: another shape, nan, or a number that the declaration does not allow.
    """
    declared: Gain = field.declared
    shape = field.shape(joints)
    if declared.check is not None:
        return declared.check(field.name, value, shape)
    array = (finite if declared.finite else no_nan)(field.name, value, math.prod(shape))
    lower, upper = declared.bounds
    if not ((array >= lower) & (array <= upper)).all():
        rule = f"values >= {lower:g}" if upper == math.inf else f"values from {lower:g} to {upper:g}"
        raise ValueError(f"{field.name}: got {array.tolist()}, expected {rule}; {declared.text}.")
    return np.reshape(array, shape)
