"""A task's gains are in force in the simulation, on the served one, and on a real arm's driver with its own gains."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from controllers.arms.spec import load_arm
from controllers.host.control_process import ControlProcess
from controllers.host.control_stack import ControlStack, gains_of
from controllers.host.mailbox import Client, Mailbox
from controllers.law.gains import Gains
from controllers.law.presets import preset
from controllers.ros import settings
from controllers.ros.controller import Controller
from robot_rl.build_graph import make_graph_robot
from robot_rl.core.pose import GRIPPER_DOWN
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.sim.arm import HOME_Q
from robot_rl.sim.simulation import Simulation
from robot_rl.tasks import find_task
from tests.controllers.drivers.driver_rigs import FrankaRig
from tests.hardware.graph.memory_wire import Graph, MemoryWire
from tests.nodes.served import Served, ServingClock

# What a policy feels of the law; guards of a real arm (contact, energy, start checks) lie beyond it.
FELT = (
    "stiffness", "damping_ratio", "clip_lower", "clip_upper", "workspace_lower", "workspace_upper", "speed_max",
    "filter_time_s", "hold_after_s", "damp_after_s",
)  # fmt: skip


def felt(gains: Gains) -> dict[str, object]:
    values = settings.values_of(gains)
    return {name: values[name] for name in FELT}


@pytest.mark.parametrize("task", ["pick-lift", "peg-insert"])
def test_gains_in_force_are_the_same_wherever_the_task_runs(task: str) -> None:
    in_process = Simulation(find_task(task)).gains
    served = Served(task=task, cameras=())
    assert felt(served.server.loop.in_force) == felt(in_process)
    own = preset("guarded", HOME_Q)
    served.server.controller.handler.set_gains(own)
    served.server.step()
    assert felt(served.server.loop.in_force)["stiffness"] == own.stiffness.tolist()
    robot = GraphRobot(served.wire, served.client_clock, GraphRobotConfig(), find_task(task).arm.controller_gains)
    assert robot.state().fault == ""
    assert felt(served.server.loop.in_force) == felt(in_process)
    served.server.close()


class RealArm:
    """The controller over a control process with the driver of an FR3, whose fake library lives in simulated time."""

    def __init__(self, p: Sequence[float]) -> None:
        rig, arm = FrankaRig(), load_arm("fr3")
        T_base_tcp = np.eye(4)
        T_base_tcp[:3, :3], T_base_tcp[:3, 3] = GRIPPER_DOWN, p
        rig.arm.T_base_tcp = T_base_tcp.T.ravel().tolist()  # column by column
        self.clock, name = rig.arm.clock, f"gains-{os.getpid()}"
        self.host = ControlProcess(
            ControlStack(rig.driver, gains_of(arm), arm.limits), Mailbox(name, 7, create=True), self.clock
        )
        self.host.connect()
        self.graph = Graph(self.clock)
        wire, log = MemoryWire(self.graph), logging.getLogger("test")
        self.controller = Controller(wire, "/arm", "fr3", log, self.clock.now_ns, lambda seconds: self.step())
        self.controller.attach(wire, Client(name), self.host.gains, arm.joints)
        self.host.mailbox.unlink()

    def step(self) -> None:
        """One cycle of the arm, and the node's due work."""
        self.host.cycle()
        self.controller.poll()
        self.controller.publish_states()


@pytest.mark.parametrize("task", ["pick-lift", "peg-insert"])
def test_gains_in_force_on_a_real_arms_driver_are_the_simulations_but_for_its_speed_limit(
    task: str,
) -> None:
    in_process, arm = felt(Simulation(find_task(task)).gains), RealArm(find_task(task).arm.start.position_m)
    assert arm.controller.activate()[0]
    robot = make_graph_robot(
        RobotConfig(kind="dds", episode_source="operator"),
        replace(find_task(task).arm, gripper=None),
        MemoryWire(arm.graph),
        ServingClock(arm.clock, arm.step),
    )
    assert robot.state().fault == ""
    in_force = felt(arm.host.gains)
    own_speed = load_arm("fr3").gains["speed_max"]
    assert in_force.pop("speed_max") == own_speed and own_speed <= in_process.pop("speed_max")
    for name, value in in_process.items():
        np.testing.assert_allclose(np.ravel(in_force[name]), np.ravel(value), err_msg=name)


def test_a_controller_that_lost_the_tasks_gains_is_a_fault_until_it_has_them_again() -> None:
    served = Served(cameras=())
    robot = GraphRobot(
        served.wire, served.client_clock, GraphRobotConfig(), find_task("pick-lift").arm.controller_gains
    )
    assert robot.wait(0.1).fault == ""
    served.server.controller.handler.set_gains(preset("guarded", HOME_Q))
    faults = [robot.wait(0.1).fault for _ in range(10)]
    assert any("no stiffness" in fault and "of the task in force" in fault for fault in faults)
    assert faults[-1] == ""
    np.testing.assert_array_equal(
        served.server.loop.in_force.stiffness, find_task("pick-lift").arm.controller_gains["stiffness"]
    )
    served.server.close()
