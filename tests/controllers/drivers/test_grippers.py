"""Contract suite of the grippers, each before a double at its vendor's wire, with real motion times."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from controllers.drivers.grippers import GRIPPERS, gripper_class, gripper_spec
from controllers.drivers.grippers.contract import GripperCommand, GripperError, GripperSpec
from controllers.drivers.grippers.process import LATE_S, GripperProcess
from controllers.drivers.grippers.simulated import SimulatedGripper
from controllers.extensions import ExtensionError
from tests.controllers.drivers.fake_franka_hand import HOMING, FrankaHandModel, hand_server
from tests.controllers.drivers.fake_robotiq import Robotiq2F, urcap
from tests.controllers.drivers.gripper_rigs import RIGS, SLOW, Rig, connected
from tests.domains import loopback
from tests.processes import launched
from tests.waiting import eventually

KINDS = [pytest.param(kind, marks=pytest.mark.slow if kind in SLOW else ()) for kind in RIGS]
SPEED, FORCE = 0.1, 40.0
ROS = {"ros_action", "ros_topic"}  # tests/ros/test_grippers.py


def test_every_gripper_of_the_table_is_in_a_contract_suite() -> None:
    assert set(RIGS) | ROS | {"simulated"} == set(GRIPPERS)
    for name in GRIPPERS:
        assert callable(gripper_class(name).connect)


@pytest.fixture(scope="module", params=KINDS)
def started(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with connected(request.param) as rig:
        yield rig


@pytest.fixture
def rig(started: Rig) -> Rig:
    """Open, without an object."""
    started.ahead_s[0] = 0.0
    started.put_object(0.0)
    started.jam(False)
    started.gripper.clear()
    started.settled(0.07)
    return started


def test_fingers_take_the_time_of_the_speed_and_arrive(rig: Rig) -> None:
    start_s = time.monotonic()
    rig.gripper.command(0.03, SPEED, FORCE)
    assert rig.gripper.state().moving
    eventually(lambda: not (state := rig.gripper.state()).moving and abs(state.width_m - 0.03) < 4e-3)
    assert time.monotonic() - start_s > 0.9 * 0.04 / SPEED
    state = rig.gripper.state()
    assert state.fault == "" and not state.object_detected and 0.07 < state.width_max_m < 0.09


@pytest.mark.slow
def test_an_object_is_detected_and_held_until_the_fingers_open(rig: Rig) -> None:
    rig.put_object(0.04)
    rig.gripper.command(0.0, SPEED, FORCE)
    eventually(lambda: rig.gripper.state().object_detected)
    state = rig.gripper.state()
    assert state.width_m == pytest.approx(0.04, abs=2e-3) and not state.moving and state.fault == ""
    rig.gripper.stop()
    assert eventually(rig.gripper.state).object_detected  # a stop keeps the force
    rig.gripper.clear()
    rig.settled(0.07)
    assert not rig.gripper.state().object_detected


def test_the_newest_command_wins_and_ends_the_one_before(rig: Rig) -> None:
    rig.gripper.command(0.0, SPEED, FORCE)
    narrowest = 0.08
    rig.gripper.command(0.01, SPEED, FORCE)
    rig.gripper.command(0.08, SPEED, FORCE)

    def arrived() -> bool:
        nonlocal narrowest
        state = rig.gripper.state()
        narrowest = min(narrowest, state.width_m)
        return state.width_m > 0.076 and not state.moving

    eventually(arrived)
    assert narrowest > 0.04 or not rig.stops
    assert rig.gripper.state().fault == ""


def test_a_repeated_command_is_one_command(rig: Rig) -> None:
    before = rig.commands()
    for _ in range(50):
        rig.gripper.command(0.05, SPEED, FORCE)
    eventually(lambda: rig.gripper.state().width_m < 0.054 and not rig.gripper.state().moving)
    for _ in range(50):
        rig.gripper.command(0.0504, SPEED, FORCE)  # the noise of a measured width
    assert rig.commands() == before + 1


def test_a_stop_ends_the_motion_and_is_latched(rig: Rig) -> None:
    rig.gripper.command(0.0, 0.4 * SPEED, FORCE)
    eventually(lambda: rig.gripper.state().width_m < 0.065 or not rig.stops)
    rig.gripper.stop()
    eventually(lambda: not rig.gripper.state().moving)
    state, before = rig.gripper.state(), rig.commands()
    assert state.stopped and state.fault == "" and (state.width_m > 0.03 or not rig.stops)
    rig.gripper.command(0.02, SPEED, FORCE)
    assert rig.gripper.state().stopped and rig.commands() == before
    rig.gripper.clear()
    assert not rig.gripper.state().moving and rig.commands() == before  # only a new command moves it
    rig.gripper.command(0.07, SPEED, FORCE)
    eventually(lambda: rig.gripper.state().width_m > 0.066)


@pytest.mark.parametrize("numbers", [(math.nan, 0.1, 40.0), (0.05, 0.0, 40.0), (0.05, 0.1, math.inf)])
def test_numbers_that_no_gripper_can_follow_are_refused(rig: Rig, numbers: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="expected finite numbers"):
        rig.gripper.command(*numbers)


def test_jammed_fingers_are_a_fault_that_names_the_width_and_ends_when_they_are_free(rig: Rig) -> None:
    rig.jam(True)
    rig.gripper.command(0.03, SPEED, FORCE)
    eventually(lambda: rig.commands() and rig.gripper.state().moving)
    rig.ahead_s[0] += 0.04 / SPEED + LATE_S + 0.5
    fault = eventually(lambda: rig.gripper.state().fault)
    assert "expected 0.030 m or an object" in fault
    rig.ahead_s[0] = 0.0  # else a reading counts as silent one second after the next command
    rig.jam(False)
    rig.gripper.command(0.06, SPEED, FORCE)
    eventually(lambda: (state := rig.gripper.state()).fault == "" and not state.moving)


@pytest.mark.slow
def test_no_call_waits_for_a_driver_that_answers_nothing(rig: Rig) -> None:
    rig.mute(True)
    start_s = time.monotonic()
    for i in range(100):
        rig.gripper.command(0.02 + 0.0004 * i, SPEED, FORCE)
        rig.gripper.state()
    rig.gripper.stop()
    rig.gripper.clear()
    assert time.monotonic() - start_s < 20.0  # 0.1 s a call; a driver is waited for longer
    fault = eventually(lambda: rig.gripper.state().fault)
    assert fault
    rig.mute(False)
    eventually(lambda: rig.gripper.state().fault == "")


@pytest.mark.slow
def test_a_killed_driver_is_started_again_and_moves_nothing_by_itself(rig: Rig) -> None:
    process = rig.gripper._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert "-9" in eventually(lambda: rig.gripper.state().fault)
    before = rig.commands()
    rig.gripper.command(0.02, SPEED, FORCE)  # not connected: ignored
    eventually(lambda: rig.gripper.state().fault == "")
    assert rig.commands() == before and not rig.gripper.state().moving


PARENT = """
import sys, time
from controllers.drivers.grippers.contract import GripperSpec
from controllers.drivers.grippers.process import GripperProcess
gripper = GripperProcess(GripperSpec("simulated"))
while not gripper.state().width_m > 0.0:
    time.sleep(0.01)
