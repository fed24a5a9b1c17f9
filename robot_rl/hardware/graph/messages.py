"""Poses, twists, wrenches, joints and images, to messages of the ROS graph and back, over any wire.

Reading checks what a controller or a policy must be able to trust: finite numbers, the expected frame, the expected
joints. Stamps are nanoseconds since the epoch, as the wire's clock tells them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from controllers.geometry import matrix_from_quat, quat_from_matrix
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import BadMessageError
from robot_rl.core.pose import Pose
from robot_rl.hardware.graph.wire import Wire

OK, WARN, ERROR = 0, 1, 2  # levels of a DiagnosticStatus
_QUATERNION_SLACK = 0.01  # of its length: rounding, not another unit
_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}


def stamp_of(message: Any) -> int:
    """The header's stamp [ns]."""
    stamp = message.header.stamp
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def stamped(wire: Wire, type_name: str, stamp_ns: int, frame: str = "", **fields: Any) -> Any:
    """A message of a type with a header."""
    message = wire.make(type_name, **fields)
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(int(stamp_ns), NS_PER_S)
    message.header.frame_id = frame
    return message


def pose_message(wire: Wire, T: Pose, stamp_ns: int, frame: str) -> Any:
    """`T` as a PoseStamped."""
    message = stamped(wire, "geometry_msgs/msg/PoseStamped", stamp_ns, frame)
    _fill(message.pose.position, "xyz", T.p)
    _fill(message.pose.orientation, "xyzw", quat_from_matrix(np.ascontiguousarray(T.R, dtype=np.float64)))
    return message


def twist_message(wire: Wire, twist: np.ndarray, stamp_ns: int, frame: str) -> Any:
    """(6,) linear first, as a TwistStamped."""
    message = stamped(wire, "geometry_msgs/msg/TwistStamped", stamp_ns, frame)
    _fill(message.twist.linear, "xyz", twist[:3])
    _fill(message.twist.angular, "xyz", twist[3:])
    return message


def wrench_message(wire: Wire, wrench: np.ndarray, stamp_ns: int, frame: str) -> Any:
    """(6,) force first, as a WrenchStamped."""
    message = stamped(wire, "geometry_msgs/msg/WrenchStamped", stamp_ns, frame)
    _fill(message.wrench.force, "xyz", wrench[:3])
    _fill(message.wrench.torque, "xyz", wrench[3:])
    return message


def joints_message(
    wire: Wire,
    names: Sequence[str],
    q: np.ndarray,
    stamp_ns: int,
    dq: np.ndarray | Sequence[float] = (),
    tau: np.ndarray | Sequence[float] = (),
) -> Any:
    """A JointState; what is not known of velocity and effort stays empty."""
    position, velocity, effort = (np.asarray(part, dtype=np.float64) for part in (q, dq, tau))
    return stamped(
        wire, "sensor_msgs/msg/JointState", stamp_ns,
        name=list(names), position=position, velocity=velocity, effort=effort,
    )  # fmt: skip


def status_message(wire: Wire, name: str, level: int, text: str, values: Mapping[str, str]) -> Any:
    """A DiagnosticStatus."""
    pairs = [wire.make("diagnostic_msgs/msg/KeyValue", key=key, value=value) for key, value in values.items()]
    return wire.make("diagnostic_msgs/msg/DiagnosticStatus", level=level, name=name, message=text, values=pairs)


def image_message(wire: Wire, image: np.ndarray, stamp_ns: int, frame_id: str) -> Any:
    """An image (H, W, 3) uint8 RGB as an Image, rgb8 without padding."""
    height, width, channels = image.shape
    data = np.ascontiguousarray(image, dtype=np.uint8).reshape(-1)
    return stamped(
        wire, "sensor_msgs/msg/Image", stamp_ns, frame_id,
        height=height, width=width, encoding="rgb8", step=width * channels, data=data,
    )  # fmt: skip


