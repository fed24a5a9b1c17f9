"""What each arm refuses when it connects, and the advice that comes with it."""

import re

import numpy as np
import pytest

from controllers.arms.values import Payload
from controllers.drivers.contract import (
    ArmNotReadyError,
    DriverError,
    DriverMode,
    MissingLibraryError,
    MissingPermissionError,
    RecoveryError,
    UnreachableError,
    UnsupportedFirmwareError,
    import_library,
)
from controllers.drivers.effort import EffortDriver, in_order
from controllers.drivers.libfranka import Contact, one_of_them
from controllers.drivers.stream import Platform
from tests.controllers.drivers import fake_franky
from tests.controllers.drivers.driver_rigs import (
    POOR_MACHINE,
    UR_LIMITS,
    EffortRig,
    FrankaRig,
    FrankyRig,
    Rig,
    UrRig,
    ur5e_model,
)

ERROR_FORM = re.compile(r"^.+: got .+, expected .+; .+\.$", re.DOTALL)


def refusal(rig: FrankaRig | UrRig, kind: type[DriverError]) -> str:
    """The text with which `connect` refuses; the driver stays closed."""
    with pytest.raises(kind) as caught:
        rig.driver.connect()
    assert ERROR_FORM.match(str(caught.value)) and rig.driver.read().mode is DriverMode.CLOSED
    return str(caught.value)


@pytest.mark.parametrize("kind", [FrankaRig, FrankyRig, UrRig])
def test_computer_without_realtime_permission_is_refused_before_the_arm_is_touched(kind: type[FrankaRig]) -> None:
    rig = kind()
    rig.driver = rig.make(POOR_MACHINE)
    rig.unplug()  # would be another error, if it were tried
    text = refusal(rig, MissingPermissionError)
    assert "PREEMPT_RT" in text or "rtprio" in text


@pytest.mark.parametrize("kind", [FrankaRig, FrankyRig, UrRig])
def test_realtime_can_be_waived(kind: type[FrankaRig]) -> None:
    rig = kind()
    rig.driver = rig.make(POOR_MACHINE, realtime=False)
    rig.driver.connect()
    assert rig.driver.read().mode is DriverMode.READY


@pytest.mark.parametrize("kind", [FrankaRig, FrankyRig])
def test_franka_of_another_system_is_refused(kind: type[FrankaRig]) -> None:
    rig = kind()
    rig.arm.refuses = fake_franky.IncompatibleVersionException("libfranka: Incompatible library version")
    assert "system 5.9" in refusal(rig, UnsupportedFirmwareError)


@pytest.mark.parametrize("kind", [FrankaRig, FrankyRig])
def test_error_of_an_unknown_kind_names_the_next_step(kind: type[FrankaRig]) -> None:
    rig = kind()
    rig.arm.refuses = ValueError("brakes")
    assert "ValueError 'brakes'" in refusal(rig, ArmNotReadyError)


def test_realtime_error_of_the_library_points_to_the_doctor() -> None:
    rig = FrankaRig()
    rig.arm.refuses = type("RealtimeException", (RuntimeError,), {})("libfranka: unable to set realtime scheduling")
    assert "robot-rl doctor robot" in refusal(rig, MissingPermissionError)


@pytest.mark.parametrize("version", ["URSoftware 5.25.1 (2025)", "URSoftware 3.15.8", "10.7.0", "?"])
def test_ur_whose_script_would_ignore_torques_is_refused(version: str) -> None:
    rig = UrRig()
    rig.arm.version = version
    assert "5.26" in refusal(rig, UnsupportedFirmwareError)


def test_ur_under_local_control_is_refused() -> None:
    rig = UrRig()
    rig.arm.remote = False
    assert "Remote Control" in refusal(rig, ArmNotReadyError)


@pytest.mark.parametrize(("field", "value", "words"), [("robot_mode", 3, "brakes"), ("safety_mode", 7, "emergency")])
def test_ur_that_only_a_person_can_start_is_refused(field: str, value: int, words: str) -> None:
    rig = UrRig()
    setattr(rig.arm, field, value)
    assert words in refusal(rig, ArmNotReadyError)


def test_model_of_another_arm_and_another_tcp_than_the_pendants_are_refused() -> None:
    rig = UrRig()
    rig.arm.tool_m = 0.02
    assert "got a TCP 20 mm and 0.000 rad away" in refusal(rig, ArmNotReadyError)
    rig.arm.tool_m, rig.arm.kind = 0.0, "ur10e"
    assert "base_frame 'base'" in refusal(rig, ArmNotReadyError)


def test_ur_in_a_protective_stop_gets_its_script_after_the_recovery() -> None:
    rig = UrRig()
    rig.reflex()
    rig.driver.connect()
    assert rig.driver.read().mode is DriverMode.STOPPED and not rig.arm.running
    rig.driver.recover()
    assert rig.driver.read().mode is DriverMode.READY and rig.driver.write(rig.tau) and rig.arm.running


def test_torque_is_not_sent_where_the_script_cannot_start() -> None:
    rig = UrRig()
    rig.driver.connect()
    rig.arm.end_script()
    rig.arm.safety_mode = 2  # the fake takes no script in reduced mode
    rig.driver.read()
    assert not rig.driver.write(rig.tau) and rig.acting() is None
    assert rig.driver.read().mode is DriverMode.STOPPED


def test_ur_between_two_streams_is_fed_so_that_its_script_lives() -> None:
    rig = UrRig()
    rig.driver.connect()
    rig.driver.write(rig.tau)
    rig.driver.stop()
    for _ in range(100):
        rig.driver.read()
    assert rig.arm.running and rig.driver.write(rig.tau)


