"""Images, depth, intrinsics and health as ROS messages. Needs a sourced ROS 2."""

from __future__ import annotations

import array
from typing import Any

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from robot_rl.core.clock import NS_PER_S
from robot_rl.hardware.cameras.camera import Intrinsics
from robot_rl.hardware.cameras.grabber import CameraHealth
from robot_rl.nodes.camera_parameters import Extrinsics


def header(stamp_ns: int, frame_id: str) -> Header:
    """Return a header with a stamp in ROS time [ns]."""
    return Header(stamp=Time(sec=stamp_ns // NS_PER_S, nanosec=stamp_ns % NS_PER_S), frame_id=frame_id)


def colour_message(head: Header, image: np.ndarray) -> Image:
    """Return (H, W, 3) uint8 RGB as rgb8."""
    return _image(head, image, "rgb8")


def depth_message(head: Header, depth_mm: np.ndarray) -> Image:
    """Return (H, W) uint16 [mm] as 16UC1 (REP 118)."""
    return _image(head, depth_mm.astype("<u2", copy=False), "16UC1")


def jpeg_message(head: Header, image: np.ndarray, quality: int) -> CompressedImage:
    """Return (H, W, 3) uint8 RGB as JPEG."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return CompressedImage(header=head, format="rgb8; jpeg compressed bgr8", data=array.array("B", data.tobytes()))


def info_message(head: Header, height: int, width: int, pinhole: Intrinsics | None) -> CameraInfo:
    """Return the intrinsics; zeros where they are unknown, which in ROS means not calibrated."""
    info = CameraInfo(header=head, height=height, width=width)
    if pinhole is None:
        return info
    fx, fy, cx, cy = pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy
    info.distortion_model, info.d = pinhole.model, list(pinhole.distortion)
    info.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def transform_message(head: Header, extrinsics: Extrinsics) -> TransformStamped:
    """Return the camera's transform; `head.frame_id` is the optical frame."""
    transform = TransformStamped(header=Header(stamp=head.stamp, frame_id=extrinsics.parent))
    transform.child_frame_id = head.frame_id
    moved, turned = transform.transform.translation, transform.transform.rotation
    moved.x, moved.y, moved.z = extrinsics.xyz
    turned.x, turned.y, turned.z, turned.w = extrinsics.quat_xyzw
    return transform


def diagnostics_message(head: Header, name: str, health: CameraHealth, fps: float) -> DiagnosticArray:
    """Return a camera's health."""
    level = DiagnosticStatus.OK if health.connected and not health.trouble else DiagnosticStatus.ERROR
    values: dict[str, Any] = {
        "fps": round(fps, 1),
        "frames": health.frames,
        "dropped": health.dropped,
        "reconnects": max(0, health.opened - 1),
        "clock changes": health.clock_changes,
        "age [s]": "none yet" if health.age_s is None else round(health.age_s, 3),
        "temperature [C]": "unknown" if health.temperature_c is None else health.temperature_c,
    }
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    status = DiagnosticStatus(level=level, name=f"camera: {name}", message=health.trouble or "streaming", values=pairs)
    return DiagnosticArray(header=head, status=[status])


def _image(head: Header, pixels: np.ndarray, encoding: str) -> Image:
    height, width = pixels.shape[:2]
    message = Image(header=head, height=height, width=width, encoding=encoding, step=pixels.strides[0])
    message.data = array.array("B", pixels.tobytes())  # rclpy checks a list element by element, an array not at all
    return message
