"""The doctor's questions about a real arm: each answer is ok, or says what to do."""

import contextlib
import socket
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from controllers.arms.spec import load_arm
from controllers.drivers.machine import Machine
from controllers.host.realtime import RealtimeStatus
from robot_rl.cli import main
from robot_rl.doctor.finding import Finding, State
from robot_rl.doctor.loop import LoopMetrics, try_loop
from robot_rl.doctor.network import Interface, answer_time_s, interface_to, read_interface
from robot_rl.doctor.robot import Probes, examine_robot
from robot_rl.testing import FakeClock
from tests.domains import loopback

GOOD = Machine("6.1.0-rt #1 SMP PREEMPT_RT", True, 99, float("inf"), ("performance",))
CABLE = Interface("eth1", up=True, speed_mbps=1000, wireless=False)
PUNCTUAL = LoopMetrics(5000, 0, 40.0, 90.0, "")


def found_package(package: str, extra: str, otherwise: State) -> Finding:
    return Finding("ok", package, {"pylibfranka": "0.21.3", "franky-control": "2.0.0", "ur-rtde": "1.6.5"}[package])


def answered(name: str, program: str, environment: dict[str, str], otherwise: State, advice: str) -> Finding:
    return Finding("ok", name, "1.2.3")


def refuse(address: str, port: int) -> float:
    raise ConnectionRefusedError("Connection refused")


PACKAGES = ("pylibfranka", "franky-control", "ur-rtde")
HEALTHY = Probes(
    machine=lambda: GOOD,
    glibc=lambda: "2.36",
    package=found_package,
    route=lambda address: "eth1",
    interface=lambda name: CABLE,
    answer_s=lambda address, port: 0.0002,
    program=answered,
    loop=lambda rate_hz, seconds: PUNCTUAL,
)


def findings(probes: Probes, arm: str = "fr3", address: str = "172.16.0.2", driver: str = "") -> dict[str, Finding]:
    spec = load_arm(arm, address=address, driver=driver)
    return {finding.name: finding for finding in examine_robot(spec, None, 5.0, probes)}


@pytest.mark.parametrize(("arm", "driver"), [("fr3", ""), ("fr3", "franky"), ("ur5e", ""), ("ur10e", "")])
def test_healthy_computer_gets_ok_on_each_line(arm: str, driver: str) -> None:
    found = findings(HEALTHY, arm, driver=driver)
    assert len(found) == 10 and {finding.state for finding in found.values()} == {"ok"}


@pytest.mark.parametrize(
    ("line", "probes", "advice"),
    [
        ("kernel", replace(HEALTHY, machine=lambda: replace(GOOD, preempt_rt=False)), "linux-image-rt"),
        ("real-time priority", replace(HEALTHY, machine=lambda: replace(GOOD, rtprio=0)), "limits.d"),
        ("locked memory", replace(HEALTHY, machine=lambda: replace(GOOD, memlock_bytes=65536.0)), "memlock unlimited"),
        ("CPU governor", replace(HEALTHY, machine=lambda: replace(GOOD, governors=("powersave",))), "cpupower"),
        ("C library", replace(HEALTHY, glibc=lambda: "2.31"), "Debian 12"),
        ("network", replace(HEALTHY, route=lambda address: None), "ip address add"),
        ("network", replace(HEALTHY, interface=lambda name: None), "ip link"),
        ("network", replace(HEALTHY, interface=lambda name: replace(CABLE, wireless=True)), "cable"),
        ("network", replace(HEALTHY, interface=lambda name: replace(CABLE, up=False)), "ip link set eth1 up"),
        ("network", replace(HEALTHY, interface=lambda name: replace(CABLE, speed_mbps=100)), "gigabit"),
        ("port 1337", replace(HEALTHY, answer_s=refuse), "is the arm on"),
        ("port 1337", replace(HEALTHY, answer_s=lambda address, port: 0.02), "directly"),
        ("loop", replace(HEALTHY, loop=lambda rate_hz, seconds: PUNCTUAL._replace(misses=3)), "give the loop a core"),
        ("loop", replace(HEALTHY, loop=lambda rate_hz, seconds: PUNCTUAL._replace(privileges="no FIFO")), "no FIFO"),
    ],
)
def test_each_problem_has_its_own_line_with_the_next_step(line: str, probes: Probes, advice: str) -> None:
    found = findings(probes)
    assert [name for name, finding in found.items() if finding.state == "missing"] == [line]
    assert advice in found[line].value


def test_ur_does_not_need_a_realtime_kernel() -> None:
    probes = replace(HEALTHY, machine=lambda: replace(GOOD, preempt_rt=False))
    assert findings(probes, "ur5e")["kernel"].state == "optional"


def test_library_of_another_version_is_used_and_the_tested_one_named() -> None:
    probes = replace(HEALTHY, package=lambda package, extra, otherwise: Finding("ok", package, "0.22.0"))
    found = findings(probes)["pylibfranka"]
    assert found.state == "optional" and "0.22.0; tested with 0.21.3" in found.value


def test_the_doctors_tested_version_is_the_pinned_one() -> None:
    pins = (Path(__file__).parents[2] / "constraints.txt").read_text().splitlines()
    for package in PACKAGES:
        assert f"{package}=={found_package(package, '', 'ok').value}" in pins


