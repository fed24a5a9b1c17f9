"""Whether this computer, its network and its libraries can run a real arm; for each line: fine, or what to do."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from controllers.drivers.machine import (
    KERNEL_ADVICE,
    LIMITS_ADVICE,
    RTPRIO_NEEDED,
    Machine,
    read_machine,
)
from controllers.host.realtime import realtime
from robot_rl.core.clock import SystemClock
from robot_rl.doctor.finding import Finding, State, check_seconds, package_finding, probe
from robot_rl.doctor.loop import LoopMetrics, try_loop
from robot_rl.doctor.network import Interface, answer_time_s, interface_to, read_interface

Arm = Literal["fr3", "fr3-franky", "ur5e", "ur10e"]
MEMLOCK_NEEDED = 512 * 1024**2
SPEED_NEEDED_MBPS = 1000
ANSWER_LIMIT_S = 0.001
GLIBC_NEEDED = (2, 34)


@dataclass(frozen=True)
class Requirements:
    """What an arm's driver requires of a computer."""

    package: str
    version: str
    """Of the package: what the driver was tested with."""
    extra: str
    port: int
    rate_hz: float
    preempt_rt: bool
    firmware: str
    """A program that prints the arm's firmware; `{address}` stands for the arm's."""


_FRANKA = """
import sys
from controllers.drivers.contract import DriverError
from controllers.drivers.{module} import {driver}
driver = {driver}("{address}", realtime=False)
try:
    print(driver.connect().firmware)
except DriverError as error:
    sys.exit(str(error))
driver.close()
"""
_UR = """
import sys
from controllers.drivers.contract import DriverError
from controllers.drivers.ur import identify
try:
    print(*reversed(identify("{address}")), sep=", ")
except DriverError as error:
    sys.exit(str(error))
"""


def requirements_of(arm: Arm) -> Requirements:
    if arm == "fr3":
        program = _FRANKA.replace("{module}", "franka").replace("{driver}", "FrankaDriver")
        return Requirements("pylibfranka", "0.21.3", "franka", 1337, 1000.0, True, program)
    if arm == "fr3-franky":
        program = _FRANKA.replace("{module}", "franky").replace("{driver}", "FrankyDriver")
        return Requirements("franky-control", "2.0.0", "franka", 1337, 1000.0, True, program)
    return Requirements("ur-rtde", "1.6.5", "ur", 30004, 500.0, False, _UR)


@dataclass(frozen=True)
class Probes:
    """Sources of the facts; tests pass others."""

    machine: Callable[[], Machine] = read_machine
    glibc: Callable[[], str] = lambda: platform.libc_ver()[1]
    package: Callable[[str, str, State], Finding] = package_finding
    route: Callable[[str], str | None] = interface_to
    interface: Callable[[str], Interface | None] = read_interface
    answer_s: Callable[[str, int], float] = answer_time_s
    program: Callable[[str, str, dict[str, str], State, str], Finding] = probe
    loop: Callable[[float, float], LoopMetrics] = lambda rate_hz, seconds: try_loop(
        rate_hz, seconds, SystemClock(), realtime()
    )


def check(
    arm: Arm = "fr3", address: str | None = None, interface: str | None = None, seconds: float = 5.0
) -> Iterator[Finding]:
    """Check whether this machine can run a real arm.

    Kernel, permissions, CPU governor, network, libraries, firmware, loop; for each `ok`, or what to do. Moves nothing.
    Exit code 1 when a needed part is missing.

    example: robot-rl doctor robot --arm fr3 --address 172.16.0.2

    Args:
        arm: Which arm, by which library: `fr3` pylibfranka, `fr3-franky` franky-control, `ur5e` and `ur10e` ur-rtde.
        address: The arm's IPv4 address. Without it, network and firmware are left out.
        interface: The network interface to the arm, as in `eth1`; by default the one that the routes name.
        seconds: How long the loop is tried [s].
    """
    check_seconds(seconds)
    return examine_robot(arm, address, interface, seconds)


def examine_robot(
    arm: Arm, address: str | None, interface: str | None, seconds: float, probes: Probes | None = None
) -> Iterator[Finding]:
    """Yield the findings one by one, the slow ones last.

    Args:
        address: the arm's IPv4 address; None leaves network and firmware out.
        interface: the network interface to it; None: as the routes say.
        seconds: how long the loop is tried.
    """
    probes, requirements = probes or Probes(), requirements_of(arm)
    machine = probes.machine()
    yield _kernel(machine, requirements)
    yield _priority(machine)
    yield _memory(machine)
    yield _governor(machine)
    yield _library(probes.package(requirements.package, requirements.extra, "missing"), requirements)
    yield _glibc(probes.glibc(), requirements)
    if address is None:
        yield Finding("optional", "network, firmware", "not looked at; add --address and the arm's address")
    else:
        yield _network(probes, address, interface)
        yield _answer(probes, address, requirements)
        advice = "this again, when the lines above are ok"
        yield probes.program("firmware", requirements.firmware.replace("{address}", address), {}, "missing", advice)
    yield _loop(probes.loop(requirements.rate_hz, seconds), requirements)


