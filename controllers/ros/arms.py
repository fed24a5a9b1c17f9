"""Arm and driver: from the node's parameters to the command line of the control process."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from controllers.arms.spec import SIMULATED, ArmSpec, driver_class, load_arm
from controllers.drivers.contract import Requirements
from controllers.drivers.grippers import NONE, gripper_spec
from controllers.drivers.grippers.contract import GripperSpec
from controllers.ros.graph import JOINT_STATES, Topic


@dataclass(frozen=True)
class ArmChoice:
    """The node's parameters about the arm; empty ones are those of the arm's file.

    Raises:
        ValueError: an arm or a driver that does not exist, with the nearest name.
    """

    driver: str = ""
    arm: str = SIMULATED
    robot_ip: str = ""
    urdf: str = ""
    tcp_frame: str = ""
    namespace: str = ""
    gripper: str = ""

    def __post_init__(self) -> None:
        self.spec, self.gripper_spec  # noqa: B018  # refuse an unknown arm or gripper now

    @cached_property
    def spec(self) -> ArmSpec:
        """The arm, with these parameters."""
        return load_arm(self.arm, **self._changes())

    @cached_property
    def gripper_spec(self) -> GripperSpec | None:
        """The gripper; that of an arm that is simulated instead of its own driver is simulated, too, unless named."""
        spec = self.spec
        own = SIMULATED if self.driver == SIMULATED and spec.gripper.get("driver", NONE) != NONE else ""
        return gripper_spec(spec.gripper, self.gripper or own, spec.address, self.namespace)

    def _changes(self) -> dict[str, str]:
        given = {"driver": self.driver, "address": self.robot_ip, "model": self.urdf, "tcp_frame": self.tcp_frame}
        return {name: value for name, value in {**given, "namespace": self.namespace}.items() if value}

    @property
    def joint_names(self) -> tuple[str, ...]:
        """In the model's order."""
        return self.spec.joints

    @property
    def left_out(self) -> tuple[Topic, ...]:
        """Topics of the arm's own nodes, which the controller must not publish."""
        own = self.spec.driver != SIMULATED and driver_class(self.spec.driver)
        return (JOINT_STATES,) if getattr(own, "REQUIREMENTS", Requirements()).joint_states else ()

    def host_arguments(self, mailbox: str, cpu: int = -1, shield: bool = False) -> Sequence[str]:
        """Return the arguments of `python -m controllers.host`.

        Raises:
            ValueError: a shield without a core.
        """
        if shield and cpu < 0:
            raise ValueError("loop_shield: got no core, expected one to keep free; set loop_cpu, too.")
        settings = [word for name, value in self._changes().items() for word in ("--set", f"{name}={value}")]
        core = [*(["--cpu", str(cpu)] if cpu >= 0 else []), *(["--shield"] if shield else [])]
        return [self.arm, mailbox, "--with-parent", *settings, *core]
