"""Messages of the learning side: poses and images, to messages of the ROS graph and back, over any wire.

All else is the controllers' codec (`controllers.ros.to_ros`, `from_ros`). Stamps are nanoseconds since the epoch, on
the wire's clock.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from controllers.geometry import matrix_from_quat
from controllers.ros import from_ros, to_ros
from controllers.ros.wire import Wire
from robot_rl.core.errors import BadMessageError
from robot_rl.core.pose import Pose

OK, WARN, ERROR = 0, 1, 2  # levels of a DiagnosticStatus
_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}
_POSE, _TWIST, _WRENCH = (f"geometry_msgs/msg/{name}Stamped" for name in ("Pose", "Twist", "Wrench"))


def stamped(wire: Wire, type_name: str, stamp_ns: int, frame: str = "", **fields: Any) -> Any:
    """Return a message of a type with a header."""
    return to_ros.stamped(wire.make(type_name, **fields), int(stamp_ns), frame)


def pose_message(wire: Wire, T: Pose, stamp_ns: int, frame: str) -> Any:
    """Return `T` as a PoseStamped."""
    return to_ros.stamped(to_ros.put_pose(wire.make(_POSE), T.p, to_ros.quat_of(T.R)), stamp_ns, frame)


def twist_message(wire: Wire, twist: np.ndarray, stamp_ns: int, frame: str) -> Any:
    """Return (6,), linear first, as a TwistStamped."""
    return to_ros.stamped(to_ros.put_twist(wire.make(_TWIST), twist), stamp_ns, frame)


def wrench_message(wire: Wire, wrench: np.ndarray, stamp_ns: int, frame: str) -> Any:
    """Return (6,), force first, as a WrenchStamped."""
    return to_ros.stamped(to_ros.put_wrench(wire.make(_WRENCH), wrench), stamp_ns, frame)


def joints_message(wire: Wire, names: Sequence[str], q: np.ndarray, stamp_ns: int) -> Any:
    """Return positions as a JointState."""
    position = np.asarray(q, dtype=np.float64)
    return stamped(wire, "sensor_msgs/msg/JointState", stamp_ns, name=list(names), position=position)


def image_message(wire: Wire, image: np.ndarray, stamp_ns: int, frame_id: str) -> Any:
    """Return an image (H, W, 3) uint8 RGB as an Image, rgb8 without padding."""
    height, width, channels = image.shape
    data = np.ascontiguousarray(image, dtype=np.uint8).reshape(-1)
    return stamped(
        wire, "sensor_msgs/msg/Image", stamp_ns, frame_id,
        height=height, width=width, encoding="rgb8", step=width * channels, data=data,
    )  # fmt: skip


def read_pose(message: Any, frame: str) -> Pose:
    """Return the pose of a PoseStamped.

    Raises:
        CommandRejected: numbers that are not finite, another frame, or a quaternion of another length than 1.
    """
    p, quat_xyzw = from_ros.pose_of(message, frame)
    R = np.empty((3, 3))
    matrix_from_quat(quat_xyzw, R)
    return Pose(p, R)


def read_status(message: Any) -> tuple[int, str]:
    """Return level and text of a DiagnosticStatus; the level is a byte in rclpy and a number elsewhere."""
    level = message.level
    return (level[0] if isinstance(level, bytes) else int(level)), str(message.message)


def read_image(message: Any) -> np.ndarray:
    """Return the image (H, W, 3) uint8 RGB of an Image; a view of the message's memory where that is possible.

    Raises:
        BadMessageError: an encoding that is not a colour image, or fewer bytes than its size needs.
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