print(gripper._process.pid, flush=True)
time.sleep(60.0)
"""


def test_a_drivers_process_ends_with_its_parent_however_that_ends() -> None:
    with launched([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    eventually(lambda: not os.path.exists(f"/proc/{pid}/exe"))


@pytest.mark.slow
def test_a_latched_fault_is_named_and_reset_on_request_only() -> None:
    model = Robotiq2F()
    with urcap(model) as port:
        gripper = GripperProcess(GripperSpec("robotiq_socket", "127.0.0.1", settings={"port": port}))
        try:
            eventually(lambda: gripper.state().width_m > 0.0 and gripper.state().fault == "")
            model.fault = 14
            assert "overcurrent" in eventually(lambda: gripper.state().fault)
            assert model.activations == 1
            gripper.clear()
            eventually(lambda: gripper.state().fault == "")
            assert model.activations == 2
        finally:
            gripper.close()


@pytest.mark.slow
def test_a_franka_hand_that_does_not_know_its_stroke_is_homed_and_a_stop_that_fails_delays_the_next_command() -> None:
    pytest.importorskip("franky")
    hand = FrankaHandModel(homed=False)
    with hand_server(hand, loopback(77)):
        gripper = GripperProcess(GripperSpec("franka_hand", loopback(77)))
        try:
            eventually(lambda: gripper.state().width_m > 0.0 and gripper.state().fault == "")
            assert hand.commands[0][0] == HOMING and gripper.state().width_max_m == 0.08
            hand.stop_works = False
            gripper.command(0.0, SPEED, FORCE)
            gripper.command(0.07, SPEED, FORCE)
            eventually(lambda: gripper.state().width_m > 0.066 and not gripper.state().moving)
            assert gripper.state().fault == ""
        finally:
            gripper.close()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (GripperSpec("robotiq_socket", "127.0.0.1", settings={"port": 1}), "install the URCap"),
        (GripperSpec("robotiq_rtu", "/dev/nothing"), "expected a serial port"),
        (GripperSpec("robotiq_rtu", "/dev/nothing", settings={"model": "3f"}), "expected one of ['2f-140'"),
        (GripperSpec("simulated", settings={"objekt_m": 0.1}), "expected settings of simulated"),
    ],
)
def test_a_gripper_that_cannot_be_connected_names_the_next_step(spec: GripperSpec, words: str) -> None:
    with pytest.raises(GripperError, match=words.replace("[", r"\[")):
        gripper_class(spec.driver).connect(spec)


def test_a_gripper_that_is_not_there_yet_is_a_fault_and_no_command_is_kept_for_later() -> None:
    gripper = GripperProcess(GripperSpec("robotiq_socket", "127.0.0.1", settings={"port": 1}))
    try:
        gripper.command(0.0, SPEED, FORCE)
        state = eventually(lambda: (state := gripper.state()) and "URCap" in state.fault and state)
        assert math.isnan(state.width_m) and state.stamp_s == -math.inf and not state.moving
    finally:
        gripper.close()


def test_simulated_fingers_stop_at_an_object() -> None:
    now_s = [0.0]
    gripper = SimulatedGripper(object_m=0.03, now_s=lambda: now_s[0])
    gripper.move(GripperCommand(0.0, 0.1, 40.0))
    now_s[0] = 0.4
    assert gripper.read() == (pytest.approx(0.04), True, False, "")
    now_s[0] = 0.6
    assert gripper.read() == (0.03, False, True, "")
    gripper.stop()
    assert gripper.read().object_detected
    gripper.move(GripperCommand(0.08, 0.1, 40.0))
    now_s[0] = 0.7
    gripper.stop()
    assert gripper.read() == (pytest.approx(0.04), False, False, "")


# The arm's file


def test_the_file_of_an_arm_names_its_gripper_and_a_parameter_replaces_it() -> None:
    content = {"driver": "robotiq_rtu", "address": "/dev/ttyUSB0", "force_n": 60.0, "model": "hand-e"}
    assert gripper_spec(content) == GripperSpec(
        "robotiq_rtu", "/dev/ttyUSB0", force_n=60.0, settings={"model": "hand-e"}
    )
    assert gripper_spec(content, "simulated", "10.0.0.1") == GripperSpec("simulated", "10.0.0.1")
    assert gripper_spec(content, "none") is None and gripper_spec({}) is None


def test_an_unknown_gripper_is_refused_with_the_nearest() -> None:
    with pytest.raises(ExtensionError, match="did you mean 'robotiq_rtu'"):
        gripper_spec({"driver": "robotic_rtu"})
    with pytest.raises(ValueError, match="force_n"):
        gripper_spec({"driver": "simulated", "force_n": -1.0})
