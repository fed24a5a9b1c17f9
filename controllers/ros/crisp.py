"""What crisp_py needs of crisp_controllers beside the gains: switches of its parameter files.

Its topics are in the table of commands and states, its gains in `settings`. The switches describe what this law does:
one that would change that is refused; numbers of other units are taken without effect, and a warning names them.

Source: crisp_controllers' parameters as in the files of crisp_py 3.5, config/control.
"""

from typing import Any, NamedTuple


class Switch(NamedTuple):
    """One parameter of crisp_controllers without a counterpart here."""

    value: Any
    text: str
    fixed: bool = True
    """Another value is refused; else it is taken without effect."""


CRISP = {
    "limit_error": Switch(True, "the error is always clipped"),
    "limit_torques": Switch(True, "torques are always limited"),
    "stop_commands": Switch(False, "call ~/hold"),
    "use_coriolis_compensation": Switch(True, "Coriolis torques are always compensated"),
    "use_gravity_compensation": Switch(False, "whether the arm compensates gravity is in its file"),
    "use_operational_space": Switch(False, "set operational_space, whose stiffness is per unit of inertia"),
    "use_local_jacobian": Switch(False, "gains and wrenches are along the axes of the base frame", fixed=False),
    "use_friction": Switch(False, "set friction_coulomb and friction_viscous", fixed=False),
    "max_delta_tau": Switch(0.5, "the rate of the torque is limited by the arm's file, tau_rate_max", fixed=False),
    "nullspace.stiffness": Switch(5.0, "posture_stiffness has another unit: per unit of inertia", fixed=False),
}


def refused_switch(name: str, value: Any) -> str:
    """Return why a switch cannot have this value; empty for one that can, and for other parameters."""
    switch = CRISP.get(name)
    if switch is None or not switch.fixed or value == switch.value:
        return ""
    return f"{name}: got {value}, expected {switch.value}; {switch.text}."
