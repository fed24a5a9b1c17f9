"""The host over the simulated arm and a clock that moves only by waiting: life with faults, and one call back."""

import os

import numpy as np
import pytest

from controllers.arm import REASON_TEXT, Mode, Reason, Target
from controllers.drivers.contract import DriverMode
from controllers.geometry import quat_from_matrix
from controllers.host.control_process import ENDED, ControlProcess
from controllers.host.mailbox import Client, Mailbox, Request
from controllers.host.pacing import Pacer
from controllers.host.run_loop import run_host
from robot_rl.sim.control_stack import pick_lift
from robot_rl.sim.driver import SimulatedFault
from robot_rl.testing import FakeClock

PERIOD_S = 0.002


class SlowToRecover:
    """A driver whose arm takes 3 s to clear its errors."""

    def __init__(self, driver, clock):
        self.driver, self.clock = driver, clock
        self.read, self.write, self.stop, self.feedback = driver.read, driver.write, driver.stop, driver.feedback

    def recover(self):
        self.clock.advance(3.0)
        self.driver.recover()


class Cell:
    """ControlProcess, arm and client in one thread."""

    def __init__(self, **gains):
        self.clock = FakeClock(start_s=1.0)
        parts = pick_lift(self.clock)
        if gains:
            parts = parts._replace(gains=parts.gains.replaced(**gains))
        name = f"cell-{os.getpid()}"
        self.box = Mailbox(name, 7, create=True)
        self.host = ControlProcess(parts, self.box, self.clock)
        self.driver = parts.driver
        self.capabilities = self.host.connect()
        self.client = Client(name)
        self.box.unlink()
        self.run(0.02)

    def run(self, seconds, offset=None):
        """Let time pass; with an offset, a client that sends targets so far from where it began."""
        states = []
        for _ in range(round(seconds / PERIOD_S)):
            if offset is not None:
                self.send(offset)
            self.host.cycle()
            states.append(self.client.state())
        return states

    def send(self, offset, quat=None, stamp_s=None):
        state = self.host.driver.feedback.state
        if not hasattr(self, "start"):
            self.start, self.quat = state.p.copy(), np.array(quat_from_matrix(state.R))
        stamp = self.clock.now_s() if stamp_s is None else stamp_s
        self.client.send(
            Target(
                self.start + offset, self.quat if quat is None else quat, np.zeros(6), np.zeros(6), np.array([stamp])
            )
        )

    def active(self):
        self.client.activate()
        self.run(0.3, np.zeros(3))
        assert self.client.state().mode == Mode.ACTIVE, self.client.state().text
        return self


@pytest.fixture(scope="module", autouse=True)
def machine_code():
    """Compile once, outside of the clock's reach."""
    Cell()


def test_a_host_starts_idle_and_the_arm_holds_itself():
    cell = Cell()
    cell.run(0.3, np.array([0.1, 0.0, 0.0]))
    assert cell.client.state().mode == Mode.IDLE and cell.driver.acting is None
    assert np.abs(cell.driver.feedback.state.dq).max() < 0.01


def test_after_activation_it_follows_targets():
    cell = Cell().active()
    cell.run(1.0, np.array([0.0, 0.03, 0.0]))
    assert cell.driver.acting is not None
    np.testing.assert_allclose(cell.client.state().values["p"][0], cell.start + np.array([0, 0.03, 0]), atol=2e-3)


def test_a_dead_client_leaves_a_held_then_a_damped_arm():
    cell = Cell().active()
    modes = [state.mode for state in cell.run(1.0)]
    assert modes[100] == Mode.HOLDING and modes[-1] == Mode.DAMPING
    assert cell.client.state().reason == Reason.TARGET_GONE
    assert np.abs(cell.driver.feedback.state.dq).max() < 0.02


def test_a_reflex_is_recovered_from_without_a_restart_and_the_arm_holds():
    cell = Cell().active()
    cell.run(0.6, np.array([0.0, 0.05, 0.0]))
    cell.driver.inject(SimulatedFault.REFLEX)
    cell.driver.fault = SimulatedFault.NONE
    states = cell.run(3.0)
    modes = [state.mode for state in states]
    assert modes[1] == Mode.FAULT and states[5].reason == Reason.ROBOT_STOPPED
    assert "cartesian_reflex" in states[5].text
    assert Mode.RECOVERING in modes and modes[-1] in (Mode.HOLDING, Mode.DAMPING)
    assert cell.driver.recoveries == 1
    cell.run(0.1, np.array([0.0, 0.04, 0.0]))
    assert cell.client.state().mode == Mode.ACTIVE


