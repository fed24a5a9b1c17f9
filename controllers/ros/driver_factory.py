"""Real arms for the control process: `-m controllers.host controllers.ros.driver_factory:franka NAME`."""

from __future__ import annotations

from controllers.arm import arm_limits
from controllers.drivers.contract import Driver
from controllers.host.control_process import ControlStack
from controllers.law.presets import preset
from controllers.ros.arms import ARMS


def _parts(driver: Driver, arm: str) -> ControlStack:
    """With the guarded gains; the node changes them afterwards, as its parameters say."""
    return ControlStack(driver, preset("guarded", ARMS[arm].posture), arm_limits(arm))


def franka(robot_ip: str, arm: str = "fr3", **_: str) -> ControlStack:
    """An FR3 through pylibfranka."""
    from controllers.drivers.franka import FrankaDriver

    return _parts(FrankaDriver(robot_ip), arm)


def franky(robot_ip: str, arm: str = "fr3", **_: str) -> ControlStack:
    """An FR3 through franky-control."""
    from controllers.drivers.franky import FrankyDriver

    return _parts(FrankyDriver(robot_ip), arm)


def ur(robot_ip: str, urdf: str, arm: str = "ur5e", tcp_frame: str = "tool0", **_: str) -> ControlStack:
    """A UR e-Series arm through ur-rtde."""
    from controllers.drivers.model import PinocchioModel
    from controllers.drivers.ur import UrDriver

    return _parts(UrDriver(robot_ip, PinocchioModel(urdf, tcp_frame), arm_limits(arm)), arm)


def effort(urdf: str, arm: str, tcp_frame: str = "tool0", namespace: str = "", **_: str) -> ControlStack:
    """Any arm under ros2_control, behind the watchdog on its own computer."""
    from controllers.drivers.effort import EffortDriver
    from controllers.drivers.effort_ros import RosLink
    from controllers.drivers.model import PinocchioModel

    link = RosLink(ARMS[arm].joint_names, namespace)
    return _parts(EffortDriver(link, PinocchioModel(urdf, tcp_frame), arm_limits(arm)), arm)
