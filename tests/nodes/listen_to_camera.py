"""A stranger's ROS node: writes one line of JSON for each message of a camera. Usage: listen_to_camera.py CAMERA."""

import json
import sys

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage


def say(topic: str, **what: object) -> None:
    print(json.dumps({"topic": topic, **what}), flush=True)


def stamp_ns(message: object) -> int:
    stamp = message.header.stamp  # type: ignore[attr-defined]
    return stamp.sec * 10**9 + stamp.nanosec


def main(camera: str) -> None:
    rclpy.init()
    node = rclpy.create_node("listener")

    def age_s(message: object) -> float:
        return (node.get_clock().now().nanoseconds - stamp_ns(message)) / 1e9

    def colour(m: Image) -> None:
        image = (
            np.frombuffer(m.data, np.uint8).reshape(m.height, m.step)[:, : 3 * m.width].reshape(m.height, m.width, 3)
        )
        mean = [float(v) for v in image.mean(axis=(0, 1))]
        say("colour", stamp=stamp_ns(m), age_s=age_s(m), frame=m.header.frame_id, encoding=m.encoding, mean=mean)

    def depth(m: Image) -> None:
        pixels = np.frombuffer(m.data, "<u2").reshape(m.height, m.step // 2)
        median = float(np.median(pixels))
        say("depth", stamp=stamp_ns(m), frame=m.header.frame_id, encoding=m.encoding, median=median)

    def info(m: CameraInfo) -> None:
        size = [m.height, m.width]
        say("info", stamp=stamp_ns(m), frame=m.header.frame_id, size=size, k=list(m.k), model=m.distortion_model)

    def jpeg(m: CompressedImage) -> None:
        say("jpeg", stamp=stamp_ns(m), format=m.format, start=list(m.data[:2]))

    def places(m: TFMessage) -> None:
        for t in m.transforms:
            xyz = [t.transform.translation.x, t.transform.translation.y, t.transform.translation.z]
            say("place", parent=t.header.frame_id, child=t.child_frame_id, xyz=xyz)

    def health(m: DiagnosticArray) -> None:
        for s in m.status:
            say("health", name=s.name, level=s.level[0], text=s.message, values={v.key: v.value for v in s.values})

    latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    sensor = qos_profile_sensor_data
    node.create_subscription(Image, f"{camera}/color/image_raw", colour, sensor)
    node.create_subscription(Image, f"{camera}/aligned_depth_to_color/image_raw", depth, sensor)
    node.create_subscription(CameraInfo, f"{camera}/color/camera_info", info, sensor)
    node.create_subscription(CompressedImage, f"{camera}/color/image_raw/compressed", jpeg, sensor)
    node.create_subscription(TFMessage, "/tf_static", places, latched)
    node.create_subscription(DiagnosticArray, "/diagnostics", health, 10)
    rclpy.spin(node)


if __name__ == "__main__":
    main(sys.argv[1])
