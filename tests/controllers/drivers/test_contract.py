"""Contract of all drivers (`controllers/drivers/contract.py`): one suite over each of them."""

import numpy as np
import pytest

from controllers.arm import ArmLimits, no_target
from controllers.drivers.contract import Capabilities, DriverMode, RecoveryError, UnreachableError
from controllers.law.control_loop import ControlLoop, check_shapes
from controllers.law.gains import make_gains
from controllers.law.tick import make_controller_state
from tests.controllers.drivers.driver_rigs import RIGS, Rig


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest) -> Rig:
    return RIGS[request.param]()


@pytest.fixture
def running(rig: Rig) -> Rig:
    """Connected, and its torques act."""
    rig.driver.connect()
    rig.driver.read()
    assert rig.driver.write(rig.tau)
    return rig


def knows_people(rig: Rig) -> None:
    """Skip where the interface has no word for a person's stop."""
    if type(rig).press_stop is Rig.press_stop:
        pytest.skip("ros2_control's effort interface does not say that a person stopped the arm")


def test_connecting_returns_the_arms_properties(rig: Rig) -> None:
    capabilities = rig.driver.connect()
    assert isinstance(capabilities, Capabilities) and capabilities.name and capabilities.firmware
    assert capabilities.joints == rig.tau.size and capabilities.rate_hz in (500.0, 1000.0)
    assert 0.0 < capabilities.watchdog_s <= 0.05


def test_connecting_moves_nothing_and_clears_nothing(rig: Rig) -> None:
    rig.driver.connect()
    assert rig.acting() is None and rig.recoveries() == 0
    assert rig.driver.read().mode is DriverMode.READY


def test_nothing_raises_before_the_connection(rig: Rig) -> None:
    rig.driver.stop()
    assert rig.driver.read().mode is DriverMode.CLOSED and "connect()" in rig.driver.read().reason
    assert not rig.driver.write(rig.tau)
    rig.driver.close()
    with pytest.raises(RecoveryError, match=r"connect\(\) first"):
        rig.driver.recover()


def test_reading_fills_the_same_arrays_with_a_sensible_arm(rig: Rig) -> None:
    before = rig.driver.feedback
    rig.driver.connect()
    rig.driver.read()
    state, dynamics, _ = rig.driver.feedback
    assert rig.driver.feedback.state.q is before.state.q
    n = state.q.size
    limits = ArmLimits(*np.ones((5, n)))
    gains, memory = make_gains(np.zeros(n)), make_controller_state(n)
    check_shapes(ControlLoop(state, dynamics, no_target(), gains, limits, memory, np.zeros(n)))
    assert all(np.isfinite(array).all() for array in (*state[:5], state.stamp_s, *dynamics))
    assert np.linalg.eigvalsh(dynamics.M).min() > 0.0
    np.testing.assert_allclose(state.R @ state.R.T, np.eye(3), atol=1e-9)


def test_stamp_follows_the_state_and_a_frozen_state_grows_old(rig: Rig) -> None:
    rig.driver.connect()
    stamps = [rig.driver.read().stamp_s for _ in range(3)]
    assert stamps == sorted(set(stamps))
    rig.freeze()
    old = rig.driver.read().stamp_s
    rig.silence(0.012)
    assert rig.driver.read().stamp_s == pytest.approx(old, abs=0.0021)
    assert rig.driver.feedback.state.stamp_s[0] == rig.driver.read().stamp_s
    assert rig.now_s() - rig.driver.read().stamp_s > 0.01


def test_written_torque_acts_and_is_reported(running: Rig) -> None:
    reading = running.driver.read()
    assert (reading.mode, reading.reason) == (DriverMode.RUNNING, "")
    np.testing.assert_allclose(running.acting(), running.tau)
    np.testing.assert_allclose(running.driver.feedback.state.tau, running.tau)
    assert running.driver.write(0.5 * running.tau)
    np.testing.assert_allclose(running.driver.feedback.state.tau, running.tau)  # of the state that was read
    running.driver.read()
    np.testing.assert_allclose(running.acting(), 0.5 * running.tau)


def test_stop_ends_the_torque_and_the_next_write_starts_anew(running: Rig) -> None:
    running.driver.stop()
    running.driver.stop()
    assert running.acting() is None
    assert running.driver.read().mode is DriverMode.READY
    assert running.driver.write(running.tau)
    assert running.driver.read().mode is DriverMode.RUNNING
    np.testing.assert_allclose(running.acting(), running.tau)


