"""The node's parameters: what it is, fixed when it starts, and its gains, which always show what is in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from controllers.arms.spec import load_arm
from controllers.host.control_stack import gains_of
from controllers.law.gains import Gains
from controllers.ros import settings
from controllers.ros.command_handler import CommandHandler
from controllers.ros.endpoints import message_class


class Parameters:
    """Declares all parameters on a node, and carries changes of gains to the pilot.

    Args:
        node: of rclpy.
        parameter: rclpy's class of a parameter.
    """

    def __init__(self, node: Any, pilot: CommandHandler, parameter: Callable[..., Any]) -> None:
        self._node, self._pilot, self._parameter = node, pilot, parameter
        self._given = set(node._parameter_overrides)
        self._setting = False  # parameters that the node itself sets need no second look
        fixed = message_class("rcl_interfaces/msg/ParameterDescriptor")
        for name, (default, text) in settings.NODE_PARAMETERS.items():
            node.declare_parameter(name, default, fixed(description=text, read_only=True))
        for name, value in settings.values_of(_gains(self["arm"])).items():
            node.declare_parameter(name, value, _descriptor(settings.SETTINGS[name]))
        node.add_on_set_parameters_callback(self._on_change)

    def __getitem__(self, name: str) -> Any:
        return self._node.get_parameter(name).value

    def given_gains(self) -> dict[str, Any]:
        """The parameters of gains that were given at the start."""
        return {name: self[name] for name in settings.SETTINGS if name in self._given}

    def show_gains(self) -> None:
        """Let the parameters say what is in force: aliases follow their fields and the other way round."""
        if self._pilot.gains is None:
            return
        stale = settings.stale(self._pilot.gains, self.__getitem__)
        self._setting = True
        self._node.set_parameters([self._parameter(name, value=value) for name, value in stale.items()])
        self._setting = False

    def _on_change(self, parameters: Sequence[Any]) -> Any:
        """All of a request or nothing: tried on the gains in force, then sent to the loop."""
        changes = {parameter.name: parameter.value for parameter in parameters if parameter.name in settings.SETTINGS}
        refused = "" if self._setting or not changes else self._put_in_force(changes)
        return message_class("rcl_interfaces/msg/SetParametersResult")(successful=not refused, reason=refused)

    def _put_in_force(self, changes: dict[str, Any]) -> str:
        """All changes, or none and why, in words."""
        if self._pilot.gains is None:
            return "no loop runs: configure the node first."
        try:
            complete = settings.with_damping(changes, self.__getitem__)
            self._pilot.set_gains(settings.changed(self._pilot.gains, complete))
        except (ValueError, TypeError) as error:
            return str(error)
        return ""


def _gains(arm: str) -> Gains:
    """What the parameters show before the loop runs; configure refuses an arm that does not exist."""
    try:
        return gains_of(load_arm(arm))
    except ValueError:
        return gains_of(load_arm("fer"))


def _descriptor(setting: settings.Setting) -> Any:
    described = message_class("rcl_interfaces/msg/ParameterDescriptor")(description=setting.text)
    if setting.scalar and not setting.flag and np.isfinite(setting.upper):
        bounds = message_class("rcl_interfaces/msg/FloatingPointRange")
        described.floating_point_range = [bounds(from_value=setting.lower, to_value=setting.upper)]
    return described
