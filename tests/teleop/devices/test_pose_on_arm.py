"""A leader arm in another process moves the simulated arm over DDS: a hand-over without a jump, and its end."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from robot_rl.core.clock import RateKeeper, SystemClock
from robot_rl.envs.simulated import make_simulated_env
from robot_rl.teleop.arbiter import Arbiter, ArbiterConfig, ControlAuthority
from robot_rl.teleop.devices.pose import PoseConfig, PoseDevice
from tests.hardware.graph.wires import open_wire

pytestmark = [pytest.mark.dds, pytest.mark.slow]
PERIOD_S = 0.1
STEPS_MAX = 400
SILENT_S = 0.8
"""Longer than on an arm: these processes share their cores with others."""


class Cell:
    """The arm, the leader's program, and the loop between them, in real time."""

    def __init__(self) -> None:
        self.env = make_simulated_env("pick-lift", cameras=())
        self.env.reset(seed=0)
        (self.robot,) = self.env.cell.robots.values()
        self.clock = SystemClock()
        self.wire = open_wire("dds", "arm")
        layout, scale, config = self.env.action_layout, self.env.task.arm.action, PoseConfig(silent_s=SILENT_S)
        self.device = PoseDevice(self.wire, layout, scale, config, self.clock)
        self.arbiter = Arbiter(layout, config=ArbiterConfig(SILENT_S, 2.0))
        self.pace = RateKeeper(1.0 / PERIOD_S, self.clock)
        self.leader = subprocess.Popen([sys.executable, "-m", __name__.replace("test_pose_on_arm", "leader_program")],
                                       stdin=subprocess.PIPE, text=True)  # fmt: skip
        self.device.reset()

    def hand(self, text: str) -> None:
        assert self.leader.stdin is not None
        print(text, file=self.leader.stdin, flush=True)

    def until(self, authority: ControlAuthority, steps: int = 1) -> np.ndarray:
        """Step until someone has been in charge for some steps; return the tool's way in each of them (T, 3)."""
        ways: list[np.ndarray] = []
        for _ in range(STEPS_MAX):
            before = self.robot.state().T_base_tcp.p.copy()
            decision = self.arbiter.decide(None, self.device.read(), now_ns=self.clock.now_ns())
            self.env.step(decision.action)
            self.pace.wait()
            ways = [*ways, self.robot.state().T_base_tcp.p - before] if decision.charge is authority else []
            if len(ways) == steps:
                return np.array(ways)
        raise AssertionError(f"{authority.name} was not in charge for {steps} steps")

    def close(self) -> None:
        self.leader.kill()
        self.leader.communicate()
        self.wire.close()
        self.env.close()


@pytest.fixture
def cell() -> Iterator[Cell]:
    with closing(Cell()) as made:
        yield made


def test_leader_arm_takes_over_moves_and_dies(cell: Cell) -> None:
    cell.hand("open 0.2 -0.3 0.1")
    cell.until(ControlAuthority.IDLE, 50)
    start = cell.robot.state().T_base_tcp.p.copy()
    cell.hand("closed 0.2 -0.3 0.1")
    handed_over = cell.until(ControlAuthority.HUMAN, 5)
    assert np.abs(handed_over).max() < 0.001, "the hand was elsewhere, and rests"
    cell.hand("closed 0.24 -0.33 0.1")
    moved = cell.until(ControlAuthority.HUMAN, 30)
    assert np.linalg.norm(moved, axis=1).max() < 0.02, "at 0.1 m/s a step is 0.01 m"
    np.testing.assert_allclose(cell.robot.state().T_base_tcp.p - start, [0.04, -0.03, 0.0], atol=0.004)
    assert np.abs(moved[-5:]).max() < 0.001
    cell.hand("closed 0.3 -0.33 0.1")
    cell.until(ControlAuthority.HUMAN, 2)
    cell.leader.kill()
    cell.until(ControlAuthority.IDLE)
    cell.until(ControlAuthority.ESTOP)
