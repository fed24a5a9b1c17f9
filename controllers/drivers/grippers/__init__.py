"""Grippers behind two contracts: what a vendor's driver implements, and what the node sees of any of them.

A driver (`contract.GripperDriver`) may block; it runs in a process of its own (`worker`), so that neither the control
loop nor the node ever waits for fingers. The node uses `process.GripperProcess`, which never waits.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from controllers.drivers.grippers.contract import GripperSpec
from controllers.extensions import check, resolve

GRIPPERS = {
    "simulated": "controllers.drivers.grippers.simulated:SimulatedGripper",
    "franka_hand": "controllers.drivers.grippers.franka_hand:FrankyHand",
    "franka_hand_pylibfranka": "controllers.drivers.grippers.franka_hand:PylibfrankaHand",
    "robotiq_socket": "controllers.drivers.grippers.robotiq:RobotiqSocket",
    "robotiq_rtu": "controllers.drivers.grippers.robotiq_rtu:RobotiqRtu",
    "ros_action": "controllers.drivers.grippers.ros:ActionGripper",
    "ros_topic": "controllers.drivers.grippers.ros:TopicGripper",
}
GROUP = "robot_rl.grippers"
NONE = "none"


def gripper_class(driver: str) -> Any:
    """Return the class of a gripper's driver: one of `GRIPPERS`, an entry point, `module:Class` or `file.py:Class`.

    Raises:
        ExtensionError: no such driver.
    """
    return resolve("gripper", driver, GRIPPERS, GROUP)


def gripper_spec(
    content: Mapping[str, Any], driver: str = "", address: str = "", namespace: str = ""
) -> GripperSpec | None:
    """Return the gripper of an arm's file; None without one.

    Args:
        content: the file's entry `gripper`: `driver`, `address`, `speed_m_s`, `force_n`; all others are the driver's
            settings.
        driver: replaces that of the file, with its settings; empty: the file's.
        address: the arm's, for a gripper without one of its own; `namespace`: likewise.

    Raises:
        ExtensionError: no such driver.
        TypeError: a speed or force that is no number.
    """
    if driver and driver != content.get("driver"):
        content = {"driver": driver}
    name = str(content.get("driver", NONE))
    if name == NONE:
        return None
    check("gripper", name, GRIPPERS | {NONE: ""}, GROUP)
    known = {entry.name for entry in fields(GripperSpec)} - {"settings"}
    own = {key: value for key, value in content.items() if key in known}
    settings = {key: value for key, value in content.items() if key not in known}
    return GripperSpec(**({"address": address, "namespace": namespace} | own), settings=settings)
