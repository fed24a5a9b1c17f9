"""Processes on a real Ray cluster of three nodes on this computer, where Ray is installed."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.processes import ProcessPlan
from robot_rl.runtime.runs.ray_cluster import RayLauncher
from robot_rl.runtime.runs.sweep_launch import run_all
from tests.ray_nodes import MARKS, kill, nodes_of, printed, ray_nodes

END = "signal.signal(signal.SIGTERM, lambda *_: (print('ended', flush=True), sys.exit(0)))"
UP = f"{END}; print(os.getpid(), flush=True)"
"""Prints its number, and ends in good order at a SIGTERM."""
pytestmark = MARKS
pytest.importorskip("ray", reason="Ray is not installed: pip install 'robot-rl[ray]'")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_nodes() as cluster:
        yield cluster


@pytest.fixture
def launcher(cluster: Any) -> Iterator[RayLauncher]:
    launcher = RayLauncher(cluster.address, 3, 1, "--cpus-per-run")
    yield launcher
    launcher.close()


def program(folder: Path, name: str, text: str) -> ProcessPlan:
    return ProcessPlan(name, (sys.executable, "-c", f"import os, signal, sys, time; {text}"), folder / f"{name}.txt")


def test_cluster_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected a cluster that answers"):
        RayLauncher("auto", 1, 1, "--cpus-per-run")


def test_processes_land_on_different_nodes_and_end_with_their_codes(launcher: RayLauncher, tmp_path: Path) -> None:
    handler, go = signal.getsignal(signal.SIGTERM), tmp_path / "go"
    wait = f"[time.sleep(0.05) for _ in iter(lambda: os.path.exists({str(go)!r}), True)]"
    plans = [program(tmp_path, f"run-{i}", f"{UP}; {wait}; sys.exit({i})") for i in range(3)]
    logs = [tmp_path / f"{plan.name}.txt" for plan in plans]

    def show(running: Any, codes: Any) -> None:
        if all(map(printed, logs)):
            go.touch()

    codes = run_all(plans, launcher, SystemClock(), lambda: False, show, 60.0)
    assert codes == {f"run-{i}": i for i in range(3)}
    assert len({node for log in logs for node in nodes_of(log)}) == 3
    assert signal.getsignal(signal.SIGTERM) is handler, "Ray's own would end this process at once"


def test_process_of_a_lost_node_is_placed_again_the_others_go_on_and_a_stop_reaches_them(
    cluster: Any, launcher: RayLauncher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = [tmp_path / f"wait-{i}.txt" for i in range(3)]
    head, killed, lost, ended = cluster.head_node.node_id, list[str](), list[str](), dict[str, int]()

    def show(running: Any, codes: Any) -> None:
        ended.update(codes)
        if not killed and all(map(printed, logs)):
            killed.append(next(node for log in logs for node in nodes_of(log) if node != head))
            kill(cluster, killed[0])

    def again(name: str) -> Any:
        lost.append(name)
        lives = Path(f"/proc/{printed(tmp_path / f'{name}.txt').split()[0]}").exists()
        return "held" if lives else program(tmp_path, name, "sys.exit(7)")

    plans = [program(tmp_path, log.stem, f"{UP}; signal.pause()") for log in logs]
    codes = run_all(plans, launcher, SystemClock(), lambda: bool(ended), show, 60.0, again)
    assert codes == {lost[0]: 7} and f"{lost[0]}: ActorDiedError" in capsys.readouterr().err
    first, second = nodes_of(tmp_path / f"{lost[0]}.txt")
    assert first == killed[0] != second
    assert sum(printed(log).endswith("ended\n") for log in logs) == 2


def test_cores_that_no_computer_has_are_refused(cluster: Any) -> None:
    with pytest.raises(ConfigError, match="--cpus-per-run: got 2, expected at most 1"):
        RayLauncher(cluster.address, 1, 2, "--cpus-per-run")