def _kernel(machine: Machine, requirements: Requirements) -> Finding:
    if machine.preempt_rt:
        return Finding("ok", "kernel", machine.kernel)
    state: State = "missing" if requirements.preempt_rt else "optional"
    return Finding(state, "kernel", f"{machine.kernel}: not PREEMPT_RT; {KERNEL_ADVICE}")


def _priority(machine: Machine) -> Finding:
    if machine.rtprio >= RTPRIO_NEEDED:
        return Finding("ok", "real-time priority", f"up to {machine.rtprio}")
    return Finding("missing", "real-time priority", f"up to {machine.rtprio}, needs {RTPRIO_NEEDED}; {LIMITS_ADVICE}")


def _memory(machine: Machine) -> Finding:
    if machine.memlock_bytes == float("inf"):
        return Finding("ok", "locked memory", "unlimited")
    amount = f"{machine.memlock_bytes / 1024**2:.0f} MiB"
    if machine.memlock_bytes >= MEMLOCK_NEEDED:
        return Finding("ok", "locked memory", amount)
    return Finding("missing", "locked memory", f"{amount}, needs {MEMLOCK_NEEDED // 1024**2} or more; {LIMITS_ADVICE}")


def _governor(machine: Machine) -> Finding:
    if not machine.governors:
        return Finding("ok", "CPU governor", "none: the kernel does not change this processor's frequency")
    names = ", ".join(machine.governors)
    if machine.governors == ("performance",):
        return Finding("ok", "CPU governor", names)
    return Finding("missing", "CPU governor", f"{names}; run: sudo cpupower frequency-set -g performance")


def _library(found: Finding, requirements: Requirements) -> Finding:
    if found.state != "ok" or found.value == requirements.version:
        return found
    advice = f"tested with {requirements.version}: pip install -c constraints.txt -e '.[{requirements.extra}]'"
    return Finding("optional", found.name, f"{found.value}; {advice}")


def _glibc(version: str, requirements: Requirements) -> Finding:
    if requirements.extra != "franka":
        return Finding("ok", "C library", version or "unknown")
    number = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if number >= GLIBC_NEEDED:
        return Finding("ok", "C library", f"glibc {version}")
    return Finding(
        "missing", "C library", f"glibc {version or '?'}, needs 2.34 or newer; use Debian 12 or Ubuntu 22.04"
    )


def _network(probes: Probes, address: str, wanted: str | None) -> Finding:
    name = wanted or probes.route(address)
    if name is None:
        advice = f"give this computer an address beside {address}: sudo ip address add ADDRESS/24 dev INTERFACE"
        return Finding("missing", "network", f"no route to {address}; {advice}")
    found = probes.interface(name)
    if found is None:
        return Finding("missing", "network", f"no interface '{name}'; `ip link` lists those there are")
    if found.wireless:
        return Finding(
            "missing", "network", f"{name} is wireless; use a cable from this computer to the arm's controller"
        )
    if not found.up:
        return Finding("missing", "network", f"{name} is down; plug the cable in, run: sudo ip link set {name} up")
    if found.speed_mbps is not None and found.speed_mbps < SPEED_NEEDED_MBPS:
        return Finding("missing", "network", f"{name} at {found.speed_mbps} Mbit/s; use a gigabit port and cable")
    speed = "speed unknown" if found.speed_mbps is None else f"{found.speed_mbps} Mbit/s"
    return Finding("ok", "network", f"{name}, {speed}")


def _answer(probes: Probes, address: str, requirements: Requirements) -> Finding:
    name = f"port {requirements.port}"
    try:
        answer_s = probes.answer_s(address, requirements.port)
    except OSError as error:
        return Finding("missing", name, f"no answer from {address} ({error}); is the arm on, its interface activated?")
    if answer_s > ANSWER_LIMIT_S:
        return Finding(
            "missing", name, f"answers after {1e3 * answer_s:.1f} ms; connect the arm directly, without a switch"
        )
    return Finding("ok", name, f"answers after {1e3 * answer_s:.2f} ms")


def _loop(metrics: LoopMetrics, requirements: Requirements) -> Finding:
    text = (
        f"{metrics.misses} of {metrics.ticks} cycles missed at {requirements.rate_hz:.0f} Hz, "
        f"late by {metrics.late_us_p99:.0f} us (99 %), {metrics.late_us_max:.0f} us at most"
    )
    if metrics.privileges:
        return Finding("missing", "loop", f"{text}; {metrics.privileges}")
    if metrics.misses:
        return Finding("missing", "loop", f"{text}; see the lines above, give the loop a core (--cpu and --shield)")
    return Finding("ok", "loop", text)
