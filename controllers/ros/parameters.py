"""Parameters of the node: fixed ones, and gains, which always show the active values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from controllers.law.gains import Gains
from controllers.ros import settings
from controllers.ros.command_handler import CommandHandler
from controllers.ros.ros_wire import interface


class Parameters:
    """Parameters of a controller node; changes of gains go to the command handler.

    Args:
        node: of rclpy.
        parameter: rclpy's class of a parameter.
        declared: those that are fixed when the node starts: name -> default and description.
    """

    def __init__(
        self, node: Any, parameter: Callable[..., Any], declared: Mapping[str, tuple[Any, str]] | None = None
    ) -> None:
        self._node, self._parameter = node, parameter
        self._handler: CommandHandler | None = None
        self._shown: Gains | None = None
        self._given = set(node._parameter_overrides)
        self._setting = False  # parameters that the node itself sets need no check
        fixed = interface("rcl_interfaces/msg/ParameterDescriptor")
        for name, (default, text) in (declared or {}).items():
            node.declare_parameter(name, default, fixed(description=text, read_only=True))

    def declare_gains(self, gains: Gains) -> None:
        """Declare the gains, with these values."""
        for name, value in settings.values_of(gains).items():
            self._node.declare_parameter(name, value, _descriptor(settings.SETTINGS[name]))
        self._node.add_on_set_parameters_callback(self._on_change)

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

    def _on_change(self, parameters: Sequence[Any]) -> Any:
        """Apply a request completely or not at all: check it against the active gains, then send it to the loop."""
        changes = {parameter.name: parameter.value for parameter in parameters if parameter.name in settings.SETTINGS}
        refused = "" if self._setting or not changes else self._put_in_force(changes)
        return interface("rcl_interfaces/msg/SetParametersResult")(successful=not refused, reason=refused)

    def _put_in_force(self, changes: dict[str, Any]) -> str:
        """Return all changes, or none and the reason."""
        if self._handler is None or self._gains is None:
            return "no loop runs: configure the node first."
        try:
            complete = settings.with_damping(changes, self.__getitem__)
            self._handler.set_gains(settings.changed(self._gains, complete))
        except (ValueError, TypeError) as error:
            return str(error)
        return ""


def _descriptor(setting: settings.Setting) -> Any:
    described = interface("rcl_interfaces/msg/ParameterDescriptor")(description=setting.text)
    if setting.scalar and not setting.flag and np.isfinite(setting.upper):
        bounds = interface("rcl_interfaces/msg/FloatingPointRange")
        described.floating_point_range = [bounds(from_value=setting.lower, to_value=setting.upper)]
    return described
