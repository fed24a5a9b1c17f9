"""Checks of this computer, its network and its libraries for a real arm."""

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from controllers.arms.spec import BUILT_IN, ArmSpec, driver_class, load_arm
from controllers.drivers.contract import ArmReport, Requirements
from controllers.drivers.grippers import gripper_spec
from controllers.drivers.grippers.contract import GripperSpec
from controllers.drivers.machine import KERNEL_ADVICE, LIMITS_ADVICE, RTPRIO_NEEDED, Machine, read_machine
from controllers.host.realtime import realtime
from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.doctor.arm import NoReportError, check_model, compare, read_report
from robot_rl.doctor.finding import Finding, State, check_seconds, package_finding, probe
from robot_rl.doctor.gripper import check_gripper
from robot_rl.doctor.loop import LoopMetrics, try_loop
from robot_rl.doctor.network import Interface, answer_time_s, interface_to, read_interface

MEMLOCK_NEEDED = 512 * 1024**2
SPEED_NEEDED_MBPS = 1000
ANSWER_LIMIT_S = 0.001


_FIRMWARE = """
import sys
from controllers.arms.spec import driver_class
from controllers.drivers.contract import DriverError
try:
    print(driver_class({driver!r}).read_firmware({address!r}))
except DriverError as error:
    sys.exit(str(error))
"""


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
    report: Callable[[], ArmReport] | None = None
    """Of the connected arm; None: not connected."""
    gripper: Callable[[ArmSpec], Iterator[Finding]] | None = None
    """Of the arm's file; None: not checked."""
    loop: Callable[[float, float], LoopMetrics] = lambda rate_hz, seconds: try_loop(
        rate_hz, seconds, SystemClock(), realtime()
    )


def check(
    arm: str = "fr3",
    address: str = "",
    driver: str = "",
    interface: str | None = None,
    seconds: float = 5.0,
    move_gripper: bool = False,
) -> Iterator[Finding]:
    """Check whether this machine can run a real arm.

    Kernel, permissions, CPU governor, network, libraries, firmware, the arm's file against its model and the connected
    arm (joints, TCP, gravity, payload), gripper, loop; for each `ok`, or what to do. Moves nothing but a gripper that
    was not activated or homed since its power came on.
    Exit code 1 when a needed part is missing.

    example: robot-rl doctor robot --arm fr3 --address 172.16.0.2

    Args:
        arm: Name of the arm, as in `fr3`, or path of its YAML file.
        address: The arm's IPv4 address. By default that of its file; without one, network, firmware and the connected
            arm are skipped.
        driver: `franka`, `franky`, `ur`, `effort`, or `module:Class`. By default that of the arm's file.
        interface: The network interface to the arm, as in `eth1`; by default the one that the routes name.
        seconds: Duration of the loop's test [s].
        move_gripper: Open and close the gripper, at the speed and force of the arm's file.
    """
    check_seconds(seconds)
    try:
        spec = load_arm(arm, address=address, driver=driver)
        driver_class(spec.driver)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    own = getattr(driver_class(spec.driver), "REQUIREMENTS", Requirements())
    reachable = spec.address or spec.namespace or own.joint_states  # an arm on the graph has no address
    report = partial(read_report, arm, {"address": address, "driver": driver}) if reachable else None
    probes = Probes(report=report, gripper=lambda arm: check_gripper(_gripper(arm), move_gripper))
    return examine_robot(spec, interface, seconds, probes)


def _gripper(arm: ArmSpec) -> GripperSpec | None:
    try:
        return gripper_spec(arm.gripper, address=arm.address, namespace=arm.namespace)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def examine_robot(
    arm: ArmSpec, interface: str | None, seconds: float, probes: Probes | None = None
) -> Iterator[Finding]:
    """Yield the findings one by one, the slow ones last.

    Args:
        arm: its `address` is that of the network and firmware checks; without one they are skipped.
        interface: the network interface to it; None: that of the route.
        seconds: duration of the loop's test.
    """
    made = driver_class(arm.driver)
    probes, requirements = probes or Probes(), getattr(made, "REQUIREMENTS", Requirements())
    machine, reached = probes.machine(), True
    yield _kernel(machine, requirements)
    yield _priority(machine)
    yield _memory(machine)
    yield _governor(machine)
    if requirements.package:
        yield _library(probes.package(requirements.package, requirements.extra, "missing"), requirements)
        yield _glibc(probes.glibc(), requirements)
    if arm.address:
        yield _network(probes, arm.address, interface)
        if requirements.port:
            try:
                yield _answer(probes.answer_s(arm.address, requirements.port), requirements)
            except OSError as error:
                text = f"no answer from {arm.address} ({error}); is the arm on, its interface activated?"
                yield Finding("missing", f"port {requirements.port}", text)
                reached = False
        if hasattr(made, "read_firmware") and reached:
            program = _FIRMWARE.format(driver=arm.driver, address=arm.address)
            yield probes.program("firmware", program, {}, "missing", "this again, when the lines above are ok")
    else:
        yield Finding("optional", "network, firmware", "not checked; add --address and the arm's address")
    if arm.model not in ("", BUILT_IN):
        yield check_model(arm)
    if not reached:
        yield Finding("optional", "firmware, arm", "not checked, since it does not answer")
    elif probes.report is not None:
        yield from _arm(arm, probes.report)
    if probes.gripper is not None:
        yield from probes.gripper(arm)
    yield _loop(probes.loop(requirements.rate_hz, seconds), requirements)


def _arm(arm: ArmSpec, report: Callable[[], ArmReport]) -> Iterator[Finding]:
    try:
        yield from compare(arm, report())
    except NoReportError as error:
        yield Finding("missing", "arm", str(error))


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
    if found.state != "ok" or requirements.version in ("", found.value):
        return found
    advice = f"tested with {requirements.version}: pip install -c constraints.txt -e '.[{requirements.extra}]'"
    return Finding("optional", found.name, f"{found.value}; {advice}")


def _glibc(version: str, requirements: Requirements) -> Finding:
    number = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if number >= requirements.glibc:
        return Finding("ok", "C library", f"glibc {version}")
    oldest = ".".join(map(str, requirements.glibc))
    advice = "use Debian 12 or Ubuntu 22.04"
    return Finding("missing", "C library", f"glibc {version or '?'}, needs {oldest} or newer; {advice}")


def _network(probes: Probes, address: str, interface: str | None) -> Finding:
    name = interface or probes.route(address)
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


def _answer(answer_s: float, requirements: Requirements) -> Finding:
    name = f"port {requirements.port}"
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
