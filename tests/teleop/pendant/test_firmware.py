"""The firmware itself, as a Cortex-M image under QEMU and as a Linux program, with the real driver at its line.

Times are those of the device's clock, so that machine load does not matter; they are only loosely bounded here: the
firmware's unit tests hold the exact bounds.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from robot_rl.bench.pendant_firmware import (
    QEMU,
    ContactBench,
    Report,
    RunningPendant,
    free_ports,
    qemu_pendant,
)
from robot_rl.core.clock import SystemClock
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.pendant.config import PendantConfig
from robot_rl.teleop.pendant.device import REARM_HELP, Pendant
from robot_rl.teleop.pendant.messages import (
    Cause,
    Clear,
    Deadman,
    Fault,
    Flag,
    Input,
    Output,
    Reply,
    Restart,
    State,
    Status,
)
from tests.teleop.pendant.host_program import host_pendant

BUILD = Path(__file__).parents[3] / "firmware" / "build"
LIMIT_S = 100.0
CLOCK = SystemClock()

pytestmark = [pytest.mark.qemu, pytest.mark.timeout(400)]
RUNNERS: dict[str, Callable[[], AbstractContextManager[RunningPendant]]] = {
    "qemu": lambda: qemu_pendant(BUILD / "pendant-qemu.elf"),
    "host": lambda: host_pendant(BUILD / "pendant-host"),
}


class Desk:
    """A pendant that runs, its driver, and the hand on it."""

    def __init__(self, running: RunningPendant, driver: Pendant) -> None:
        self.running, self.driver, self.hand = running, driver, running.hand
        self.labels: list[str] = []

    def until(self, reached: Callable[[DeviceState], bool], limit_s: float = LIMIT_S) -> DeviceState:
        """Read as an actor does until something is reached."""
        end_s = CLOCK.now_s() + limit_s
        while CLOCK.now_s() < end_s:
            state = self.driver.read()
            self.labels += state.labels
            if reached(state):
                return state
            self.hand.pause(0.01)
        raise AssertionError(f"not reached: {self.driver.view()}")

    def until_view(self, reached: Callable[[State | None], bool]) -> None:
        self.until(lambda _: reached(self.driver.view().state))

    def ready(self) -> None:
        """Connected and armed; asks again where a busy machine missed a heartbeat."""

        def armed(state: DeviceState) -> bool:
            seen = self.driver.view().state
            if state.estop and seen is not None and seen.causes == 0:
                self.driver.arm()
            return state.alive and not state.estop

        self.until(armed)

    def faults(self) -> Fault:
        state = self.driver.view().state
        return Fault(0 if state is None else state.faults)

    def clear(self) -> Status:
        """Ask to clear the faults; returns the answer."""
        before = self.driver.view().reply
        self.driver.clear()
        self.until(lambda _: self._clear_answer(before) is not None)
        reply = self._clear_answer(before)
        assert reply is not None
        return Status(reply.status)

    def _clear_answer(self, before: Reply | None) -> Reply | None:
        reply = self.driver.view().reply
        return None if reply is None or reply is before or reply.command != Clear.TYPE else reply


@pytest.fixture(params=RUNNERS)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    with RUNNERS[request.param]() as running, Pendant(PendantConfig(running.port)) as driver:
        yield Desk(running, driver)


@pytest.fixture
def qemu_desk() -> Iterator[Desk]:
    with RUNNERS["qemu"]() as running, Pendant(PendantConfig(running.port)) as driver:
        yield Desk(running, driver)


def opened(report: Report) -> bool:
    return report.kind == "O" and not report.value & Output.RELAY


def latency_ms(hand: ContactBench) -> int:
    """Device time from the change of a contact to the opening of the relay."""
    start = hand.await_report(lambda report: report.kind == "I")
    return hand.await_report(opened).time_ms - start.time_ms


def test_handshake_arming_buttons_and_grip(desk: Desk) -> None:
    state = desk.until(lambda state: state.alive)
    assert state.estop, "the relay is open until it is armed"
    desk.ready()
    desk.hand.close_contact(Input.DEADMAN_HALF)
    desk.until(lambda state: state.engaged)
    for contact in (Input.SUCCESS, Input.FAILURE, Input.UNDO, Input.SUCCESS):
        desk.hand.press(contact)
    desk.until(lambda _: len(desk.labels) >= 4)
    assert desk.labels == ["success", "failure", "undo", "success"]
    desk.hand.open_contact(Input.DEADMAN_HALF)
    desk.until(lambda state: not state.engaged)
    view = desk.driver.view()
    assert view.link.sessions == 1 and view.link.lost == view.link.replayed == view.link.events_lost == 0


def test_rearm_gesture_closes_the_relay_and_gives_no_label(desk: Desk) -> None:
    desk.until(lambda state: state.alive)
    desk.until_view(lambda state: state is not None and state.causes == 0)
    desk.hand.close_contact(Input.UNDO)
    desk.until(lambda state: not state.estop)
    desk.hand.open_contact(Input.UNDO)
    desk.hand.wait(60)
    desk.until(lambda state: not state.estop)
    assert desk.labels == []


@pytest.mark.parametrize("contacts", [Input.ESTOP_A | Input.ESTOP_B, Input.ESTOP_B], ids=["both", "one"])
def test_emergency_stop_opens_the_relay(desk: Desk, contacts: Input) -> None:
    desk.ready()
    desk.hand.forget()
    desk.hand.open_contact(contacts)
    took_ms = latency_ms(desk.hand)
    assert took_ms <= 200
    assert desk.until(lambda state: state.estop).alive
    desk.hand.close_contact(contacts)
    desk.hand.wait(200)
    assert desk.driver.read().estop, "letting the button go does not arm"


def test_squeezed_grip_opens_the_relay(desk: Desk) -> None:
    desk.ready()
    desk.hand.forget()
    desk.hand.close_contact(Input.DEADMAN_HALF | Input.DEADMAN_FULL)
    took_ms = latency_ms(desk.hand)
    assert took_ms <= 200
    desk.until_view(lambda state: state is not None and state.deadman == Deadman.SQUEEZED)
    desk.hand.open_contact(Input.DEADMAN_FULL)
    desk.until_view(lambda state: state is not None and state.deadman == Deadman.HELD)
    assert not desk.driver.read().engaged


def test_lost_heartbeat_opens_the_relay(desk: Desk) -> None:
    desk.ready()
    desk.hand.forget()
    state = desk.driver.view().state
    assert state is not None
    desk.driver.close()  # the program ends: no more heartbeats
    report = desk.hand.await_report(opened)
    assert report.time_ms - state.time_ms <= 2000


def test_program_that_no_longer_reads_opens_the_relay() -> None:
    with RUNNERS["host"]() as running, Pendant(PendantConfig(running.port, vouch_s=0.5)) as driver:
        desk = Desk(running, driver)
        desk.ready()
        desk.hand.forget()
        desk.hand.await_report(opened)
        desk.until(lambda state: state.alive and state.estop)
        state = driver.view().state
        assert state is not None and state.opened_by == Cause.HEARTBEAT


def test_discrepancy_stays_over_a_brown_out_until_the_button_is_proved(qemu_desk: Desk) -> None:
    desk = qemu_desk
    desk.ready()
    desk.hand.open_contact(Input.ESTOP_A)
    desk.until(lambda _: desk.faults() == Fault.DISCREPANCY)
    desk.running.monitor("system_reset", {})
    desk.until(lambda _: desk.driver.view().link.sessions == 2)
    welcome = desk.driver.view().welcome
    assert welcome is not None and (welcome.boots, welcome.restart) == (2, Restart.BROWNOUT)
    desk.until(lambda state: state.alive and desk.faults() == Fault.DISCREPANCY)
    desk.hand.set_contacts(Input.ESTOP_A | Input.ESTOP_B)  # mended
    desk.hand.wait(120)
    assert desk.clear() is Status.FAULT_PRESENT
    desk.hand.set_contacts(Input(0))
    desk.hand.wait(200)
    desk.hand.set_contacts(Input.ESTOP_A | Input.ESTOP_B)
    desk.until_view(lambda state: state is not None and bool(state.flags & Flag.PROVED))
    assert desk.clear() is Status.OK
    desk.ready()


def test_brown_out_opens_the_relay_and_needs_arming(qemu_desk: Desk) -> None:
    desk = qemu_desk
    desk.ready()
    desk.running.monitor("system_reset", {})
    desk.until(lambda state: state.estop)
    desk.until(lambda state: state.alive and desk.driver.view().link.sessions == 2)
    desk.hand.wait(200)
    assert desk.driver.read().estop and desk.faults() == Fault(0)
    desk.ready()


def test_hang_is_ended_by_the_watchdog_and_remembered(qemu_desk: Desk) -> None:
    desk = qemu_desk
    desk.ready()
    desk.hand.forget()
    desk.hand.hang()
    report = desk.hand.await_report(lambda report: report.kind == "B")
    assert report.value == Restart.WATCHDOG
    desk.until(lambda state: state.alive and state.estop and desk.faults() == Fault.WATCHDOG)
    assert desk.clear() is Status.OK
    desk.ready()


def test_welded_relay_is_a_fault(desk: Desk) -> None:
    desk.ready()
    desk.hand.weld(True)
    desk.driver.stop()
    desk.until(lambda _: desk.faults() == Fault.RELAY)
    assert desk.clear() is Status.FAULT_PRESENT
    desk.hand.weld(False)
    desk.hand.wait(120)
    assert desk.clear() is Status.OK


def test_pulled_cable_stops_and_the_driver_finds_the_device_again() -> None:
    (port,) = free_ports(1)
    image = BUILD / "pendant-qemu.elf"
    with Pendant(PendantConfig(f"socket://127.0.0.1:{port}")) as driver:
        for session in (1, 2):
            with qemu_pendant(image, link=port) as running:
                desk = Desk(running, driver)
                desk.ready()
                assert driver.view().link.sessions == session
            assert_lost(Desk(RunningPendant("", ContactBench(_Silence()), running.process, running.monitor), driver))


def assert_lost(desk: Desk) -> None:
    state = desk.until(lambda state: not state.alive)
    assert state.estop and not state.engaged
    desk.until(lambda _: "expected an open line" in desk.driver.view().trouble)


class _Silence:
    """The bench of a device that is gone."""

    def read(self, timeout_s: float) -> bytes:
        CLOCK.sleep_until(CLOCK.now_ns() + round(timeout_s * 1e9))
        return b""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


def test_script_plays_buttons(tmp_path: Path) -> None:
    script = tmp_path / "thumb.txt"
    script.write_text("# a thumb\n800 success closed\n900 success open\n1000 undo closed\n1060 undo open\n")
    with (
        host_pendant(BUILD / "pendant-host", "--script", str(script)) as running,
        Pendant(PendantConfig(running.port)) as driver,
    ):
        desk = Desk(running, driver)
        desk.until(lambda _: desk.labels == ["success", "undo"])


def test_a_program_that_connects_after_another_had_armed_the_pendant_says_how_to_arm_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with host_pendant(BUILD / "pendant-host") as running:
        with Pendant(PendantConfig(running.port)) as driver:
            Desk(running, driver).ready()
        capsys.readouterr()
        with Pendant(PendantConfig(running.port)) as driver:
            desk, shown = Desk(running, driver), ""
            while REARM_HELP not in shown:
                assert desk.until(lambda state: state.alive).estop
                shown += capsys.readouterr().out
            desk.hand.close_contact(Input.UNDO)
            assert desk.until(lambda state: state.cleared) and not driver.read().estop
            desk.hand.open_contact(Input.UNDO)
        assert shown.count(REARM_HELP) == 1


def test_latch_of_the_linux_program_is_a_file(tmp_path: Path) -> None:
    assert latched_after_a_boot(tmp_path / "latch") == (1, Fault(0))
    assert latched_after_a_boot(tmp_path / "latch") == (2, Fault.DISCREPANCY)


def latched_after_a_boot(latch: Path) -> tuple[int, Fault]:
    """Return number of the boot and the faults found; leave with a broken wire."""
    with (
        host_pendant(BUILD / "pendant-host", "--latch", str(latch)) as running,
        Pendant(PendantConfig(running.port)) as driver,
    ):
        desk = Desk(running, driver)
        desk.until(lambda state: state.alive and driver.view().state is not None)
        welcome, faults = driver.view().welcome, desk.faults()
        assert welcome is not None
        desk.hand.open_contact(Input.ESTOP_A)
        desk.until(lambda _: desk.faults() == Fault.DISCREPANCY)
        return welcome.boots, faults


def test_unit_tests_pass_on_the_cortex_m() -> None:
    command = [QEMU, "-M", "lm3s6965evb", "-nographic", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(BUILD / "pendant-tests.elf")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert result.returncode == 0 and "all passed" in result.stdout + result.stderr, result.stdout + result.stderr


def test_image_for_the_board_reads_buttons_through_its_pins() -> None:
    """QEMU's board has five buttons on the real board's pins; its monitor presses them.

    The same sources as the board's image, with a watchdog that bears a busy machine.
    """
    buttons = {"up": Input.SUCCESS, "down": Input.FAILURE, "left": Input.UNDO}
    with qemu_pendant(BUILD / "pendant-pins.elf") as running, Pendant(PendantConfig(running.port)) as driver:
        desk = Desk(running, driver)
        desk.until(lambda state: state.alive)
        for key in ("up", "down", "left", "right", "ctrl"):  # QEMU's pins rest at ground until they were moved once
            press(running, key, True)
            press(running, key, False)
        desk.until_view(lambda state: state is not None and not state.inputs & ~STILL)
        desk.labels.clear()
        for key, contact in buttons.items():
            press_and_see(desk, key, contact)
        desk.until(lambda _: desk.labels == ["success", "failure", "undo"])
        press(running, "ctrl", True)
        desk.until(lambda state: state.engaged)


STILL = int(Input.ESTOP_A | Input.ESTOP_B | Input.MIRROR)


def press_and_see(desk: Desk, key: str, contact: Input) -> None:
    press(desk.running, key, True)
    desk.until_view(lambda state: state is not None and bool(state.inputs & contact))
    press(desk.running, key, False)
    desk.until_view(lambda state: state is not None and not state.inputs & contact)


def press(running: RunningPendant, key: str, down: bool) -> None:
    event = {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}}
    running.monitor("input-send-event", {"events": [event]})
