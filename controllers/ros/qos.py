"""QoS of a topic as rclpy's profile.

rclpy comes with ROS, not with pip: it is imported on use.
"""

from typing import Any

from controllers.ros.graph import Quality


def ros_profile(quality: Quality, writes: bool = False) -> Any:
    """Return the `rclpy.qos.QoSProfile` of a quality. Only a writer offers a deadline and a lifespan, as in DDS.

    Raises:
        ImportError: there is no ROS for this Python.
    """
    from rclpy.duration import Duration
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

    profile = QoSProfile(
        depth=quality.depth,
        reliability=ReliabilityPolicy.RELIABLE if quality.reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if quality.latched else DurabilityPolicy.VOLATILE,
    )
    if writes and quality.deadline_s:
        profile.deadline = Duration(seconds=quality.deadline_s)
    if writes and quality.lifespan_s:
        profile.lifespan = Duration(seconds=quality.lifespan_s)
    return profile
