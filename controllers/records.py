"""Numpy records declared once: the annotations of a class give dtype, attribute access and compiled code's view.

    class Goal(Record):
        p: Axes3
        stamp_s: float

`make_record(Goal, joints)` is an array (1,): compiled code receives one pointer and reads `goals[0].p`, Python reads
`goals.p`. A shape is a size or "N", the number of joints. Every scalar is eight bytes.
"""

from typing import Annotated, Any, Self, TypeVar, get_args, get_type_hints

import numpy as np

from controllers.checks import FloatArray

Axes1 = Annotated[FloatArray, 1]
Axes2 = Annotated[FloatArray, 2]
Axes3 = Annotated[FloatArray, 3]
Axes4 = Annotated[FloatArray, 4]
Axes6 = Annotated[FloatArray, 6]
Matrix3 = Annotated[FloatArray, 3, 3]
Matrix6 = Annotated[FloatArray, 6, 6]
Joints = Annotated[FloatArray, "N"]
JointsMatrix = Annotated[FloatArray, "N", "N"]
Jacobian = Annotated[FloatArray, 6, "N"]

Axis = int | str
R = TypeVar("R", bound="Record")


class Field:
    """One field of a record, as an attribute of the arrays of its class.

    Args:
        hint: the annotation.
        declared: what the class assigns to the name; None where it assigns nothing.
    """

    def __init__(self, name: str, hint: Any, declared: Any = None) -> None:
        self.name, self.declared = name, declared
        self._kind, *axes = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
        self.axes: tuple[Axis, ...] = tuple(axes)

    def shape(self, joints: int) -> tuple[int, ...]:
        """Return the shape for an arm of so many joints; () for a scalar."""
        return tuple(joints if axis == "N" else int(axis) for axis in self.axes)

    def format(self, joints: int) -> tuple[str, Any, tuple[int, ...]]:
        """Return name, type and shape, as numpy's dtype takes them."""
        if self._kind is bytes:
            return (self.name, f"S{self.axes[0]}", ())
        if isinstance(self._kind, type) and issubclass(self._kind, Record):
            return (self.name, record_dtype(self._kind, joints), ())
        integer = self._kind is int or "int64" in str(self._kind)
        return (self.name, "i8" if integer else "f8", self.shape(joints))

    def __get__(self, record: "Record | None", owner: "type[Record]") -> Any:
        if record is None:
            return self
        values = record[self.name]
        if isinstance(self._kind, type) and issubclass(self._kind, Record):
            return values.view(self._kind)
        value = values.view(np.ndarray)[0]
        return value if isinstance(value, np.ndarray) else value.item() if hasattr(value, "item") else value

    def __set__(self, record: "Record", value: Any) -> None:
        record[self.name] = value


class Record(np.ndarray[tuple[int], np.dtype[np.void]]):
    """Base of all records; see the module."""

    fields: dict[str, Field]
    """By name, in the order of declaration, those of the bases first."""

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        inherited = {name for base in cls.__bases__ for name in getattr(base, "fields", {})}
        names = [name for name in hints if name != "fields"]
        names.sort(key=lambda name: name not in inherited)
        cls.fields = {name: getattr(cls, "fields", {}).get(name) or _field(cls, name, hints) for name in names}

    def replaced(self, **values: Any) -> Self:
        """Return a copy with other values in these fields, as they are."""
        copy = self.copy()
        for name, value in values.items():
            copy[name] = value
        return copy


def _field(cls: type[Record], name: str, hints: dict[str, Any]) -> Field:
    field = Field(name, hints[name], cls.__dict__.get(name))
    setattr(cls, name, field)
    return field


def record_dtype(declaration: type, joints: int) -> np.dtype[np.void]:
    """Return the dtype of a record's class, or of a NamedTuple with the same annotations."""
    return np.dtype([field.format(joints) for field in fields_of(declaration).values()], align=True)


def fields_of(declaration: type) -> dict[str, Field]:
    """Return the fields of a record's class, or of a NamedTuple with the same annotations."""
    if issubclass(declaration, Record):
        return declaration.fields
    return {name: Field(name, hint) for name, hint in get_type_hints(declaration, include_extras=True).items()}


def make_record(declaration: type[R], joints: int, **values: Any) -> R:
    """Return a record with these values, and zeros elsewhere."""
    return np.zeros(1, record_dtype(declaration, joints)).view(declaration).replaced(**values)
