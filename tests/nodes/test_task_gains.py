"""A task's gains are in force in the simulation, on the served one, and on an arm with gains of its own."""

from __future__ import annotations

import numpy as np
import pytest

from controllers.law.gains import Gains
from controllers.law.presets import preset
from controllers.ros import settings
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from robot_rl.sim.arm import HOME_Q
from robot_rl.sim.simulation import Simulation
from robot_rl.tasks import find_task
from tests.nodes.served import Served

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
