"""The loop's host over each vendor's driver: a reflex and a silence end in a recovery without restarting anything."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from controllers.arm import Mode, Reason, Target
from controllers.arms.spec import arm_limits
from controllers.geometry import quat_from_matrix
from controllers.host.control_process import ControlProcess
from controllers.host.control_stack import ControlStack
from controllers.host.mailbox import Client, Mailbox, Request
from controllers.host.pacing import Pacer
from controllers.host.run_loop import run_host
from controllers.law.gains import make_gains
from robot_rl.testing import FakeClock
from tests.controllers.drivers.driver_rigs import UR_LIMITS, ArmRig, EffortRig, FrankaRig, FrankyRig, UrRig

pytestmark = pytest.mark.slow  # compiles the tick for six joints, too
VENDORS = {"pylibfranka": FrankaRig, "franky": FrankyRig, "ur-rtde": UrRig, "ros2_control effort": EffortRig}


class Cell:
    """ControlProcess, driver, and a client that sends where the arm is; the arm's own clock is everybody's."""

    def __init__(self, rig: ArmRig | EffortRig) -> None:
        self.rig, joints = rig, rig.tau.size
        self.arm = rig.link if isinstance(rig, EffortRig) else rig.arm
        self.clock: FakeClock = self.arm.clock
        limits = arm_limits("fr3") if joints == 7 else UR_LIMITS
        name = f"vendor-{os.getpid()}"
        self.box = Mailbox(name, joints, create=True)
        gains = make_gains(np.zeros(joints), ramp_s=0.1, recoveries_per_minute=3.0, state_age_max_s=0.010)
        self.host = ControlProcess(ControlStack(rig.driver, gains, limits), self.box, self.clock)
        self.client = Client(name, joints)
        self.seen: list[tuple[str, float]] = []  # while the driver blocks: what the state says, and since when
        if not isinstance(rig, EffortRig):
            rig.arm.meanwhile = self.look
        self.host.connect()

    def look(self) -> None:
        """A client reads the state while the driver blocks."""
        state = self.client.state()
        self.seen.append((state.busy, self.clock.now_s() - state.values.busy_since_s))

    def run(self, seconds: float) -> list[Mode]:
        """Cycles with fresh targets until so much time has passed; the modes that they led to."""
        modes, end_s = [], self.clock.now_s() + seconds
        while self.clock.now_s() < end_s:
            self.send()
            self.host.cycle()
            if not self.host.fresh:  # the arm sets no pace
                self.clock.advance(0.001)
            modes.append(Mode(self.client.state().mode))
        return modes

    def send(self, offset: np.ndarray | float = 0.0) -> None:
        """Send a target so far from where the arm is."""
        state, stamp = self.rig.driver.feedback.state, np.array([self.clock.now_s()])
        quat = np.array(quat_from_matrix(state.R))
        self.client.send(Target(state.p + offset, quat, np.zeros(6), np.zeros(6), stamp))

    def active(self) -> "Cell":
        self.client.activate()
        assert self.run(0.3)[-1] is Mode.ACTIVE
        return self


@pytest.fixture(params=VENDORS)
def cell(request: pytest.FixtureRequest) -> Iterator[Cell]:
    cell = Cell(VENDORS[request.param]())
    yield cell
    cell.box.unlink()


def test_control_process_moves_nothing_before_activation_and_then_tracks(cell: Cell) -> None:
    assert set(cell.run(0.1)) == {Mode.IDLE} and cell.rig.acting() is None
    cell.active()
    assert cell.rig.acting() is not None


def test_reflex_ends_the_torque_and_the_host_leads_back_by_itself(cell: Cell) -> None:
    holds_without_client(cell)
    cell.active().rig.reflex()
    assert cell.rig.acting() is None
    modes = cell.run(0.3)
    assert modes[-1] is Mode.FAULT and cell.rig.acting() is None and cell.rig.recoveries() == 0
    assert cell.client.state().reason == Reason.ROBOT_STOPPED
    modes = cell.run(5.0)
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


def test_whatever_a_driver_does_for_long_is_named_before_it_blocks(cell: Cell) -> None:
    cell.active().rig.reflex()
    cell.run(0.1)
    cell.client.activate()
    cell.run(7.0)
    cell.client.ask(Request.DEACTIVATE)
    cell.run(0.1)
    assert all(text and since_s < 8.0 for text, since_s in cell.seen)
    assert not cell.client.state().busy


def test_recovery_that_the_arm_refuses_spends_the_budget(cell: Cell) -> None:
    holds_without_client(cell)
    cell.arm.stubborn = True
    cell.active().rig.reflex()
    end_s = cell.clock.now_s() + 30.0
    while cell.run(0.2) and cell.client.state().reason != Reason.RECOVERIES_SPENT:
        assert cell.clock.now_s() < end_s
    assert cell.rig.recoveries() == 3


def test_protective_stop_of_a_ur_is_unlocked_only_on_request() -> None:
    cell = Cell(UrRig()).active()
    cell.rig.reflex()
    cell.run(10.0)
    assert cell.rig.recoveries() == 0 and "inspect the arm" in cell.client.state().text
    cell.client.activate()
    cell.run(0.3)
    assert cell.rig.recoveries() == 1 and cell.client.state().mode is Mode.ACTIVE


def test_ur_that_carries_more_than_its_payload_is_not_activated() -> None:
    cell = Cell(UrRig())
    assert isinstance(cell.rig, UrRig)
    cell.client.set_gains(cell.host.gains.changed(start_checks=True))
    cell.rig.arm.tcp_force = [0.0, 0.0, -30.0, 0.0, 0.0, 0.0]
    cell.client.activate()
    cell.run(0.1)
    assert cell.client.state().reason == Reason.START_PAYLOAD_WRONG and cell.rig.acting() is None


def test_protective_stop_is_unlocked_unattended_where_the_arms_file_permits_it() -> None:
    rig = UrRig()
    rig.driver = rig.make(unlock_unattended=True)
    cell = Cell(rig).active()
    cell.rig.reflex()
    assert cell.run(10.0)[-1] is Mode.ACTIVE and cell.rig.recoveries() == 1


@pytest.mark.parametrize("request_", [Request.DEACTIVATE, Request.QUIT])
def test_stop_that_is_requested_while_the_arm_recovers_comes_before_any_torque(cell: Cell, request_: Request) -> None:
    holds_without_client(cell)
    cell.active().rig.reflex()
    cell.arm.meanwhile = lambda: cell.client.ask(request_)
    sent: list[bool] = []
    write = cell.rig.driver.write
    cell.rig.driver.write = lambda tau: sent.append(True) or write(tau)  # type: ignore[method-assign]
    cell.run(0.1)
    sent.clear()
    assert cell.run(4.0)[-1] is Mode.IDLE
    assert cell.rig.recoveries() == 1 and not sent and cell.rig.acting() is None


def test_lost_arm_is_polled_at_the_loops_rate(cell: Cell) -> None:
    cell.active().rig.unplug()
    cell.run(1.5)
    start_s, pacer = cell.clock.now_s(), Pacer(0.001, cell.clock)
    run_host(cell.host, pacer, paced=True, cycles=500)
    assert cell.clock.now_s() - start_s > 0.49
    assert cell.client.state().mode is Mode.FAULT and "connect() again" in cell.client.state().text


def test_arm_whose_state_freezes_is_let_go(cell: Cell) -> None:
    cell.active().rig.freeze()
    assert cell.run(0.1)[-1] is Mode.FAULT
    assert cell.client.state().reason == Reason.STATE_OLD and cell.rig.acting() is None


def holds_without_client(cell: Cell) -> None:
    """Skip for an arm whose stop a person has to inspect."""
    if isinstance(cell.rig, UrRig):
        pytest.skip("a UR's protective stop waits for a person")
