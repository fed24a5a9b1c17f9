"""Controller of a real arm over plain DDS: the topics and services of the ROS node, without ROS.

The control process, the command handling and the graph are those of `controllers.ros.node`; lifecycle services and
parameters are missing: gains are set by `target_stiffness`, and the arm is connected and enabled at the start.
"""

import logging
import os
import time
from dataclasses import dataclass

from tyro.conf import Positional

from controllers.drivers.grippers.process import GripperProcess
from controllers.ros import graph, settings
from controllers.ros.arms import ArmChoice
from controllers.ros.controller import Controller
from controllers.ros.frames import frames_of
from controllers.ros.loop_process import HostFailed, HostProcess
from controllers.ros.namesake import wait_until_alone
from controllers.ros.wire import Wire
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.nodes.polled_wire import PolledWire
from robot_rl.runtime.runs.stop import StopSignal

PERIOD_S = 0.01  # of states and of the answers to services


@dataclass(frozen=True)
class ControllerConfig:
    """Move a real arm without ROS: the controller's topics and services over plain DDS, for `robot-rl train
    --robot.kind dds`, `record`, teleoperation and `doctor ros`.

    Connects the arm, then holds it where it is until commands arrive; Ctrl-C lets the arm hold itself.

    examples:
      robot-rl controller fr3 --robot-ip 172.16.0.2
      robot-rl controller lab/arm.yaml --preset guarded
      robot-rl controller simulated                           a rehearsal without an arm
    """

    arm: Positional[str]
    """A shipped arm's name, or the path of an arm's YAML file."""
    robot_ip: str = ""
    """Address of the arm; empty: that of its file."""
    driver: str = ""
    """Driver by name, module:Class or file.py:Class; empty: the arm's own."""
    urdf: str = ""
    """Path of the arm's model, for drivers that need one; empty: that of its file."""
    preset: str = ""
    """Gains to start from; empty: those of the arm's file."""
    gripper: str = ""
    """Gripper by name, module:Class or file.py:Class, or `none`; empty: that of the arm's file."""
    namespace: str = ""
    """Of the arm's topics, as in `left`."""
    cpu: int = -1
    """Core of the control loop; -1: any."""
    shield: bool = False
    """Move all other threads off that core."""


class ArmController:
    """One arm's controller on a wire; close it when done.

    Raises:
        ConfigError: an arm, a driver or gains that do not exist.
        DeviceLostError: no arm, or another controller of this name.
    """

    def __init__(self, wire: Wire, config: ControllerConfig, stop: StopSignal) -> None:
        self._wire, self._config = PolledWire(wire), config
        name = graph.in_namespace(graph.CONTROLLER, config.namespace)
        if refused := wait_until_alone(lambda: len(wire.publishers_of(graph.STATUS)), name):
            raise DeviceLostError(refused)
        log = logging.getLogger(graph.CONTROLLER)
        hardware = f"{config.arm} by {config.driver or 'its driver'} {config.robot_ip}".strip()
        self._controller = Controller(self._wire, name, hardware, log, time.monotonic_ns, time.sleep)
        self._host = self._connect(stop)

    def _connect(self, stop: StopSignal) -> HostProcess:
        config, namespace = self._config, self._config.namespace
        try:
            choice = ArmChoice(config.driver, config.arm, config.robot_ip, config.urdf, "", namespace, config.gripper)
            frames = frames_of(choice.spec, prefix=graph.in_namespace("", namespace))
            mailbox = "-".join(["dds", *filter(None, namespace.split("/")), str(os.getpid())])
            words = choice.host_arguments(mailbox, config.cpu, config.shield)
            host = HostProcess(words, mailbox, len(choice.joint_names), lambda: not stop())
        except HostFailed as error:
            raise DeviceLostError(str(error)) from error
        except ValueError as error:
            raise ConfigError(str(error)) from error
        try:
            gains = settings.first_gains(host.client.gains(), config.preset, {}, choice.spec)
        except ValueError as error:
            host.end()
            raise ConfigError(str(error)) from error
        self._controller.attach(self._wire, host.client, gains, choice.joint_names, frames, left_out=choice.left_out)
        if choice.gripper_spec is not None:
            self._controller.attach_gripper(GripperProcess(choice.gripper_spec), choice.gripper_spec)
        return host

    def activate(self) -> None:
        """Enable the arm where it is.

        Raises:
            DeviceLostError: the arm refuses, with its reason.
        """
        done, text = self._controller.activate()
        if not done:
            raise DeviceLostError(
                f"{self._config.arm}: got '{text}', expected an arm that may be enabled; see docs/control.md."
            )

    def run(self, stop: StopSignal) -> None:
        """Serve until stopped; the arm then holds itself.

        Raises:
            DeviceLostError: the control process has ended.
        """
        try:
            while not stop():
                self.step()
                time.sleep(PERIOD_S)
        finally:
            self._controller.handler.stop_now()

    def step(self) -> None:
        """Serve requests and publish the arm's state once; a control process that hangs is a latched stop.

        Raises:
            DeviceLostError: the control process has ended; the arm's own watchdog holds it.
        """
        self._wire.poll()
        self._controller.poll()
        self._controller.publish_states()
        ended = self._host.ended
        self._controller.watch_loop(self._host)
        if ended:
            raise DeviceLostError(f"{self._config.arm}: {self._controller.trouble}.")

    def close(self) -> None:
        """Let the arm hold itself and end its control process."""
        self._controller.leave()
        self._controller.handler.detach()
        self._host.end()
        self._controller.detach("finalized")
