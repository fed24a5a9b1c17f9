"""The pendant's firmware as a process under QEMU, and the bench that drives its contacts.

The bench is a second line (firmware/ports/bench/bench.h): it sets contacts, welds the relay, hangs the program, and
reports outputs with the device's own time.
"""

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.teleop.pendant.messages import Input, Output
from robot_rl.teleop.pendant.serial_line import Line, open_line

IMAGE = Path("firmware/build/pendant-qemu.elf")
QEMU = "qemu-system-arm"
START_LIMIT_S = 20.0
AT_REST = Input.ESTOP_A | Input.ESTOP_B
REPORT = 6


@dataclass(frozen=True, slots=True)
class Report:
    """Report of the bench: `I` contacts taken, `O` outputs changed, `B` a start with its cause."""

    kind: str
    value: int
    time_ms: int  # of the device


class ContactBench:
    """Drives the contacts, and receives the changes of the outputs.

    The device's clock may run slower than this machine's where QEMU gets little of it, so waiting for the firmware is
    done by the device's clock (`wait`), which each echo of the contacts contains.
    """

    def __init__(self, line: Line, clock: Clock | None = None) -> None:
        self.contacts = AT_REST
        self.outputs = Output(0)
        self.reports: list[Report] = []
        self.time_ms = 0  # of the device, newest known
        self._asked = self._echoed = 0  # contacts sent, contacts confirmed
        self._line, self._clock = line, clock or SystemClock()
        self._rest = b""

    def close_contact(self, contact: Input) -> None:
        """Close contacts."""
        self.set_contacts(self.contacts | contact)

    def open_contact(self, contact: Input) -> None:
        """Open contacts."""
        self.set_contacts(self.contacts & ~contact)

    def set_contacts(self, contacts: Input) -> None:
        """Set all contacts at once."""
        self.contacts = contacts
        self._asked += 1
        self._line.write(b"I" + bytes([contacts]))

    def press(self, contact: Input, duration_ms: int = 40) -> None:
        """Close a contact for a while of the device's time, and open it for as long."""
        self.close_contact(contact)
        self.wait(duration_ms)
        self.open_contact(contact)
        self.wait(duration_ms)

    def wait(self, duration_ms: int) -> None:
        """Wait by the device's clock, from the moment when it has the present contacts.

        Raises:
            DeviceLostError: the device does not answer.
        """
        start_ms = self._ask_time()
        while 0 <= self._ask_time() - start_ms < duration_ms:  # negative: it restarted
            self.pause(0.005)

    def weld(self, welded: bool) -> None:
        """Make the relay stay closed whatever drives it, or free it."""
        self._line.write(b"W" + bytes([welded]))

    def hang(self) -> None:
        """Make the program hang."""
        self._line.write(b"H\0")

    def pause(self, duration_s: float) -> None:
        """Listen for a while."""
        end_s = self._clock.now_s() + duration_s
        while (left_s := end_s - self._clock.now_s()) > 0:
            self._listen(left_s)

    def forget(self) -> None:
        """Drop all reports up to now."""
        self.pause(0.05)  # those on their way, too
        self.reports.clear()

    def await_report(self, matches: Callable[[Report], bool], limit_s: float = 10.0) -> Report:
        """Return the first new matching report; those before it are dropped.

        Raises:
            DeviceLostError: none came in time.
        """
        end_s = self._clock.now_s() + limit_s
        while self._clock.now_s() < end_s:
            while self.reports:
                report = self.reports.pop(0)
                if matches(report):
                    return report
            self._listen(0.05)
        raise DeviceLostError(f"bench: got no such report in {limit_s} s, expected one; is the firmware running?")

    def _ask_time(self) -> int:
        self.set_contacts(self.contacts)
        end_s = self._clock.now_s() + START_LIMIT_S
        while self._echoed < self._asked:
            if self._clock.now_s() > end_s:
                raise DeviceLostError(f"bench: got no echo in {START_LIMIT_S} s, expected one; does the firmware run?")
            self._listen(0.02)
        return self.time_ms

    def close(self) -> None:
        """Close the bench's line."""
        self._line.close()

    def _listen(self, timeout_s: float) -> None:
        self._rest += self._line.read(timeout_s)
        while len(self._rest) >= REPORT:
            part, self._rest = self._rest[:REPORT], self._rest[REPORT:]
            report = Report(chr(part[0]), part[1], int.from_bytes(part[2:], "little"))
            self.time_ms = report.time_ms
            self._echoed += report.kind == "I"
            if report.kind == "B":  # contacts sent to the program before are gone with it
                self._echoed = self._asked
            self.outputs = Output(report.value) if report.kind == "O" else self.outputs
            self.reports.append(report)


@dataclass(frozen=True)
class RunningPendant:
    """A pendant that runs as a process."""

    port: str  # for the driver
    hand: ContactBench
    process: subprocess.Popen[str]
    monitor: Callable[[str, dict[str, Any]], None]  # QEMU's: command and arguments


@contextmanager
def qemu_pendant(image: Path = IMAGE, link: int | None = None) -> Iterator[RunningPendant]:
    """Run a Cortex-M image under QEMU; its UARTs are TCP sockets on this machine.

    Args:
        link: TCP port of the driver's line; None takes a free one.

    Raises:
        ConfigError: no QEMU or no image.
    """
    if shutil.which(QEMU) is None or not image.exists():
        raise ConfigError(f"pendant under QEMU: got no {QEMU} or no {image}, expected both; run: make firmware")
    chosen, bench, monitor = free_ports(3)
    link = link or chosen
    serial = "tcp:127.0.0.1:{},server=on,wait=off,nodelay=on"
    command = [QEMU, "-M", "lm3s6965evb", "-display", "none", "-monitor", "none", "-kernel", str(image)]
    command += ["-serial", serial.format(link), "-serial", serial.format(bench)]
    command += ["-qmp", f"tcp:127.0.0.1:{monitor},server=on,wait=off"]
    with running_program(command) as process:
        hand = ContactBench(_connect(f"socket://127.0.0.1:{bench}", process))
        qmp = _Monitor(_connect(f"socket://127.0.0.1:{monitor}", process))
        try:
            yield RunningPendant(f"socket://127.0.0.1:{link}", hand, process, qmp.execute)
        finally:
            hand.close()
            qmp.close()


def free_ports(count: int) -> list[int]:
    """Return TCP ports of this machine that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@contextmanager
def running_program(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=START_LIMIT_S)
    if process.returncode not in (0, -signal.SIGTERM):  # a sanitizer's finding, for one
        raise DeviceLostError(f"{command[0]}: got exit code {process.returncode}, expected 0; its output: {output}")


def _connect(name: str, process: subprocess.Popen[str]) -> Line:
    """Return the line as soon as the process listens."""
    clock = SystemClock()
    end_s = clock.now_s() + START_LIMIT_S
    while True:
        try:
            return open_line(name)
        except DeviceLostError:
            if process.poll() is not None or clock.now_s() > end_s:
                raise
            clock.sleep_until(clock.now_ns() + NS_PER_S // 20)


class _Monitor:
    """QEMU's machine protocol: JSON lines."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.execute("qmp_capabilities", {})

    def execute(self, command: str, arguments: dict[str, Any]) -> None:
        """Run one command; its answer is ignored."""
        self._line.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")

    def close(self) -> None:
        """Hang up."""
        self._line.close()