def test_every_reflex_rests_before_the_arm_backs_off():
    cell = Cell().active()
    rests = []
    for way in (0.05, 0.0):
        cell.run(0.6, np.array([0.0, way, 0.0]))
        cell.driver.inject(SimulatedFault.REFLEX)
        cell.driver.fault = SimulatedFault.NONE
        modes = [state.mode for state in cell.run(3.0)]
        rests.append(modes.count(Mode.FAULT))
    assert rests[1] == pytest.approx(rests[0], abs=2) and rests[0] > 100


def test_without_a_budget_a_reflex_waits_for_a_person_and_one_call_leads_back():
    cell = Cell(start_checks=True, recoveries_per_minute=0.0).active()
    cell.driver.inject(SimulatedFault.REFLEX)
    cell.driver.fault = SimulatedFault.NONE
    cell.run(3.0)
    assert cell.client.state().mode == Mode.FAULT and cell.driver.recoveries == 0
    cell.client.activate()
    cell.run(0.1, np.zeros(3))
    assert cell.client.state().mode == Mode.ACTIVE


def test_a_frozen_state_stops_the_stream_within_tens_of_milliseconds():
    cell = Cell().active()
    cell.driver.inject(SimulatedFault.FROZEN)
    states = cell.run(0.04)
    assert states[-1].mode == Mode.FAULT and states[-1].reason == Reason.STATE_OLD
    assert cell.driver.acting is None
    cell.driver.inject(SimulatedFault.NONE)
    cell.client.activate()
    cell.run(0.1, np.zeros(3))
    assert cell.client.state().mode == Mode.ACTIVE


def test_a_pressed_stop_is_named_and_needs_its_release():
    cell = Cell().active()
    cell.driver.inject(SimulatedFault.USER_STOP)
    cell.run(1.0)
    assert cell.client.state().mode == Mode.FAULT and "user stop" in cell.client.state().text
    cell.client.activate()
    cell.run(0.1)
    assert cell.client.state().mode == Mode.FAULT
    cell.driver.inject(SimulatedFault.NONE)
    cell.client.activate()
    cell.run(0.1, np.zeros(3))
    assert cell.client.state().mode == Mode.ACTIVE


def test_a_pulled_cable_is_a_fault_and_activation_connects_again():
    cell = Cell().active()
    cell.driver.inject(SimulatedFault.UNPLUGGED)
    cell.run(0.1)
    assert cell.client.state().mode == Mode.FAULT
    cell.driver.inject(SimulatedFault.NONE)
    cell.client.activate()
    cell.run(0.1, np.zeros(3))
    assert cell.client.state().mode == Mode.ACTIVE


BAD_TARGETS = {
    "nan": (dict(offset=np.array([np.nan, 0, 0])), Reason.TARGET_NOT_FINITE),
    "inf": (dict(offset=np.array([0, np.inf, 0])), Reason.TARGET_NOT_FINITE),
    "zero quaternion": (dict(offset=np.zeros(3), quat=np.zeros(4)), Reason.TARGET_QUATERNION_NOT_UNIT),
    "long quaternion": (dict(offset=np.zeros(3), quat=np.array([0, 0, 0, 2.0])), Reason.TARGET_QUATERNION_NOT_UNIT),
    "half a metre away": (dict(offset=np.array([0.5, 0, 0])), Reason.TARGET_OUTSIDE_WORKSPACE),
    "from the future": (dict(offset=np.zeros(3), stamp_s=1e6), Reason.TARGET_FROM_THE_FUTURE),
    "from the past": (dict(offset=np.zeros(3), stamp_s=0.5), Reason.TARGET_OUT_OF_ORDER),
}


@pytest.mark.parametrize("kind", BAD_TARGETS)
def test_a_client_that_sends_only_bad_targets_ends_held_with_the_reason_named(kind):
    cell = Cell(clip_targets=False).active()
    arguments, reason = BAD_TARGETS[kind]
    p = cell.driver.feedback.state.p.copy()
    cell.send(**arguments)
    cell.host.cycle()
    assert cell.client.state().reason == reason
    for _ in range(150):
        cell.send(**arguments)
        cell.run(PERIOD_S)
    assert cell.client.state().mode == Mode.HOLDING
    assert REASON_TEXT[reason] in cell.client.state().text, "a live client's silence is no silence"
    assert np.linalg.norm(cell.driver.feedback.state.p - p) < 1e-3


