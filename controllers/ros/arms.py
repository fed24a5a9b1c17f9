"""Which arm, by which library: from the node's parameters to the command line of the loop's process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Way(NamedTuple):
    """One way to an arm: the function that makes its parts, in the loop's process."""

    parts: str
    arms: tuple[str, ...]
    needs: tuple[str, ...]
    """Parameters that must not be empty."""


class Arm(NamedTuple):
    """What the node has to know of an arm before the loop runs."""

    joint_names: tuple[str, ...]
    posture: tuple[float, ...]
    """Where the nullspace is drawn to, and where a task usually begins [rad]."""


_PARTS = "controllers.ros.driver_factory"
WAYS: dict[str, Way] = {
    "simulated": Way("robot_rl.sim.control_stack:pick_lift", ("fer",), ()),
    "franka": Way(f"{_PARTS}:franka", ("fr3",), ("robot_ip",)),
    "franky": Way(f"{_PARTS}:franky", ("fr3",), ("robot_ip",)),
    "ur": Way(f"{_PARTS}:ur", ("ur5e", "ur10e"), ("robot_ip", "urdf")),
    "effort": Way(f"{_PARTS}:effort", ("fer", "fr3", "ur5e", "ur10e"), ("urdf",)),
}
_UR = ("shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3")
_FRANKA_POSTURE = (0.0, -0.7854, 0.0, -2.3562, 0.0, 1.5708, 0.7854)
_UR_POSTURE = (0.0, -1.5708, 1.5708, -1.5708, -1.5708, 0.0)
ARMS: dict[str, Arm] = {
    **{name: Arm(tuple(f"{name}_joint{i}" for i in range(1, 8)), _FRANKA_POSTURE) for name in ("fer", "fr3")},
    **{name: Arm(tuple(f"{joint}_joint" for joint in _UR), _UR_POSTURE) for name in ("ur5e", "ur10e")},
}


@dataclass(frozen=True)
class ArmChoice:
    """The node's parameters about the arm.

    Raises: ValueError, for a combination that does not exist.
    """

    driver: str = "simulated"
    arm: str = "fer"
    robot_ip: str = ""
    urdf: str = ""
    tcp_frame: str = "tool0"
    namespace: str = ""

    def __post_init__(self) -> None:
        if self.driver not in WAYS:
            raise ValueError(f"driver: got '{self.driver}', expected one of {sorted(WAYS)}; choose one.")
        way = WAYS[self.driver]
        if self.arm not in way.arms:
            raise ValueError(
                f"arm: got '{self.arm}' with the driver '{self.driver}', expected one of {list(way.arms)}; "
                "choose another arm or driver."
            )
        for name in way.needs:
            if not getattr(self, name):
                raise ValueError(f"{name}: got nothing, expected it for the driver '{self.driver}'; set the parameter.")

    @property
    def joint_names(self) -> tuple[str, ...]:
        """In the model's order."""
        return ARMS[self.arm].joint_names

    def host_arguments(self, mailbox: str, cpu: int = -1, shield: bool = False) -> Sequence[str]:
        """Arguments of `python -m controllers.host`. Raises: ValueError, for a shield without a core."""
        if shield and cpu < 0:
            raise ValueError("loop_shield: got no core, expected one to keep free; set loop_cpu, too.")
        way = WAYS[self.driver]
        words = [way.parts, mailbox, "--with-parent"]
        if way.parts.startswith(_PARTS):
            given = {name: getattr(self, name) for name in (*way.needs, "arm", "tcp_frame", "namespace")}
            words += [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
        return [*words, *(["--cpu", str(cpu)] if cpu >= 0 else []), *(["--shield"] if shield else [])]
