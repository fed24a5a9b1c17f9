"""Services that crisp_py calls: those of a controller_manager, and the parameters of crisp_controllers' node.

The arm has one law. `cartesian_impedance_controller` stands for its targets, `joint_trajectory_controller` for joint
motions: while that one is active, targets of a policy are refused. Other controllers do not exist.
"""

from __future__ import annotations

from typing import Any

from controllers.ros.controller import Controller
from controllers.ros.ros_wire import interface

CARTESIAN, TRAJECTORY = "cartesian_impedance_controller", "joint_trajectory_controller"
TYPES = {CARTESIAN: "robot_rl/ImpedanceController", TRAJECTORY: "robot_rl/JointMotion"}
PARAMETER_SERVICES = ("list_parameters", "get_parameters", "set_parameters")


class CrispServices:
    """The services, in the namespace of a node of rclpy, for its lifetime.

    Raises:
        ValueError: the message packages of ros2_control are not installed.
    """

    def __init__(self, node: Any, controller: Controller) -> None:
        self._controller, self._active = controller, CARTESIAN
        self._state = interface("controller_manager_msgs/msg/ControllerState")
        for kind, name, answer in (
            ("ListControllers", "list_controllers", self._list),
            ("SwitchController", "switch_controller", self._switch),
            ("LoadController", "load_controller", self._know),
            ("ConfigureController", "configure_controller", self._know),
        ):
            node.create_service(interface(f"controller_manager_msgs/srv/{kind}"), f"controller_manager/{name}", answer)
        own = {service.srv_name.rsplit("/", 1)[-1]: service for service in node.services}
        for name in PARAMETER_SERVICES:
            node.create_service(own[name].srv_type, f"{CARTESIAN}/{name}", own[name].callback)

    def _list(self, request: Any, response: Any) -> Any:
        response.controller = [
            self._state(name=name, type=kind, state="active" if name == self._active else "inactive")
            for name, kind in TYPES.items()
        ]
        return response

    def _know(self, request: Any, response: Any) -> Any:
        response.ok = request.name in TYPES
        return response

    def _switch(self, request: Any, response: Any) -> Any:
        wanted = list(request.activate_controllers)
        response.ok = len(wanted) <= 1 and all(name in TYPES for name in wanted)
        if not response.ok:
            response.message = f"controllers: got {wanted}, expected one of {list(TYPES)}."
        elif wanted:
            (self._active,) = wanted
            paused = f"{TRAJECTORY} is active; switch to {CARTESIAN}" if self._active == TRAJECTORY else ""
            self._controller.commands.paused = paused
        return response
