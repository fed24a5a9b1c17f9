"""The real arms for a loop in a process of its own: `-m controllers.host controllers.bridge.parts:franka NAME`."""

from __future__ import annotations

from controllers.arm import arm_limits
from controllers.bridge.arms import ARMS
from controllers.drivers.contract import Driver
from controllers.host import HostParts
from controllers.presets import preset


def _parts(driver: Driver, arm: str) -> HostParts:
    """With the guarded gains; the node changes them afterwards, as its parameters say."""
    return HostParts(driver, preset("guarded", ARMS[arm].posture), arm_limits(arm))


def franka(robot_ip: str, arm: str = "fr3", **_: str) -> HostParts:
    """An FR3 through pylibfranka."""
    from controllers.drivers.franka import FrankaDriver

    return _parts(FrankaDriver(robot_ip), arm)


def franky(robot_ip: str, arm: str = "fr3", **_: str) -> HostParts:
    """An FR3 through franky-control."""
    from controllers.drivers.franky import FrankyDriver

    return _parts(FrankyDriver(robot_ip), arm)


def ur(robot_ip: str, urdf: str, arm: str = "ur5e", tcp_frame: str = "tool0", **_: str) -> HostParts:
    """A UR e-Series arm through ur-rtde."""
    from controllers.drivers.model import PinocchioModel
    from controllers.drivers.ur import UrDriver

    return _parts(UrDriver(robot_ip, PinocchioModel(urdf, tcp_frame), arm_limits(arm)), arm)


def effort(urdf: str, arm: str, tcp_frame: str = "tool0", namespace: str = "", **_: str) -> HostParts:
    """Any arm under ros2_control, behind the watchdog on its own computer."""
    from controllers.drivers.effort import EffortDriver
    from controllers.drivers.effort_ros import RosLink
    from controllers.drivers.model import PinocchioModel

    link = RosLink(ARMS[arm].joint_names, namespace)
    return _parts(EffortDriver(link, PinocchioModel(urdf, tcp_frame), arm_limits(arm)), arm)
