"""Images, depth, intrinsics and health of a camera as messages of the ROS graph, over any wire."""

from typing import Any

import numpy as np

from controllers.ros import graph, to_ros
from controllers.ros.diagnostics import Level, StatusReport
from controllers.ros.wire import Wire
from robot_rl.hardware.cameras.camera import Intrinsics
from robot_rl.hardware.cameras.grabber import CameraHealth
from robot_rl.hardware.graph.messages import stamped
from robot_rl.nodes.camera_parameters import Extrinsics


def depth_message(wire: Wire, depth_mm: np.ndarray, stamp_ns: int, frame: str) -> Any:
    """Return (H, W) uint16 [mm] as 16UC1 (REP 118)."""
    height, width = depth_mm.shape
    data = np.ascontiguousarray(depth_mm, "<u2").reshape(-1).view(np.uint8)
    size = {"height": height, "width": width, "step": 2 * width}
    return stamped(wire, "sensor_msgs/msg/Image", stamp_ns, frame, encoding="16UC1", data=data, **size)


def jpeg_message(wire: Wire, image: np.ndarray, quality: int, stamp_ns: int, frame: str) -> Any:
    """Return (H, W, 3) uint8 RGB as JPEG."""
    import cv2

    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    data, form = np.asarray(data, np.uint8).reshape(-1), "rgb8; jpeg compressed bgr8"
    return stamped(wire, "sensor_msgs/msg/CompressedImage", stamp_ns, frame, format=form, data=data)


def info_message(wire: Wire, height: int, width: int, pinhole: Intrinsics | None, stamp_ns: int, frame: str) -> Any:
    """Return the intrinsics; zeros where they are unknown, which in ROS means not calibrated."""
    info = stamped(wire, "sensor_msgs/msg/CameraInfo", stamp_ns, frame, height=height, width=width)
    if pinhole is None:
        return info
    fx, fy, cx, cy = pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy
    info.distortion_model, info.d = pinhole.model, list(pinhole.distortion)
    info.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def transform_message(wire: Wire, extrinsics: Extrinsics, stamp_ns: int, frame: str) -> Any:
    """The pose of the optical frame `frame`, for `/tf_static`."""
    transform = wire.make("geometry_msgs/msg/TransformStamped")
    to_ros.put_transform(transform, frame, extrinsics.xyz, extrinsics.quat_xyzw)
    to_ros.stamped(transform, stamp_ns, extrinsics.parent)
    return wire.make("tf2_msgs/msg/TFMessage", transforms=[transform])


def diagnostics_message(wire: Wire, name: str, health: CameraHealth, fps: float, stamp_ns: int) -> Any:
    """A camera's health."""
    level = Level.OK if health.connected and not health.trouble else Level.ERROR
    values: dict[str, Any] = {
        "fps": round(fps, 1),
        "frames": health.frames,
        "dropped": health.dropped,
        "reconnects": max(0, health.opened - 1),
        "clock changes": health.clock_changes,
        "age [s]": "none yet" if health.age_s is None else round(health.age_s, 3),
        "temperature [C]": "unknown" if health.temperature_c is None else health.temperature_c,
    }
    pairs = tuple((key, str(value)) for key, value in values.items())
    report = StatusReport(level, health.trouble or "streaming", pairs)
    status = to_ros.status_message(wire, report, f"camera: {name}")
    return stamped(wire, graph.DIAGNOSTICS.type, stamp_ns, "", status=[status])
