"""The one place where the name of a camera's kind becomes a camera.

Libraries of devices are imported where they are used: a computer needs only those of its own cameras.
"""

from __future__ import annotations

from collections.abc import Sequence

from robot_rl.core.clock import Clock, SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.hardware.cameras.background import READY_S, BackgroundCamera
from robot_rl.hardware.cameras.camera import Camera
from robot_rl.hardware.cameras.config import CameraConfig, RealSenseConfig, WebcamConfig, check_names
from robot_rl.hardware.graph.wire import Wire


def make_cameras(
    configs: Sequence[CameraConfig], wire: Wire | None = None, ready_s: float = READY_S, clock: Clock | None = None
) -> list[Camera]:
    """Open all cameras and wait for their first pictures; on failure none stays open.

    Args:
        wire: to the ROS graph, for cameras of kind `topic`.
        ready_s: how long each may take.

    Raises:
        ConfigError: settings that cannot work, a missing package, or a topic without a wire.
        DeviceLostError: a camera that does not deliver; the text says what to do.
    """
    check_names(configs)
    clock = clock or SystemClock()
    cameras: list[Camera] = []
    try:
        for config in configs:
            cameras.append(_make(config, wire, ready_s, clock))
        for camera in cameras:  # they start side by side
            camera.wait_ready(ready_s) if isinstance(camera, BackgroundCamera) else camera.read()
    except BaseException:
        close_cameras(cameras)
        raise
    return cameras


def close_cameras(cameras: Sequence[Camera]) -> None:
    """Let go of all of them."""
    for camera in cameras:
        camera.close()


def _make(config: CameraConfig, wire: Wire | None, ready_s: float, clock: Clock) -> Camera:
    if isinstance(config, RealSenseConfig):
        from robot_rl.hardware.cameras.realsense import open_realsense_camera

        return open_realsense_camera(config, clock=clock)
    if isinstance(config, WebcamConfig):
        from robot_rl.hardware.cameras.webcam import open_webcam

        return open_webcam(config, clock=clock)
    if wire is None:
        raise ConfigError(f"{config.name}: got a topic and no connection to the ROS graph, expected one; pass `wire`.")
    from robot_rl.hardware.cameras.ros_topic import GraphCamera, GraphCameraConfig

    settings = GraphCameraConfig(config.view, config.topic, config.max_age_s, start_timeout_s=ready_s)
    camera: Camera = GraphCamera(wire, clock, config.name, settings)
    return camera
