"""Services that crisp_py calls: those of a controller_manager, and the parameters of crisp_controllers' node.

The arm has one law. `cartesian_impedance_controller` stands for its targets, `joint_trajectory_controller` for joint
motions: while that one is active, targets of a policy are refused. Other controllers do not exist. A trajectory has one
point, its time is that of the joint motion.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from controllers.geometry import FloatArray
from controllers.host.motions import MotionKind
from controllers.ros import from_ros
from controllers.ros.arbitration import CommandPriority
from controllers.ros.command_handler import CommandHandler
from controllers.ros.controller import Controller
from controllers.ros.homing import SPEED
from controllers.ros.loop import Loop
from controllers.ros.rejection import CommandRejected, RejectReason
from controllers.ros.ros_wire import interface

CARTESIAN, TRAJECTORY = "cartesian_impedance_controller", "joint_trajectory_controller"
TYPES = {CARTESIAN: "robot_rl/ImpedanceController", TRAJECTORY: "robot_rl/JointMotion"}
REACHED_RAD = 0.02
POLL_S = 0.05
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
        self._motion = JointMotionAction(node, controller.handler, lambda: self._active == TRAJECTORY)
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
            self._controller.handler.arbiter.forget(CommandPriority.POLICY)
        return response


class JointMotionAction:
    """The action `follow_joint_trajectory`: one joint motion to a trajectory's only point.

    Args:
        active: whether the controller of joint motions is.
    """

    def __init__(self, node: Any, handler: CommandHandler, active: Callable[[], bool]) -> None:
        from rclpy.action import ActionServer

        self._node, self._handler, self._active = node, handler, active
        self._action = interface("control_msgs/action/FollowJointTrajectory")
        name = f"{TRAJECTORY}/follow_joint_trajectory"
        self._server = ActionServer(node, self._action, name, self._execute)

    async def _execute(self, goal: Any) -> Any:
        result = self._action.Result()
        try:
            loop, q = self._start(goal.request.trajectory)
        except CommandRejected as rejected:
            result.error_code, result.error_string = result.INVALID_GOAL, str(rejected)
            goal.abort()
            return result
        await self._ended()
        state = loop.state()
        if np.abs(state.values[0]["q"] - q).max() < REACHED_RAD:
            goal.succeed()
        else:
            result.error_code = result.GOAL_TOLERANCE_VIOLATED
            result.error_string = f"ended before the goal: {state.text}"
            goal.abort()
        return result

    def _start(self, trajectory: Any) -> tuple[Loop, FloatArray]:
        """Start the motion; return the loop that moves the arm, and the goal.

        Raises:
            CommandRejected: another trajectory than one point of all joints, or the arm may not move so now.
        """
        if not self._active():
            text = f"got a trajectory while {TRAJECTORY} is inactive, expected it active; switch to it."
            raise CommandRejected(RejectReason.INACTIVE, text)
        if len(trajectory.points) != 1:
            text = f"trajectory: got {len(trajectory.points)} points, expected one; joint motions have a goal, no path."
            raise CommandRejected(RejectReason.LENGTH, text)
        handler, goal = self._handler, SimpleNamespace(
            name=trajectory.joint_names, position=trajectory.points[0].positions
        )  # fmt: skip
        q = from_ros.posture_of(goal, handler.joints)
        loop, _ = handler.admit(TRAJECTORY, CommandPriority.POLICY)
        if text := handler.motions.start(loop, MotionKind.JOINTS, q, SPEED):
            raise CommandRejected(RejectReason.LIMIT, text)
        return loop, q

    async def _ended(self) -> None:
        """Wait for the end of the motion."""
        from rclpy.clock import Clock, ClockType
        from rclpy.task import Future

        motions, ended = self._handler.motions, Future()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        timer = self._node.create_timer(POLL_S, lambda: motions.moves or ended.set_result(None), clock=steady)
        await ended
        self._node.destroy_timer(timer)