def test_close_ends_the_torque(running: Rig) -> None:
    running.driver.close()
    assert running.acting() is None
    assert running.driver.read().mode is DriverMode.CLOSED


def test_torque_of_a_silent_sender_ends_within_the_watchdogs_time(rig: Rig) -> None:
    watchdog_s = rig.driver.connect().watchdog_s
    rig.driver.read()
    rig.driver.write(rig.tau)
    rig.silence(0.5 * watchdog_s)
    assert rig.acting() is not None
    rig.silence(0.5 * watchdog_s + 0.005)
    assert rig.acting() is None


def test_silence_is_named_and_recovery_is_one_call(running: Rig) -> None:
    running.silence(0.2)
    reading = running.driver.read()
    assert reading.mode is DriverMode.STOPPED and "recover()" in reading.reason
    assert any(word in reading.reason for word in ("no torque", "communication_constraints_violation"))
    assert not running.driver.write(running.tau) and running.acting() is None
    running.driver.recover()
    assert running.driver.read().mode is DriverMode.READY
    assert running.driver.write(running.tau)


def test_reflex_stops_the_stream_and_is_cleared_on_request_only(running: Rig) -> None:
    running.reflex()
    reading = running.driver.read()
    assert reading.mode is DriverMode.STOPPED and "recover()" in reading.reason
    for _ in range(3):
        assert not running.driver.write(running.tau)
        assert running.driver.read().mode is DriverMode.STOPPED
    reason = running.driver.read().reason
    running.driver.stop()  # nothing is left to end: the cause stays on record
    assert running.driver.read().reason == reason
    assert running.acting() is None and running.recoveries() == 0
    running.driver.recover()
    assert running.recoveries() == 1
    assert running.driver.read().mode is DriverMode.READY
    assert running.driver.write(running.tau)


def test_reflex_between_read_and_write_costs_one_refused_torque(running: Rig) -> None:
    running.driver.read()
    running.reflex()
    running.driver.write(running.tau)
    running.driver.read()
    assert running.driver.read().mode is DriverMode.STOPPED
    assert running.acting() is None and running.recoveries() == 0


def test_reflex_before_connecting_stays_until_recovery_is_requested(running: Rig) -> None:
    running.reflex()
    running.driver.connect()
    assert running.driver.read().mode is DriverMode.STOPPED
    assert not running.driver.write(running.tau) and running.recoveries() == 0


def test_persons_stop_is_not_cleared_by_software(running: Rig) -> None:
    knows_people(running)
    running.press_stop()
    running.driver.read()
    reading = running.driver.read()
    assert reading.mode is DriverMode.LOCKED and "release" in reading.reason
    assert not running.driver.write(running.tau) and running.acting() is None
    with pytest.raises(RecoveryError, match="release"):
        running.driver.recover()
    assert running.recoveries() == 0


def test_recovering_a_healthy_arm_does_nothing_to_it(rig: Rig) -> None:
    rig.driver.connect()
    rig.driver.recover()
    assert rig.recoveries() == 0 and rig.driver.read().mode is DriverMode.READY


def test_lost_arm_is_reported_and_can_be_connected_again(running: Rig) -> None:
    running.unplug()
    running.silence(0.6)
    reading = running.driver.read()
    assert reading.mode is DriverMode.LOST and "connect() again" in reading.reason
    assert not running.driver.write(running.tau)
    running.driver.stop()
    assert running.driver.read().mode is DriverMode.LOST
    running.plug()
    running.driver.connect()
    assert running.driver.read().mode in (DriverMode.READY, DriverMode.STOPPED)


def test_unreachable_arm_is_refused_with_the_next_step(rig: Rig) -> None:
    rig.unplug()
    with pytest.raises(UnreachableError, match=r"got .*, expected .*; "):
        rig.driver.connect()
    assert rig.driver.read().mode is DriverMode.CLOSED


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e4])
def test_bad_torque_never_reaches_the_arm_and_ends_the_stream(running: Rig, bad: float) -> None:
    tau = running.tau.copy()
    tau[2] = bad
    assert not running.driver.write(tau)
    assert running.acting() is None
    reading = running.driver.read()
    assert reading.mode is DriverMode.STOPPED and "torque refused: got" in reading.reason
    running.driver.recover()
    assert running.recoveries() == 0 and running.driver.write(running.tau)


def test_torque_for_another_number_of_joints_is_refused(running: Rig) -> None:
    assert not running.driver.write(running.tau[:-1])
    assert running.acting() is None and "shape" in running.driver.read().reason
