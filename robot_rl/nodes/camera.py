"""A camera on the ROS graph: colour, aligned depth, intrinsics, its place, its health. A process of its own.

usage: ros2 run robot_rl camera --ros-args -p camera:=wrist -p serial:=128422270679 -p parent_frame:=hand
       ros2 run robot_rl camera --ros-args -p camera:=side -p kind:=webcam -p device:=/dev/video0
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import rclpy
import rclpy.exceptions
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_ros import StaticTransformBroadcaster

from controllers.ros.graph import (
    DIAGNOSTICS,
    Topic,
    camera_info_topic,
    compressed_topic,
    depth_topic,
    image_topic,
)
from controllers.ros.qos import ros_profile
from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError, RobotRLError
from robot_rl.hardware.cameras import CameraContext, camera_kind
from robot_rl.hardware.cameras.background import BackgroundCamera
from robot_rl.hardware.cameras.grabber import RawFrame
from robot_rl.nodes import camera_messages as messages
from robot_rl.nodes.camera_parameters import PARAMETERS, NodeSettings, Parameter, kind_parameters, node_settings

WAIT_S = 0.2
JOIN_S = 2.0


class CameraNode(Node):  # type: ignore[misc]
    """Publishes one camera. Its parameters are read once: a camera whose settings change is another camera.

    Raises:
        ConfigError: parameters that cannot work.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__("camera", **node_options)
        values = {name: self._declare(name, parameter) for name, parameter in PARAMETERS.items()}
        own = kind_parameters(values["kind"])
        self.settings = node_settings(
            values | {name: self._declare(name, parameter) for name, parameter in own.items()}
        )
        self._make_publishers()
        self._monotonic, self._published, self._last_stamp_ns = SystemClock(), 0, -1
        self.camera = open_camera(self.settings)
        self.create_timer(1.0, self._diagnose)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._stream, name="images", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the stream and release the camera."""
        self._closing.set()
        self._thread.join(JOIN_S)
        self.camera.close()
        self.destroy_node()

    def _declare(self, name: str, parameter: Parameter) -> Any:
        return self.declare_parameter(name, parameter.default, descriptor(parameter)).value

    def _make_publishers(self) -> None:
        name, settings = self.settings.config.name, self.settings
        self._colour = self._publisher(Image, image_topic(name))
        self._info = self._publisher(CameraInfo, camera_info_topic(name))
        with_depth = getattr(settings.config, "depth", False)
        self._depth = self._publisher(Image, depth_topic(name)) if with_depth else None
        self._jpeg = self._publisher(CompressedImage, compressed_topic(name)) if settings.jpeg_quality else None
        self._diagnostics = self._publisher(DiagnosticArray, DIAGNOSTICS)
        if settings.extrinsics is not None:
            self._places = StaticTransformBroadcaster(self)
            head = messages.header(self.get_clock().now().nanoseconds, settings.frame_id)
            self._places.sendTransform(messages.transform_message(head, settings.extrinsics))

    def _publisher(self, kind: Any, topic: Topic) -> Any:
        return self.create_publisher(kind, topic.name, ros_profile(topic.quality, writes=True))

    def _stream(self) -> None:
        while not self._closing.is_set():
            frame = self.camera.wait_newer(self._last_stamp_ns, WAIT_S)
            if frame is not None and rclpy.ok(context=self.context):
                self._last_stamp_ns = frame.stamp_ns
                self._publish(frame)

    def _publish(self, frame: RawFrame) -> None:
        """Every message of one exposure bears the same stamp: the source's, as ROS time."""
        age_ns = self._monotonic.now_ns() - frame.stamp_ns
        head = messages.header(self.get_clock().now().nanoseconds - age_ns, self.settings.frame_id)
        height, width = frame.image.shape[:2]
        self._info.publish(messages.info_message(head, height, width, self.camera.intrinsics()))
        self._colour.publish(messages.colour_message(head, frame.image))
        if self._depth is not None and frame.depth_mm is not None:
            self._depth.publish(messages.depth_message(head, frame.depth_mm))
        if self._jpeg is not None and self._jpeg.get_subscription_count():
            self._jpeg.publish(messages.jpeg_message(head, frame.image, self.settings.jpeg_quality))
        self._published += 1

    def _diagnose(self) -> None:
        """Once a second, so that the count of images is their rate."""
        fps, self._published = float(self._published), 0
        head = messages.header(self.get_clock().now().nanoseconds, "")
        health = self.camera.health()
        self._diagnostics.publish(messages.diagnostics_message(head, self.settings.config.name, health, fps))
        if health.trouble:
            self.get_logger().warning(health.trouble, throttle_duration_sec=10.0)


def open_camera(settings: NodeSettings) -> BackgroundCamera:
    """Return the camera of the settings, opened in the background.

    Raises:
        ConfigError: settings that cannot work, or a kind that this node cannot publish.
    """
    config = settings.config
    camera = camera_kind(config.kind).open(config, CameraContext(SystemClock()))
    if isinstance(camera, BackgroundCamera):
        return camera
    camera.close()
    raise ConfigError(f"kind: got {config.kind!r}, expected one that opens a BackgroundCamera; see docs/extending.md.")


def descriptor(parameter: Parameter) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows."""
    about = ParameterDescriptor(description=parameter.text, read_only=True, dynamic_typing=not parameter.typed)
    if isinstance(parameter.default, float) and parameter.least is not None and parameter.most is not None:
        about.floating_point_range = [FloatingPointRange(from_value=parameter.least, to_value=parameter.most)]
    elif isinstance(parameter.default, int) and parameter.least is not None and parameter.most is not None:
        about.integer_range = [IntegerRange(from_value=int(parameter.least), to_value=int(parameter.most))]
    return about


def main(args: list[str] | None = None) -> int:
    """Publish until a signal arrives; print an error in one line. Return the exit code."""
    rclpy.init(args=args)
    try:
        node = CameraNode()
        try:
            rclpy.spin(node)
        finally:
            node.close()
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except (RobotRLError, rclpy.exceptions.ParameterException) as error:
        print(f"camera: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError | rclpy.exceptions.ParameterException) else 1
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