def read_pose(message: Any, frame: str) -> Pose:
    """The pose of a PoseStamped.

    Raises:
        BadMessageError: numbers that are not finite, another frame, or a quaternion of another length than 1.
    """
    _check_frame(message, frame)
    p, q = message.pose.position, message.pose.orientation
    numbers = _finite("pose", (p.x, p.y, p.z, q.x, q.y, q.z, q.w))
    length = math.sqrt(float(numbers[3:] @ numbers[3:]))
    if abs(length - 1.0) > _QUATERNION_SLACK:
        raise BadMessageError(f"orientation: got a quaternion of length {length:.3f}, expected 1; normalise it.")
    R = np.empty((3, 3))
    matrix_from_quat(numbers[3:] / length, R)
    return Pose(numbers[:3].copy(), R)


def read_twist(message: Any, frame: str) -> np.ndarray:
    """The twist (6,) of a TwistStamped. Raises: BadMessageError."""
    _check_frame(message, frame)
    v, w = message.twist.linear, message.twist.angular
    return _finite("twist", (v.x, v.y, v.z, w.x, w.y, w.z))


def read_wrench(message: Any, frame: str) -> np.ndarray:
    """The wrench (6,) of a WrenchStamped. Raises: BadMessageError."""
    _check_frame(message, frame)
    f, m = message.wrench.force, message.wrench.torque
    return _finite("wrench", (f.x, f.y, f.z, m.x, m.y, m.z))


def read_positions(message: Any, names: Sequence[str]) -> np.ndarray:
    """Positions of the named joints of a JointState, in the order of `names`, whatever the message's is.

    Raises:
        BadMessageError: a joint is missing, there are fewer positions than names, or numbers are not finite.
    """
    at = {name: i for i, name in enumerate(message.name)}
    if len(message.position) != len(message.name) or not set(names) <= set(at):
        raise BadMessageError(
            f"joints: got {len(message.position)} positions of {list(message.name)}, expected {list(names)}; "
            "another arm's or hand's topic?"
        )
    return _finite("positions", [message.position[at[name]] for name in names])


def read_status(message: Any) -> tuple[int, str]:
    """Level and text of a DiagnosticStatus; the level is a byte in rclpy and a number elsewhere."""
    level = message.level
    return (level[0] if isinstance(level, bytes) else int(level)), str(message.message)


def read_image(message: Any) -> np.ndarray:
    """The image (H, W, 3) uint8 RGB of an Image; a view of the message's memory where that is possible.

    Raises:
        BadMessageError: an encoding that is no colour image, or fewer bytes than its size needs.
    """
    channels = _CHANNELS.get(message.encoding)
    if channels is None:
        raise BadMessageError(
            f"encoding: got {message.encoding!r}, expected one of {sorted(_CHANNELS)}; subscribe to a colour topic."
        )
    height, width, step = int(message.height), int(message.width), int(message.step)
    data = np.frombuffer(message.data, np.uint8)
    if height < 1 or width < 1 or step < width * channels or len(data) < step * height:
        raise BadMessageError(
            f"image: got {len(data)} bytes for {height} rows of {step}, {width} pixels wide, expected at least "
            f"{height} rows of {width * channels}; its publisher is broken."
        )
    rows = data[: step * height].reshape(height, step)[:, : width * channels].reshape(height, width, channels)
    return _as_rgb(rows, message.encoding)


def _as_rgb(rows: np.ndarray, encoding: str) -> np.ndarray:
    if encoding == "mono8":
        return np.repeat(rows, 3, axis=2)
    return rows[:, :, 2::-1] if encoding.startswith("bgr") else rows[:, :, :3]


def _fill(part: Any, axes: str, numbers: Sequence[float] | np.ndarray) -> None:
    for axis, number in zip(axes, numbers, strict=True):
        setattr(part, axis, float(number))


def _check_frame(message: Any, frame: str) -> None:
    if message.header.frame_id != frame:
        raise BadMessageError(f"frame_id: got {message.header.frame_id!r}, expected {frame!r}; transform it first.")


def _finite(what: str, numbers: Sequence[float]) -> np.ndarray:
    array = np.array(numbers, dtype=np.float64)
    if not np.isfinite(array).all():
        raise BadMessageError(f"{what}: got {array.tolist()}, expected finite numbers; it was dropped.")
    return array