def test_bad_gains_are_refused_by_name_and_the_old_ones_stay():
    cell = Cell().active()
    before = cell.host.gains
    cell.client.set_gains(before.replaced(stiffness=np.full(6, -600.0)))
    cell.run(0.1, np.zeros(3))
    assert "stiffness" in cell.client.state().message and cell.host.gains is before
    cell.client.set_gains(before.replaced(stiffness=before.stiffness / 2))
    cell.run(0.01, np.zeros(3))
    assert cell.client.state().message == "" and cell.host.gains.stiffness[0] == before.stiffness[0] / 2
    assert cell.client.state().mode == Mode.ACTIVE


def test_a_host_that_dies_leaves_an_arm_whose_own_watchdog_holds_it():
    cell = Cell().active()
    cell.run(0.2, np.array([0.0, 0.03, 0.0]))
    cell.clock.advance(0.5)  # without cycles
    cell.driver.read()
    assert cell.driver.acting is None
    assert cell.driver.read().mode == DriverMode.STOPPED
    assert np.abs(cell.driver.feedback.state.dq).max() < 0.05


def test_quit_ends_the_loop_and_the_stream():
    cell = Cell().active()
    cell.client.ask(Request.QUIT)
    run_host(cell.host, Pacer(PERIOD_S, cell.clock), paced=True, cycles=1000)
    assert cell.host.quit and cell.driver.acting is None


def test_time_that_a_recovery_takes_is_no_missed_deadline():
    cell = Cell().active()
    cell.host.driver = SlowToRecover(cell.driver, cell.clock)
    cell.driver.inject(SimulatedFault.REFLEX)
    cell.driver.fault = SimulatedFault.NONE
    cell.run(0.05)
    cell.client.activate()
    pacer = Pacer(PERIOD_S, cell.clock)
    run_host(cell.host, pacer, paced=False, cycles=20)
    assert pacer.misses <= 20 < 3.0 / PERIOD_S and cell.client.state().mode != Mode.FAULT


def test_an_unpaced_loop_keeps_its_deadlines_and_publishes_its_counters():
    cell = Cell().active()
    pacer = Pacer(PERIOD_S, cell.clock)
    for _ in range(10):
        pacer.wait()
        cell.host.cycle(pacer)
    cell.clock.advance(0.01)
    pacer.wait()
    cell.host.cycle(pacer)
    assert cell.client.state().values["cycles"][0] == 11 and cell.client.state().values["misses"][0] >= 4


def test_who_attaches_learns_the_gains_that_are_in_force():
    cell = Cell()
    assert cell.client.gains().tobytes() == cell.host.gains.tobytes()


def test_the_external_wrench_is_reported_in_the_base_whatever_the_task_frame():
    cell, turned = Cell(), np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    cell.host.memory["gains"]["task_R"] = turned
    cell.host.memory["work"]["external_wrench"] = [1.0, 0.0, 0.0, 0.0, 2.0, 3.0]
    cell.host.publish(None)
    np.testing.assert_array_equal(cell.client.state().values.external_wrench, [0.0, 1.0, 0.0, -2.0, 0.0, 3.0])


def test_the_end_lets_the_arm_hold_itself_and_is_the_last_word():
    cell = Cell().active()
    cell.host.end()
    state = cell.client.state()
    assert cell.driver.acting is None
    assert (state.mode, state.values["ended"][0], state.message) == (Mode.IDLE, 1.0, ENDED)


def test_the_state_holds_the_inputs_of_the_controllers_metrics():
    cell = Cell().active()
    cell.run(1.2, np.zeros(3))
    values, feedback = cell.client.state().values[0], cell.driver.feedback
    np.testing.assert_array_equal(values["J"], feedback.dynamics.J)
    np.testing.assert_array_equal(values["tau_max"], cell.host.limits.tau_max)
    assert np.linalg.norm(values["reference_p"] - values["p"]) < 0.01
    assert 0.0 <= values["stamp_s"] - values["target_stamp_s"] < 0.1
    assert values["period_us_p50"] == values["period_us_max"] == pytest.approx(PERIOD_S * 1e6, abs=10.0)
    assert values["reasons"].sum() == values["counters"][0]  # one reason each tick
