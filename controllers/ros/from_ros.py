"""Messages to numbers: each either becomes exactly what it says, or is refused with the reason.

Works on anything with the fields of the ROS interface; nothing here knows a ROS library.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from controllers.geometry import FloatArray
from controllers.ros.rejection import CommandRejected, RejectReason

QUAT_NORM_TOLERANCE = 0.01  # as in the loop
STIFFNESS_LABEL = "stiffness"


def stamp_ns(message: Any) -> int:
    """The header's stamp [ns]."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def pose_of(message: Any, frame: str) -> tuple[FloatArray, FloatArray]:
    """p (3,) [m] and quat_xyzw (4,) of a PoseStamped. Raises: CommandRejected."""
    _check_frame(message, frame)
    p = _finite("pose.position", _xyz(message.pose.position))
    orientation = message.pose.orientation
    quat = _finite("pose.orientation", [*_numbers(orientation, "xyzw")])
    norm = float(np.linalg.norm(quat))
    if abs(norm - 1.0) > QUAT_NORM_TOLERANCE:
        raise CommandRejected(
            RejectReason.QUATERNION, f"pose.orientation: got a norm of {norm:.4g}, expected 1 within 1 %; normalise it."
        )
    return p, quat / norm


def twist_of(message: Any, frame: str) -> FloatArray:
    """The twist (6,) [m/s, rad/s] of a TwistStamped, linear first. Raises: CommandRejected."""
    _check_frame(message, frame)
    return _finite("twist", [*_xyz(message.twist.linear), *_xyz(message.twist.angular)])


def wrench_of(message: Any, frame: str) -> FloatArray:
    """The wrench (6,) [N, N m] of a WrenchStamped, force first. Raises: CommandRejected."""
    _check_frame(message, frame)
    return _finite("wrench", [*_xyz(message.wrench.force), *_xyz(message.wrench.torque)])


def stiffness_of(message: Any) -> FloatArray:
    """K (6,) [N/m, N m/rad] of a Float64MultiArray whose first dimension says so. Raises: CommandRejected."""
    dimensions = message.layout.dim
    labels = [dimension.label for dimension in dimensions]
    if labels != [STIFFNESS_LABEL]:
        raise CommandRejected(
            RejectReason.LAYOUT,
            f"layout: got dimensions {labels}, expected one with the label '{STIFFNESS_LABEL}' and size 6; "
            "an array without a label could be anything.",
        )
    if len(message.data) != 6 or dimensions[0].size != 6 or message.layout.data_offset != 0:
        raise CommandRejected(
            RejectReason.LENGTH,
            f"stiffness: got {len(message.data)} numbers in a dimension of {dimensions[0].size}, expected 6: "
            "x y z [N/m], then about x y z [N m/rad].",
        )
    return _finite("stiffness", message.data)


def posture_of(message: Any, joints: Sequence[str]) -> FloatArray:
    """Joint positions (N,) [rad] of a JointState, in our order whatever its order is. Raises: CommandRejected."""
    names = list(message.name)
    if sorted(names) != sorted(joints):
        raise CommandRejected(
            RejectReason.JOINTS,
            f"name: got unknown {sorted(set(names) - set(joints))}, missing {sorted(set(joints) - set(names))}"
            f"{', some twice' if len(set(names)) < len(names) else ''}, expected each of {list(joints)} once.",
        )
    if len(message.position) != len(names):
        raise CommandRejected(
            RejectReason.LENGTH,
            f"position: got {len(message.position)} numbers, expected {len(names)}; one for each name.",
        )
    given = dict(zip(names, message.position, strict=True))
    return _finite("position", [given[name] for name in joints])


def _check_frame(message: Any, frame: str) -> None:
    got = message.header.frame_id
    if got != frame:
        raise CommandRejected(
            RejectReason.FRAME, f"frame_id: got '{got}', expected '{frame}'; transform the command before it is sent."
        )


def _numbers(part: Any, names: str) -> Iterable[float]:
    return (getattr(part, name) for name in names)


def _xyz(part: Any) -> list[float]:
    return list(_numbers(part, "xyz"))


def _finite(name: str, values: Iterable[float]) -> FloatArray:
    array = np.array([*values], dtype=np.float64)
    if not np.isfinite(array).all():
        raise CommandRejected(
            RejectReason.NOT_FINITE, f"{name}: got {array.tolist()}, expected finite numbers; find who computes them."
        )
    return array
