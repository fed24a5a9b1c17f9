"""Runs of a sweep on a real Ray cluster, where Ray is installed."""

import sys
from pathlib import Path

import pytest

from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.processes import ProcessPlan
from robot_rl.runtime.runs.sweep_launch import RayLauncher, run_all

END = "signal.signal(signal.SIGTERM, lambda *_: (print('ended', flush=True), sys.exit(0)))"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Ray's own
]
pytest.importorskip("ray", reason="Ray is not installed: pip install 'robot-rl[ray]'")


def program(folder: Path, name: str, text: str) -> ProcessPlan:
    return ProcessPlan(name, (sys.executable, "-c", f"import robot_rl, signal, sys; {text}"), folder / f"{name}.txt")


def test_runs_end_with_their_codes_and_a_stop_reaches_them(tmp_path: Path) -> None:
    launcher = RayLauncher("local", slots=2, cores=1)
    try:
        plans = [program(tmp_path, f"run-{i}", f"print('hello', flush=True); sys.exit({i})") for i in range(2)]
        assert run_all(plans, launcher, SystemClock(), lambda: False, lambda *_: None, 60.0) == {"run-0": 0, "run-1": 1}
        assert (tmp_path / "run-1.txt").read_text() == "hello\n"
        log = tmp_path / "waits.txt"
        wait = [program(tmp_path, "waits", f"{END}; print('up', flush=True); signal.pause()")]
        up = run_all(
            wait, launcher, SystemClock(), lambda: log.exists() and "up" in log.read_text(), lambda *_: None, 60
        )
        assert up == {} and log.read_text() == "up\nended\n"
    finally:
        launcher.close()


def test_cluster_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected a cluster that answers"):
        RayLauncher("auto", slots=1, cores=1)
