"""Teleoperation node: `ros2 run robot_rl teleop`, or `python -m robot_rl.nodes.teleop` over plain DDS.

`--to actor` (default) sends `human/input` to the actor, whose arbiter decides who acts, and which records it.
`--to controller` sends `human/target_twist` and the gripper's target while the human is engaged, to move the arm
without an actor; those outrank the others. Never run both ways at once for one arm. Either way its stop, a lost
device and the end of this node stop every arm of the graph; after the clear key this arm follows again.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from controllers.ros import graph
from controllers.ros.stops import REPORT_PERIOD_S
from controllers.ros.wire import Wire
from robot_rl import build_graph
from robot_rl.core import checks
from robot_rl.core.action_layout import GRIPPER, ROTATION, TRANSLATION, arm_layout
from robot_rl.core.clock import Clock, RateKeeper, SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.core.tasks import PERIOD_S, ArmTask
from robot_rl.envs.action import finger_target, task_layout
from robot_rl.envs.observation import gripper_entry
from robot_rl.hardware.graph.messages import joints_message, read_pose, twist_message
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.nodes.arguments import run_node
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.tasks import check_task, find_task
from robot_rl.teleop.device import Device, DeviceState
from robot_rl.teleop.devices import DEVICE_HELP, DeviceContext, check_device, open_enabled
from robot_rl.teleop.devices.ros import HumanSender
from robot_rl.teleop.supervision import StopSender, show_stops


@dataclass(frozen=True)
class TeleopConfig:
    """Settings of the teleoperation node.

    Raises:
        ConfigError: a rate that is not positive.
    """

    device: Annotated[str, tyro.conf.arg(help=f"Input device: {DEVICE_HELP}")] = "keyboard"
    settings: dict[str, str] = field(default_factory=dict)
    """Settings of the device, as in `port /dev/ttyUSB0`."""
    motion_device: str = "keyboard"
    """Device that moves the arm while a pendant enables it."""
    to: Literal["actor", "controller"] = "actor"
    """Receiver of the input."""
    task: str = "pick-lift"
    """Task whose steps an action at full deflection makes: a name, a file or `module:NAME`."""
    rate_hz: float = 1.0 / REPORT_PERIOD_S
    """Messages a second; the arms hold after three missing ones of 50 a second."""
    robot: RobotConfig = field(default_factory=lambda: RobotConfig(kind="dds"))
    """Namespace and wire: `dds`, or `ros` where rclpy can be imported."""

    def __post_init__(self) -> None:
        check_task(self.task)
        check_device("device", self.device)
        check_device("motion_device", self.motion_device)
        checks.at_least(self, 1.0 / REPORT_PERIOD_S, "rate_hz")
        if not self.robot.on_graph:
            raise ConfigError("robot.kind: got 'simulated', expected dds or ros: a node communicates over the graph.")


class TwistSender:
    """Turns actions into twists of the TCP in `base`: full deflection moves as one step of a 10 Hz policy does."""

    def __init__(self, wire: Wire, arm: ArmTask, period_s: float = PERIOD_S) -> None:
        self._wire, self._arm, self._period_s = wire, arm, period_s
        self._layout = arm_layout(gripper_entry(arm))
        self._twists = wire.publisher(graph.HUMAN_TWIST)
        self._gripper = wire.publisher(graph.GRIPPER_TARGET)
        self._R_base_tcp: np.ndarray | None = None
        self._base = graph.BASE  # the frame of the arm's poses
        wire.subscribe(graph.CURRENT_POSE, self._on_pose)

    def send(self, state: DeviceState) -> None:
        """Send one state's motion, if the human is engaged and the arm's orientation is known."""
        if not state.engaged or state.stopped or state.action is None or self._R_base_tcp is None:
            return
        stamp_ns, scale = self._wire.now_ns(), self._arm.action
        parts = self._layout.decode(state.action)
        velocity = self._R_base_tcp @ (scale.step_m * parts[TRANSLATION]) / self._period_s
        turn = self._R_base_tcp @ (scale.step_rad * parts[ROTATION]) / self._period_s
        twist = np.concatenate([velocity, turn])
        self._twists.publish(twist_message(self._wire, twist, stamp_ns, self._base))
        gripper = self._arm.gripper
        if gripper is not None and (finger_m := finger_target(gripper, parts[GRIPPER], None)) is not None:
            message = joints_message(self._wire, [graph.FINGER_JOINT], np.array([finger_m]), stamp_ns)
            self._gripper.publish(message)

    def _on_pose(self, message: Any) -> None:
        self._base = message.header.frame_id
        self._R_base_tcp = read_pose(message, self._base).R


def teleoperate(
    device: Device, send: Callable[[DeviceState], None], rate_hz: float, clock: Clock, should_stop: Callable[[], bool]
) -> None:
    """Read the device and send its state until stopped."""
    pace = RateKeeper(rate_hz, clock)
    while not should_stop():
        send(device.read())
        pace.wait()


def make_device(config: TeleopConfig, wire: Wire) -> Device:
    """Return the device, which prints how it is used.

    Raises:
        ConfigError: settings that cannot work, or a keyboard without a terminal.
    """
    task = find_task(config.task)
    context = DeviceContext(
        task_layout(task),
        np.random.default_rng(),
        SystemClock(),
        _no_expert,
        lambda: (wire, False),
        _no_expert,
        scale=task.arm.action,
        reads_a_step=config.rate_hz * PERIOD_S,
    )
    return open_enabled(config.device, config.settings, config.motion_device, {}, context)


def _no_expert() -> Any:
    raise ConfigError("device: got an expert, expected the device of a person; it knows the simulator's state only.")


def make_sender(config: TeleopConfig, wire: Wire) -> Callable[[DeviceState], None]:
    """Return the sender of stops to all controllers, and of the input to the actor or this arm's controller."""
    stop, task = StopSender(wire, "teleop"), find_task(config.task)
    to_actor = config.to == "actor"
    motion = HumanSender(wire, task_layout(task)) if to_actor else TwistSender(wire, task.arm)

    def send(state: DeviceState) -> None:
        stop.send(state)
        motion.send(state)

    return send


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C."""
    return run_node("teleop", arguments, TeleopConfig(), __doc__ or "", run_teleop)


def run_teleop(config: TeleopConfig) -> None:
    """Send the device's states until Ctrl-C."""
    with ExitStack() as held:
        wire = build_graph.make_wire(config.robot, "teleop")
        held.callback(wire.close)
        device = make_device(config, wire)
        wire.subscribe(graph.HUMAN_PROMPT, lambda message: print(message.data, flush=True))
        show_stops(wire, partial(print, flush=True))
        held.callback(device.close)
        teleoperate(device, make_sender(config, wire), config.rate_hz, SystemClock(), StopSignal().install())


if __name__ == "__main__":
    sys.exit(main())
