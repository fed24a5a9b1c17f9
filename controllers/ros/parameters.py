"""Parameters of the node: fixed ones, and gains, which always show the active values.

A request to set parameters takes effect completely or not at all. Numbers may be whole ones, or texts like `.inf` as
`ros2 param load` sends them. Fixed parameters in a request are skipped: a file of `ros2 param dump` can be loaded.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from controllers.law.gains import Gains
from controllers.ros import settings
from controllers.ros.command_handler import CommandHandler
from controllers.ros.crisp import CRISP, refused_switch
from controllers.ros.ros_wire import interface


class Parameters:
    """Parameters of a controller node; changes of gains go to the command handler.

    Args:
        node: of rclpy.
        parameter: rclpy's class of a parameter.
        declared: those that are fixed when the node starts: name -> default and description.
    """

    def __init__(self, node: Any, parameter: Any, declared: Mapping[str, tuple[Any, str]] | None = None) -> None:
        self._node, self._parameter = node, parameter
        self._handler: CommandHandler | None = None
        self._shown: Gains | None = None
        self._given = set(node._parameter_overrides)
        self._setting = False  # parameters that the node itself sets need no check
        fixed = interface("rcl_interfaces/msg/ParameterDescriptor")
        for name, (default, text) in (declared or {}).items():
            self._declare(name, default, fixed(description=text, read_only=True))
        node.add_pre_set_parameters_callback(self._as_declared)
        for service in node.services:
            if service.srv_name.endswith("/set_parameters"):  # rclpy's own sets one after the other
                service.callback = self._set_together

    def declare_gains(self, gains: Gains, crisp: bool = False) -> None:
        """Declare the gains, with these values; `crisp` adds the switches of crisp_controllers."""
        for name, value in settings.values_of(gains).items():
            self._declare(name, value, _descriptor(settings.SETTINGS[name]))
        text = interface("rcl_interfaces/msg/ParameterDescriptor")
        for name, switch in CRISP.items() if crisp else ():
            self._declare(name, switch.value, text(description=switch.text))
        self._node.add_on_set_parameters_callback(self._on_change)

    def _declare(self, name: str, default: Any, descriptor: Any) -> None:
        given = self._node._parameter_overrides.get(name)
        if given is not None:
            value = settings.as_declared(given.value, default)
            self._node._parameter_overrides[name] = self._parameter(name, value=value)
        self._node.declare_parameter(name, default, descriptor)

    def __getitem__(self, name: str) -> Any:
        return self._node.get_parameter(name).value

    def given_gains(self) -> dict[str, Any]:
        """Return the gains' parameters set at the start."""
        return {name: self[name] for name in settings.SETTINGS if name in self._given}

    def show(self, handler: CommandHandler) -> None:
        """Attach the command handler of these gains."""
        self._handler = handler

    @property
    def _gains(self) -> Gains | None:
        return None if self._handler is None else self._handler.gains

    def refresh(self) -> None:
        """Update the parameters to the active gains, aliases included."""
        gains = self._gains
        if gains is None or gains is self._shown:
            return
        self._shown = gains
        stale = settings.stale(gains, self.__getitem__)
        self._setting = True
        self._node.set_parameters([self._parameter(name, value=value) for name, value in stale.items()])
        self._setting = False

    def _as_declared(self, parameters: Sequence[Any]) -> list[Any]:
        """Return the request's parameters in the types that were declared."""
        known = [each for each in parameters if self._node.has_parameter(each.name)]
        values = {each.name: settings.as_declared(each.value, self[each.name]) for each in known}
        return [
            self._parameter(each.name, value=values[each.name]) if each.name in values else each for each in parameters
        ]

    def _set_together(self, request: Any, response: Any) -> Any:
        """Serve `set_parameters`: skip what is fixed, and set the others, all or none."""
        given = self._as_declared([self._parameter.from_parameter_msg(each) for each in request.parameters])
        result = interface("rcl_interfaces/msg/SetParametersResult")
        fixed = {each.name: self._skipped(each) for each in given if self._is_fixed(each.name)}
        free = [each for each in given if each.name not in fixed]
        undeclared = [each.name for each in free if not self._node.has_parameter(each.name)]
        if undeclared:
            together = result(
                successful=False, reason=f"parameters: got {undeclared}, expected names of ros2 param list."
            )
        else:
            together = self._node.set_parameters_atomically(free) if free else result(successful=True)
        response.results = [
            result(successful=not fixed[each.name], reason=fixed[each.name]) if each.name in fixed else together
            for each in given
        ]
        return response

    def _is_fixed(self, name: str) -> bool:
        return self._node.has_parameter(name) and self._node.describe_parameter(name).read_only

    def _skipped(self, parameter: Any) -> str:
        """Return why a fixed parameter is not set; empty where it already has that value."""
        own = self[parameter.name]
        if np.array_equal(own, parameter.value):
            return ""
        return f"{parameter.name} is read-only: got {parameter.value!r}, expected {own!r} until the node starts again."

    def _on_change(self, parameters: Sequence[Any]) -> Any:
        """Apply a request completely or not at all: check it against the active gains, then send it to the loop."""
        changes = {parameter.name: parameter.value for parameter in parameters}
        refused = "" if self._setting else self._put_in_force(changes)
        return interface("rcl_interfaces/msg/SetParametersResult")(successful=not refused, reason=refused)

    def _put_in_force(self, changes: dict[str, Any]) -> str:
        """Return the reason of a refusal; empty when all changes are in force."""
        gains = {name: value for name, value in changes.items() if name in settings.SETTINGS}
        if refused := next(filter(None, (refused_switch(name, value) for name, value in changes.items())), ""):
            return refused
        refused = self._set_gains(gains) if gains else ""
        for name in changes.keys() & CRISP.keys() if not refused else ():
            if changes[name] != self[name]:
                text = f"{name}: got {changes[name]}, taken without effect; {CRISP[name].text}."
                self._node.get_logger().warning(text)
        return refused

    def _set_gains(self, changes: dict[str, Any]) -> str:
        handler, gains = self._handler, self._gains
        if handler is None or gains is None:
            return "no loop runs: configure the node first."
        try:
            complete = settings.with_damping(changes, self.__getitem__)
            handler.set_gains(settings.changed(gains, complete))
        except (ValueError, TypeError) as error:
            return str(error)
        return ""


def _descriptor(setting: settings.Setting) -> Any:
    described = interface("rcl_interfaces/msg/ParameterDescriptor")(description=setting.text)
    if setting.scalar and not setting.flag and np.isfinite(setting.upper):
        bounds = interface("rcl_interfaces/msg/FloatingPointRange")
        described.floating_point_range = [bounds(from_value=setting.lower, to_value=setting.upper)]
    return described
