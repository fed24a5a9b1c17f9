"""A camera on the ROS graph: colour, aligned depth, intrinsics, its place, its health. A process of its own.

examples:
  ros2 run robot_rl camera --ros-args -p camera:=wrist -p serial:=128422270679 -p parent_frame:=hand
  ros2 run robot_rl camera --ros-args -p camera:=side -p kind:=webcam -p device:=/dev/video0
  ros2 run robot_rl camera --ros-args -p camera:=wrist -p file:=cameras.json
"""

import sys
import threading
from typing import Any

from controllers.ros.graph import (
    DIAGNOSTICS,
    Quality,
    Topic,
    camera_info_topic,
    compressed_topic,
    depth_topic,
    image_topic,
)
from controllers.ros.ros_wire import RosWire, import_rclpy, interface
from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError, RobotRLError
from robot_rl.hardware.cameras import CameraContext, camera_kind
from robot_rl.hardware.cameras.background import BackgroundCamera
from robot_rl.hardware.cameras.grabber import RawFrame
from robot_rl.hardware.graph.messages import image_message
from robot_rl.nodes import camera_messages as messages
from robot_rl.nodes.camera_parameters import PARAMETERS, NodeSettings, Parameter, kind_parameters, node_settings

WAIT_S = 0.2
JOIN_S = 2.0
TF_STATIC = Topic("/tf_static", "tf2_msgs/msg/TFMessage", Quality(reliable=True, latched=True))


class CameraNode:
    """Publishes one camera. Its parameters are read once: a camera whose settings change is another camera.

    Args:
        node: of rclpy.

    Raises:
        ConfigError: parameters that cannot work.
    """

    def __init__(self, node: Any) -> None:
        self._node, self._wire = node, RosWire(node, node.get_namespace().strip("/"))
        values = {name: self._declare(name, parameter) for name, parameter in PARAMETERS.items()}
        own = {} if values["file"] else kind_parameters(values["kind"])
        self.settings = node_settings(
            values | {name: self._declare(name, parameter) for name, parameter in own.items()}
        )
        self._make_publishers()
        self._monotonic, self._published, self._last_stamp_ns = SystemClock(), 0, -1
        self.camera = open_camera(self.settings)
        node.create_timer(1.0, self._diagnose)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._stream, name="images", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the stream and release the camera."""
        self._closing.set()
        self._thread.join(JOIN_S)
        self.camera.close()

    def _declare(self, name: str, parameter: Parameter) -> Any:
        return self._node.declare_parameter(name, parameter.default, descriptor(parameter)).value

    def _make_publishers(self) -> None:
        name, settings, publisher = self.settings.config.name, self.settings, self._wire.publisher
        self._colour, self._info = publisher(image_topic(name)), publisher(camera_info_topic(name))
        self._depth = publisher(depth_topic(name)) if getattr(settings.config, "depth", False) else None
        self._jpeg = publisher(compressed_topic(name)) if settings.jpeg_quality else None
        self._diagnostics = publisher(DIAGNOSTICS)
        if settings.extrinsics is not None:
            stamp_ns, frame = self._wire.now_ns(), settings.frame_id
            message = messages.transform_message(self._wire, settings.extrinsics, stamp_ns, frame)
            publisher(TF_STATIC).publish(message)

    def _stream(self) -> None:
        while not self._closing.is_set():
            frame = self.camera.wait_newer(self._last_stamp_ns, WAIT_S)
            if frame is not None and self._node.context.ok():
                self._last_stamp_ns = frame.stamp_ns
                self._publish(frame)

    def _publish(self, frame: RawFrame) -> None:
        """Every message of one exposure bears the same stamp: the source's, as ROS time."""
        wire, settings = self._wire, self.settings
        head = wire.now_ns() - (self._monotonic.now_ns() - frame.stamp_ns), settings.frame_id
        height, width = frame.image.shape[:2]
        self._info.publish(messages.info_message(wire, height, width, self.camera.intrinsics(), *head))
        self._colour.publish(image_message(wire, frame.image, *head))
        if self._depth is not None and frame.depth_mm is not None:
            self._depth.publish(messages.depth_message(wire, frame.depth_mm, *head))
        if self._jpeg is not None and self._jpeg.matched():
            self._jpeg.publish(messages.jpeg_message(wire, frame.image, settings.jpeg_quality, *head))
        self._published += 1

    def _diagnose(self) -> None:
        """Once a second, so that the count of images is their rate."""
        fps, self._published = float(self._published), 0
        name, health = self.settings.config.name, self.camera.health()
        message = messages.diagnostics_message(self._wire, name, health, fps, self._wire.now_ns())
        self._diagnostics.publish(message)
        if health.trouble:
            self._node.get_logger().warning(health.trouble, throttle_duration_sec=10.0)


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


def descriptor(parameter: Parameter) -> Any:
    """Return what `ros2 param describe` shows."""
    about = interface("rcl_interfaces/msg/ParameterDescriptor")(
        description=parameter.text, read_only=True, dynamic_typing=not parameter.typed
    )
    if parameter.least is None or parameter.most is None:
        return about
    if isinstance(parameter.default, float):
        bounds = interface("rcl_interfaces/msg/FloatingPointRange")
        about.floating_point_range = [bounds(from_value=parameter.least, to_value=parameter.most)]
    elif isinstance(parameter.default, int):
        bounds = interface("rcl_interfaces/msg/IntegerRange")
        about.integer_range = [bounds(from_value=int(parameter.least), to_value=int(parameter.most))]
    return about


def main(args: list[str] | None = None) -> int:
    """Publish until a signal arrives; print an error in one line. Return the exit code."""
    rclpy = import_rclpy()
    from rclpy.exceptions import ParameterException
    from rclpy.executors import ExternalShutdownException

    rclpy.init(args=args)
    try:
        node = CameraNode(owner := rclpy.create_node("camera"))
        try:
            rclpy.spin(owner)
        finally:
            node.close()
            owner.destroy_node()
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except (RobotRLError, ParameterException) as error:
        print(f"camera: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError | ParameterException) else 1
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