def test_without_an_address_network_and_firmware_are_reported_as_unchecked() -> None:
    found = findings(HEALTHY, address="")
    assert found["network, firmware"].state == "optional" and "--address" in found["network, firmware"].value
    assert "firmware" not in found


def test_an_address_that_closes_connections_at_once_is_named_and_no_library_tries_it() -> None:
    with socket.create_server((loopback(22), 0)) as server:
        port, closing = server.getsockname()[1], threading.Thread(target=close_each, args=(server,), daemon=True)
        closing.start()
        with pytest.raises(ConnectionError):
            answer_time_s(loopback(22), port)
        probes = replace(HEALTHY, answer_s=lambda address, _: answer_time_s(address, port), program=unreachable)
        found = findings(probes, address=loopback(22))
        server.shutdown(socket.SHUT_RDWR)
        closing.join()
    assert found["port 1337"].state == "missing" and "closed at once" in found["port 1337"].value
    assert found["firmware, arm"].state == "optional" and "firmware" not in found


def close_each(server: socket.socket) -> None:
    with contextlib.suppress(OSError):  # until it is shut down
        while True:
            server.accept()[0].close()


def unreachable(*words: object) -> Finding:
    raise AssertionError("the vendor's library was used")


def test_given_interface_goes_before_the_routes() -> None:
    seen: list[str] = []

    def look(name: str) -> Interface:
        seen.append(name)
        return CABLE

    list(examine_robot(load_arm("fr3", address="172.16.0.2"), "eth7", 1.0, replace(HEALTHY, interface=look)))
    assert seen == ["eth7"]


def test_firmware_of_an_absent_arm_is_queried_through_the_real_library() -> None:
    pytest.importorskip("rtde_control", reason="NOT CHECKED: ur-rtde is not installed")
    healthy_but_firmware = replace(HEALTHY, program=Probes().program)
    found = findings(healthy_but_firmware, "ur5e", loopback(21))["firmware"]
    assert found.state == "missing" and "expected an answer on ports 29999 and 30004" in found.value


ROUTES = """Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 0100000A 0003 0 0 0 00000000 0 0 0
eth1 000010AC 00000000 0001 0 0 0 00FFFFFF 0 0 0
"""  # the default by eth0; 172.16.0.0/24 by eth1


def test_route_to_the_arm_is_the_most_exact_one(tmp_path: Path) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    assert interface_to("172.16.0.2", tmp_path) is None
    (tmp_path / "proc/net/route").write_text(ROUTES)
    assert interface_to("172.16.0.2", tmp_path) == "eth1"
    assert interface_to("172.16.1.2", tmp_path) == "eth0"
    assert interface_to("127.0.0.1", tmp_path) == "lo"


def test_interface_is_read_from_the_kernels_files(tmp_path: Path) -> None:
    folder = tmp_path / "sys/class/net/wlan0"
    (folder / "wireless").mkdir(parents=True)
    (folder / "operstate").write_text("down\n")
    (folder / "speed").write_text("-1\n")
    assert read_interface("wlan0", tmp_path) == Interface("wlan0", up=False, speed_mbps=None, wireless=True)
    (folder / "operstate").write_text("up\n")
    (folder / "speed").write_text("2500\n")
    (folder / "wireless").rmdir()
    assert read_interface("wlan0", tmp_path) == Interface("wlan0", up=True, speed_mbps=2500, wireless=False)
    assert read_interface("eth9", tmp_path) is None


def test_answer_is_timed_and_silence_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert 0.0 < answer_time_s("127.0.0.1", port) < 60.0
    with pytest.raises(OSError):
        answer_time_s("127.0.0.1", port)


class LateClock(FakeClock):
    """Wakes up late on chosen sleeps."""

    def __init__(self, late_ns: dict[int, int]) -> None:
        super().__init__(10.0)
        self._late_ns, self._sleeps = late_ns, 0

    def sleep_until(self, deadline_ns: int) -> None:
        super().sleep_until(deadline_ns + self._late_ns.get(self._sleeps, 0))
        self._sleeps += 1


def granted(fifo: bool) -> AbstractContextManager[RealtimeStatus]:
    return nullcontext(RealtimeStatus(fifo=fifo, memory_locked=True, awake=True))


def test_loops_lateness_is_counted_against_deadlines_that_do_not_move() -> None:
    metrics = try_loop(1000.0, 0.1, LateClock({10: 300_000, 50: 2_500_000}), granted(fifo=True))
    assert metrics.ticks == 100 and metrics.privileges == ""
    assert metrics.late_us_max == pytest.approx(2500.0)
    assert metrics.misses == 2  # the late one, and the next, whose deadline had passed by 1.5 ms


def test_privileges_that_were_not_granted_are_named() -> None:
    assert "rtprio" in try_loop(1000.0, 0.01, FakeClock(), granted(fifo=False)).privileges


def test_command_explains_itself_and_its_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["doctor", "robot", "--help"])
    assert end.value.code in (0, None) and "example:" in capsys.readouterr().out
    assert main(["doctor", "robt"]) == 2 and "did you mean 'robot'?" in capsys.readouterr().err
    assert main(["doctor", "robot", "--arm", "fr4"]) == 2 and "did you mean 'fr3'?" in capsys.readouterr().err
    assert main(["doctor", "robot", "--seconds", "0"]) == 2
    assert "seconds: got 0" in capsys.readouterr().err
