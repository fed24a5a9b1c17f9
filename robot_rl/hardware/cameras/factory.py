"""Open the cameras of some settings, all or none. A kind's libraries are imported when one of that kind is opened."""

from collections.abc import Sequence

from controllers.ros.wire import Wire
from robot_rl.core.clock import Clock, SystemClock
from robot_rl.hardware.cameras import CameraContext, camera_kind
from robot_rl.hardware.cameras.background import READY_S, BackgroundCamera
from robot_rl.hardware.cameras.camera import Camera
from robot_rl.hardware.cameras.config import CameraConfig, check_names


def make_cameras(
    configs: Sequence[CameraConfig], wire: Wire | None = None, ready_s: float = READY_S, clock: Clock | None = None
) -> list[Camera]:
    """Open all cameras and wait for their first images; on failure none stays open.

    Args:
        wire: to the ROS graph, for cameras of kind `topic`.
        ready_s: how long each may take.

    Raises:
        ConfigError: settings that cannot work, a missing package, or a topic without a wire.
        DeviceLostError: a camera that does not deliver; the text holds what to do.
    """
    check_names(configs)
    context = CameraContext(clock or SystemClock(), wire, ready_s)
    cameras: list[Camera] = []
    try:
        for config in configs:
            cameras.append(camera_kind(config.kind).open(config, context))
        for camera in cameras:  # they start side by side
            camera.wait_ready(ready_s) if isinstance(camera, BackgroundCamera) else camera.read()
    except BaseException:
        close_cameras(cameras)
        raise
    return cameras


def close_cameras(cameras: Sequence[Camera]) -> None:
    """Release all of them."""
    for camera in cameras:
        camera.close()
