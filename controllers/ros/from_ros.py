"""Conversion of ROS messages to arrays; an invalid message is rejected with the reason.

Independent of ROS libraries: works on any object with the fields of the ROS interface.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from controllers.geometry import FloatArray
from controllers.ros.diagnostics import Level
from controllers.ros.rejection import CommandRejected, RejectReason
from controllers.ros.stops import StopReport

QUAT_NORM_TOLERANCE = 0.01  # as in the loop


def stamp_ns(message: Any) -> int:
    """Return the header's stamp [ns]."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def stop_report_of(message: Any) -> StopReport:
    """Return the report in a DiagnosticStatus: any level but OK stops, STALE is a source that ends in good order."""
    level = message.level[0] if isinstance(message.level, bytes) else int(message.level)
    values = {pair.key: pair.value for pair in message.values}
    clears, lifts = values.get("clears", ""), values.get("lifts", "").split(", ")
    why = "" if level in (Level.OK, Level.STALE) else message.message or "pressed"
    count = int(clears) if clears.isdecimal() else 0
    return StopReport(
        message.name, why, count, level == Level.STALE, values.get("process", ""), tuple(filter(None, lifts))
    )


def pose_of(message: Any, frame: str) -> tuple[FloatArray, FloatArray]:
    """Return p (3,) [m] and quat_xyzw (4,) of a PoseStamped.

    Raises:
        CommandRejected: invalid numbers or frame.
    """
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
    """Return the twist (6,) [m/s, rad/s] of a TwistStamped, linear first.

    Raises:
        CommandRejected: invalid numbers or frame.
    """
    _check_frame(message, frame)
    return _finite("twist", [*_xyz(message.twist.linear), *_xyz(message.twist.angular)])


def wrench_of(message: Any, frame: str) -> FloatArray:
    """Return the wrench (6,) [N, N m] of a WrenchStamped, force first.

    Raises:
        CommandRejected: invalid numbers or frame.
    """
    _check_frame(message, frame)
    return _finite("wrench", [*_xyz(message.wrench.force), *_xyz(message.wrench.torque)])


def numbers_of(message: Any, usual: str = "", usual_size: int = 0) -> dict[str, FloatArray]:
    """Return the arrays of a Float64MultiArray, one for each dimension, by its label.

    Args:
        usual: label of an array without dimensions that has `usual_size` numbers.

    Raises:
        CommandRejected: a dimension without a label, or a length that differs from the dimensions.
    """
    dimensions, start = message.layout.dim, int(message.layout.data_offset)
    if usual and not dimensions and len(message.data) == usual_size:
        return {usual: np.array(message.data, np.float64)}
    if not dimensions or not all(dimension.label for dimension in dimensions):
        raise CommandRejected(
            RejectReason.LAYOUT,
            f"layout: got dimensions {[dimension.label for dimension in dimensions]}, expected each with a label, as "
            "in 'stiffness' with size 6; an array without a label could be anything.",
        )
    sizes = [int(dimension.size) for dimension in dimensions]
    if start + sum(sizes) != len(message.data):
        raise CommandRejected(
            RejectReason.LENGTH, f"data: got {len(message.data)} numbers, expected {start + sum(sizes)}; correct it."
        )
    data, ends = np.asarray(message.data, np.float64), start + np.cumsum(sizes)
    labels = [str(dimension.label) for dimension in dimensions]
    return {label: data[end - size : end].copy() for label, size, end in zip(labels, sizes, ends, strict=True)}


def posture_of(message: Any, joints: Sequence[str]) -> FloatArray:
    """Return the joint positions (N,) [rad] of a JointState in our order.

    Raises:
        CommandRejected: unknown, missing or repeated joints, or invalid numbers.
    """
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


def positions_of(message: Any, joints: Sequence[str]) -> FloatArray:
    """Return the positions of the named joints of a JointState, in this order; others are ignored.

    Raises:
        CommandRejected: missing joints, or invalid numbers.
    """
    at = {name: i for i, name in enumerate(message.name)}
    if len(message.position) != len(message.name) or not set(joints) <= set(at):
        raise CommandRejected(
            RejectReason.JOINTS,
            f"joints: got {len(message.position)} positions of {list(message.name)}, expected {list(joints)}; "
            "another arm's or hand's topic?",
        )
    return _finite("position", [message.position[at[name]] for name in joints])


def _check_frame(message: Any, frame: str) -> None:
    got = message.header.frame_id
    if got not in (frame, frame.rsplit("/", 1)[-1]):  # without its prefix it is that of the topic's arm, too
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
            RejectReason.NOT_FINITE, f"{name}: got {array.tolist()}, expected finite numbers; check its publisher."
        )
    return array
