"""The loop's host over each vendor's driver: a reflex and a silence end in a recovery without restarting anything."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from controllers.arm import Mode, Reason, Target
from controllers.arms.spec import arm_limits
from controllers.geometry import quat_from_matrix
from controllers.host.control_process import ControlProcess
from controllers.host.control_stack import ControlStack
from controllers.host.mailbox import Client, Mailbox
from controllers.law.gains import make_gains
from robot_rl.testing import FakeClock
from tests.controllers.drivers.driver_rigs import UR_LIMITS, EffortRig, FrankaRig, FrankyRig, UrRig

pytestmark = pytest.mark.slow  # compiles the tick for six joints, too
VENDORS = {"pylibfranka": FrankaRig, "franky": FrankyRig, "ur-rtde": UrRig, "ros2_control effort": EffortRig}


class Cell:
    """ControlProcess, driver, and a client that sends where the arm is; the arm's own clock is everybody's."""

    def __init__(self, rig: FrankaRig | UrRig | EffortRig) -> None:
        self.rig, joints = rig, rig.tau.size
        self.clock: FakeClock = rig.link.clock if isinstance(rig, EffortRig) else rig.arm.clock
        limits = arm_limits("fr3") if joints == 7 else UR_LIMITS
        name = f"vendor-{os.getpid()}"
        self.box = Mailbox(name, joints, create=True)
        parts = ControlStack(
            rig.driver,
            make_gains(np.zeros(joints), ramp_s=0.1, recoveries_per_minute=3.0, state_age_max_s=0.010),
            limits,
        )
        self.host = ControlProcess(parts, self.box, self.clock)
        self.host.connect()
        self.client = Client(name, joints)

    def run(self, seconds: float) -> list[Mode]:
        """Cycles with fresh targets until so much time has passed; the modes that they led to."""
        modes, end_s = [], self.clock.now_s() + seconds
        while self.clock.now_s() < end_s:
            self.send()
            self.host.cycle()
            modes.append(Mode(self.client.state().mode))
        return modes

    def send(self, offset: np.ndarray | float = 0.0) -> None:
        """Send a target so far from where the arm is."""
        state, stamp = self.rig.driver.feedback.state, np.array([self.clock.now_s()])
        quat = np.array(quat_from_matrix(state.R))
        self.client.send(Target(state.p + offset, quat, np.zeros(6), np.zeros(6), stamp))


@pytest.fixture(params=VENDORS)
def cell(request: pytest.FixtureRequest) -> Iterator[Cell]:
    cell = Cell(VENDORS[request.param]())
    yield cell
    cell.box.unlink()


def test_control_process_moves_nothing_before_activation_and_then_tracks(cell: Cell) -> None:
    assert set(cell.run(0.1)) == {Mode.IDLE} and cell.rig.acting() is None
    cell.client.activate()
    assert cell.run(0.1)[-1] is Mode.ACTIVE and cell.rig.acting() is not None


@pytest.mark.slow
def test_reflex_ends_the_torque_and_the_host_leads_back_by_itself(cell: Cell) -> None:
    cell.client.activate()
    cell.run(0.1)
    cell.rig.reflex()
    assert cell.rig.acting() is None
    modes = cell.run(0.3)
    assert modes[-1] is Mode.FAULT and cell.rig.acting() is None and cell.rig.recoveries() == 0
    assert cell.client.state().reason == Reason.ROBOT_STOPPED
    modes = cell.run(3.0)
    assert Mode.RECOVERING in modes and modes[-1] is Mode.ACTIVE
    assert cell.rig.recoveries() == 1 and cell.rig.acting() is not None


@pytest.mark.parametrize("late_ms", [0, 2, 5])
def test_guard_at_its_limit_is_no_reflex_of_an_arm_that_checks_its_own_cycles(late_ms: int) -> None:
    """The fake refuses a step beyond 1 N m a cycle, as an FR3 does; a host that is late has no more than one."""
    rig = FrankaRig()
    cell = Cell(rig)
    try:
        cell.client.activate()
        assert cell.run(0.1)[-1] is Mode.ACTIVE
        stiff = make_gains(np.zeros(7), ramp_s=0.0, filter_time_s=0.0, speed_max=np.inf, force_limit=1e3)
        cell.client.set_gains(stiff.changed(stiffness=4000.0, clip_lower=-0.1, clip_upper=0.1, state_age_max_s=np.inf))
        before, largest = np.array(rig.arm.acting), 0.0
        for step in range(60):
            cell.send(np.array([0.1, -0.1, 0.1]) * (-1) ** (step // 15))
            rig.silence(late_ms * 1e-3)
            cell.host.cycle()
            assert rig.acting() is not None, rig.arm.errors
            largest = max(largest, np.abs(rig.acting() - before).max())
            before = rig.acting()
        assert 0.89 < largest <= 0.9 + 1e-9
    finally:
        cell.box.unlink()


def test_arm_whose_state_freezes_is_let_go(cell: Cell) -> None:
    cell.client.activate()
    cell.run(0.1)
    cell.rig.freeze()
    assert cell.run(0.1)[-1] is Mode.FAULT
    assert cell.client.state().reason == Reason.STATE_OLD and cell.rig.acting() is None