@pytest.mark.parametrize("rig", [FrankaRig(), FrankyRig(), UrRig(), EffortRig()], ids=lambda rig: type(rig).__name__)
def test_recovery_that_the_arm_refuses_is_reported(rig: Rig) -> None:
    rig.driver.connect()
    rig.driver.write(rig.tau)
    getattr(rig, "arm", getattr(rig, "link", None)).stubborn = True
    rig.reflex()
    rig.driver.read()
    with pytest.raises((RecoveryError, ArmNotReadyError), match=r"got .*, expected .*; ") as caught:
        rig.driver.recover()
    assert ERROR_FORM.match(str(caught.value))
    assert rig.recoveries() == 1 and rig.driver.read().mode is DriverMode.STOPPED


def test_franky_arm_that_does_not_come_to_rest_is_stopped_hard_and_starts_again() -> None:
    rig = FrankyRig()
    rig.driver.connect()
    rig.driver.write(rig.tau)
    rig.arm.restless = True
    rig.driver.stop()
    assert rig.acting() is None and rig.driver.read().mode is DriverMode.READY
    assert rig.driver.write(rig.tau)
    assert rig.driver.read().mode is DriverMode.RUNNING


@pytest.mark.parametrize(("kind", "without"), [(FrankaRig, None), (FrankyRig, ([40.0] * 7, [60.0] * 3 + [30.0] * 3))])
def test_contact_thresholds_have_half_the_force_as_moment(kind: type[FrankaRig], without: object) -> None:
    for contact, expected in ((None, without), (Contact(30.0, 40.0), ([30.0] * 7, [40.0] * 3 + [20.0] * 3))):
        rig = kind()
        rig.driver = rig.make(contact=contact)
        rig.driver.connect()
        assert rig.driver._robot.thresholds == expected  # type: ignore[attr-defined]


PAYLOAD = Payload(0.73, np.array([0.0, 0.01, 0.06]), np.diag([1e-3, 2e-3, 3e-3]))


@pytest.mark.parametrize("kind", [FrankaRig, FrankyRig])
def test_the_payload_of_an_fr3_is_set_when_it_connects(kind: type[FrankaRig]) -> None:
    rig = kind()
    rig.driver = rig.make(payload=PAYLOAD)
    rig.driver.connect()
    mass, com, inertia = rig.driver._robot.load  # type: ignore[attr-defined]
    assert mass == 0.73 and com == [0.0, 0.01, 0.06] and inertia == PAYLOAD.inertia_kg_m2.ravel().tolist()


def test_the_payload_of_a_ur_is_set_when_its_script_starts() -> None:
    rig = UrRig()
    rig.driver = rig.make(payload=PAYLOAD)
    rig.driver.connect()
    assert rig.driver._control.payload == (0.73, [0.0, 0.01, 0.06])  # type: ignore[attr-defined]


def test_external_torque_of_a_ur_is_that_of_its_sensor() -> None:
    rig = UrRig()
    rig.arm.tcp_force = [1.0, -2.0, -30.0, 0.1, 0.2, 0.3]
    rig.driver.connect()
    state, dynamics, _ = rig.driver.feedback
    np.testing.assert_allclose(state.tau_external, dynamics.J.T @ rig.arm.tcp_force)


def test_matrices_of_libfranka_run_down_their_columns() -> None:
    for rig in (FrankaRig(), FrankyRig()):
        rig.driver.connect()
        np.testing.assert_array_equal(rig.driver.feedback.dynamics.J[2], 20.0 + np.arange(7))
        np.testing.assert_allclose(rig.driver.feedback.state.p, [0.3, 0.1, 0.5])
        np.testing.assert_allclose(rig.driver.feedback.state.tau_external, -0.25)  # libfranka: on the surroundings


def test_effort_watchdog_that_is_not_there_is_missed_before_and_during_a_stream() -> None:
    rig = EffortRig()
    rig.link.watchdog_alive = False
    with pytest.raises(UnreachableError, match="status of the effort watchdog"):
        rig.driver.connect()
    rig.link.watchdog_alive = True
    rig.driver.connect()
    rig.driver.write(rig.tau)
    rig.link.watchdog_alive = False
    rig.link.pass_time(0.6)
    reading = rig.driver.read()
    assert reading.mode is DriverMode.LOST and "nothing would end a torque" in reading.reason


def test_restarted_effort_sender_is_accepted() -> None:
    rig = EffortRig()
    rig.driver.connect()
    for _ in range(5):
        rig.driver.write(rig.tau)
    rig.driver.close()
    heir = EffortDriver(rig.link, ur5e_model(), UR_LIMITS, platform=Platform(now_s=rig.now_s, sleep=rig.link.pass_time))
    heir.connect()
    assert heir.write(rig.tau)
    np.testing.assert_allclose(rig.acting(), rig.tau)


def test_joint_states_come_in_any_order() -> None:
    np.testing.assert_array_equal(in_order(["a", "b"], ["c", "b", "a"], [3.0, 2.0, 1.0]), [1.0, 2.0])
    assert np.isnan(in_order(["a", "b"], ["b", "a"], [])).all()
    with pytest.raises(ArmNotReadyError, match="expected z among them"):
        in_order(["a", "z"], ["a", "b"], [1.0, 2.0])


def test_missing_library_says_which_extra_to_install() -> None:
    with pytest.raises(MissingLibraryError, match=r"pip install -c constraints.txt -e '.\[franka\]'"):
        import_library("no_such_library", "pylibfranka", "franka")


def test_second_franka_library_in_one_process_is_refused() -> None:
    with pytest.raises(MissingLibraryError, match="run each in its own process"):
        one_of_them("pylibfranka", "json", "pylibfranka")  # json stands for the other one: it is imported already
