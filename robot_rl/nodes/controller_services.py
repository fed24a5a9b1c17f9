"""The controller's services and parameters before the simulated robot, where it runs as a ROS node.

The same names, types and rules as the real controller's (`controllers.ros.node`): gains count whole or not at all.
rclpy is imported here only when the node runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from controllers.ros import graph, settings
from controllers.ros.wire import Wire
from robot_rl.nodes.served_simulation import SimulatedRobotServer

DONE = {
    "enable": "follows targets from where it is",
    "disable": "floats",
    "hold": "holds the present pose",
    "release": "follows targets again",
    "reset_target": "the target is the measured pose",
    "recover": "released, or backing off; call ~/enable after an emergency stop",
    "home": "on the way; ~/hold with false ends it",
    "estop": "stopped; call ~/recover, then ~/enable",
}


class ControllerServices:
    """Offers services and parameters on the node of a `RosWire`; each call is answered by the thread of the physics."""

    def __init__(self, wire: Wire, server: SimulatedRobotServer) -> None:
        self._node: Any = wire.node  # type: ignore[attr-defined]
        self._server, self._paced = server, server.paced
        srv = importlib.import_module("std_srvs.srv")
        for name, call in self._switches().items():
            self._node.create_service(srv.SetBool, f"{graph.CONTROLLER}/{name}", self._answering(name, call))
        for name, press in self._triggers().items():
            self._node.create_service(srv.Trigger, f"{graph.CONTROLLER}/{name}", self._answering(name, press))
        self._declare()

    def _switches(self) -> dict[str, Callable[[Any], str]]:
        return {
            "enable": lambda request: self._paced.enable(request.data),
            "hold": lambda request: _silent(self._paced.hold, request.data),
        }

    def _triggers(self) -> dict[str, Callable[[Any], str]]:
        return {
            "reset_target": lambda request: _silent(self._paced.hold_once),
            "recover": lambda request: self._paced.recover(),
            "home": lambda request: _silent(self._paced.home),
            "estop": lambda request: _silent(self._paced.stop),
        }

    def _answering(self, name: str, call: Callable[[Any], str]) -> Callable[[Any, Any], Any]:
        def serve(request: Any, response: Any) -> Any:
            refused = self._server.ask(lambda: call(request))
            done = {"enable": "disable", "hold": "release"}.get(name, name) if not getattr(request, "data", 1) else name
            response.success, response.message = not refused, refused or DONE[done]
            return response

        return serve

    def _declare(self) -> None:
        descriptors = importlib.import_module("rcl_interfaces.msg")
        for name, value in settings.values_of(self._paced.simulation.gains).items():
            text = settings.SETTINGS[name].text
            self._node.declare_parameter(name, value, descriptors.ParameterDescriptor(description=text))
        self._node.add_on_set_parameters_callback(self._on_parameters)

    def _on_parameters(self, parameters: Sequence[Any]) -> Any:
        """All of a request or nothing: tried on the gains in force."""
        result = importlib.import_module("rcl_interfaces.msg").SetParametersResult
        changes = {parameter.name: parameter.value for parameter in parameters if parameter.name in settings.SETTINGS}
        refused = self._server.ask(lambda: self._change(changes)) if changes else ""
        return result(successful=not refused, reason=refused)

    def _change(self, changes: dict[str, Any]) -> str:
        try:
            complete = settings.with_damping(changes, lambda name: self._node.get_parameter(name).value)
            self._paced.set_gains(settings.changed(self._paced.simulation.gains, complete))
        except (ValueError, TypeError) as error:
            return str(error)
        return ""


def _silent(call: Callable[..., None], *arguments: Any) -> str:
    call(*arguments)
    return ""
