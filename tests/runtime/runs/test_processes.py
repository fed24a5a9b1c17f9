"""Processes of a run end politely, say why they failed, and never outlive the one that started them."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import StopRequestedError
from robot_rl.runtime.runs.processes import (
    Process,
    ProcessFailedError,
    ProcessPlan,
    share_cores,
    stop_in_order,
    threads,
)
from robot_rl.runtime.runs.stop import PARENT_VARIABLE, StopSignal, writes_at_the_end

LOOP = """
import time
from robot_rl.runtime.runs.stop import StopSignal
stop = StopSignal().install()
print("ready", flush=True)
while not stop():
    time.sleep(0.005)
print("clean", flush=True)
"""


def plan(folder: Path, program: str) -> ProcessPlan:
    return ProcessPlan("part", (sys.executable, "-c", program), folder / "log.txt")


def wait_for(path: Path, text: str) -> None:
    clock = SystemClock()
    deadline_ns = clock.now_ns() + 20_000_000_000
    while text not in (path.read_text() if path.exists() else ""):
        assert clock.now_ns() < deadline_ns, f"{text!r} never appeared in {path}"
        clock.sleep_until(clock.now_ns() + 5_000_000)


def test_stopped_process_ends_its_loop_and_exits_cleanly(tmp_path: Path) -> None:
    process = Process(plan(tmp_path, LOOP))
    wait_for(tmp_path / "log.txt", "ready")
    stop_in_order([process], timeout_s=20.0, clock=SystemClock())
    process.check()
    assert (tmp_path / "log.txt").read_text().split() == ["ready", "clean"]


def test_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\n"
    process = Process(plan(tmp_path, deaf + "time.sleep(600)"))
    wait_for(tmp_path / "log.txt", "ready")
    stop_in_order([process], timeout_s=0.1, clock=SystemClock())
    assert not process.running()
    with pytest.raises(ProcessFailedError, match="exit code -9"):
        process.check()


def test_process_that_is_stopped_before_it_listens_has_not_failed(tmp_path: Path) -> None:
    """As a recording does whose imports still run."""
    process = Process(plan(tmp_path, "import time; print('ready', flush=True); time.sleep(600)"))
    wait_for(tmp_path / "log.txt", "ready")
    stop_in_order([process], timeout_s=20.0, clock=SystemClock())
    process.check()
    assert not process.running()


def test_process_that_fails_while_it_is_stopped_is_reported(tmp_path: Path) -> None:
    program = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
    process = Process(plan(tmp_path, program + "print('ready', flush=True)\ntime.sleep(600)"))
    wait_for(tmp_path / "log.txt", "ready")
    stop_in_order([process], timeout_s=20.0, clock=SystemClock())
    with pytest.raises(ProcessFailedError, match="exit code 3"):
        process.check()


def test_failed_process_is_reported_with_its_last_words(tmp_path: Path) -> None:
    process = Process(plan(tmp_path, "import sys; print('no camera'); sys.exit(3)"))
    process.wait(20.0, SystemClock())
    with pytest.raises(ProcessFailedError, match=r"part: got exit code 3.*log\.txt:\n  no camera"):
        process.check()


@pytest.fixture
def stop() -> Iterator[StopSignal]:
    """Listens to this process's signals until the test is over."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield StopSignal(remind_s=0.2).install()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_first_signal_sets_the_flag_and_a_second_ctrl_c_interrupts(stop: StopSignal) -> None:
    assert not stop()
    signal.raise_signal(signal.SIGINT)
    assert stop()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_before_the_only_file_is_written_says_so_and_how_to_go_on(tmp_path: Path) -> None:
    file = tmp_path / "encoder.safetensors"
    with (
        pytest.raises(StopRequestedError, match=r"eyes: got Ctrl-C; .* was not written.*start the same command again"),
        writes_at_the_end(file, "eyes"),
    ):
        raise KeyboardInterrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_wait_at_once_and_names_it(stop: StopSignal, number: signal.Signals) -> None:
    with (
        pytest.raises(StopRequestedError, match=f"got {number.name} while waiting for the arm"),
        stop.ends_wait("the arm"),
    ):
        signal.raise_signal(number)
        pytest.fail("the wait went on")
    assert stop()


def test_signal_before_a_wait_ends_it_before_it_begins(stop: StopSignal) -> None:
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(StopRequestedError), stop.ends_wait("the arm"):
        pytest.fail("the wait began")


def test_another_sigterm_leaves_the_clean_up_after_a_wait_in_peace(stop: StopSignal) -> None:
    cleaned = []
    with pytest.raises(StopRequestedError), stop.ends_wait("the arm"):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleaned.append("camera")
    assert cleaned == ["camera"]


def test_wait_that_swallows_its_end_is_ended_again(stop: StopSignal) -> None:
    """As code does that is called from C, or catches every exception to try again."""
    with pytest.raises(StopRequestedError, match="got SIGINT while waiting for the arm"), stop.ends_wait("the arm"):
        with contextlib.suppress(StopRequestedError):
            signal.raise_signal(signal.SIGINT)
            pytest.fail("nothing was raised")
        threading.Event().wait(20.0)
        pytest.fail("the wait went on")


def test_signal_after_a_wait_only_sets_the_flag(stop: StopSignal) -> None:
    with stop.ends_wait("the arm"):
        pass
    signal.raise_signal(signal.SIGTERM)
    assert stop()


def test_orphan_stops_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PARENT_VARIABLE, "1")
    assert StopSignal()()


def test_end_of_the_parent_ends_a_wait_at_once(tmp_path: Path) -> None:
    """Killed, it cannot stop its parts; one that waits for an arm polls nothing."""
    wait = (
        "import threading\nfrom robot_rl.runtime.runs.stop import StopSignal\n"
        "stop = StopSignal(remind_s=600).install()\n"
        "print('ready', flush=True)\n"
        "try:\n with stop.ends_wait('the arm'): threading.Event().wait(600)\nexcept Exception as error: print(error)\n"
    )
    log = tmp_path / "log.txt"
    parent = (
        "import sys, time\nfrom pathlib import Path\nfrom robot_rl.runtime.runs.processes import Process, ProcessPlan\n"
        f"Process(ProcessPlan('part', (sys.executable, '-c', {wait!r}), Path({str(log)!r})))\ntime.sleep(600)\n"
    )
    process = Process(plan(tmp_path / "parent", parent))
    wait_for(log, "ready")
    os.kill(process.pid, signal.SIGKILL)
    wait_for(log, "got SIGTERM while waiting for the arm")
    process.wait(20.0, SystemClock())


def test_frozen_process_ends_in_good_order_when_it_is_stopped(tmp_path: Path) -> None:
    process = Process(plan(tmp_path, LOOP))
    wait_for(tmp_path / "log.txt", "ready")
    os.kill(process.pid, signal.SIGSTOP)
    stop_in_order([process], timeout_s=20.0, clock=SystemClock())
    process.check()
    assert (tmp_path / "log.txt").read_text().split() == ["ready", "clean"]


@given(actors=st.integers(1, 8), cores=st.sets(st.integers(0, 63), max_size=16).map(sorted))
def test_learner_and_actors_never_share_a_core_when_there_are_two(actors: int, cores: list[int]) -> None:
    learner, others = share_cores(actors, cores)
    assert len(others) == actors
    if len(cores) < 2:
        assert not learner and not any(others)
    else:
        assert learner and all(others) and all(learner.isdisjoint(other) for other in others)
        assert learner.union(*others) <= set(cores)


@pytest.mark.parametrize(("cores", "expected"), [(0, "1"), (1, "1"), (3, "3"), (64, "4")])
def test_a_process_computes_with_a_thread_for_each_of_its_own_cores(cores: int, expected: str) -> None:
    environment = threads(cores)
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == expected
    assert f"multi_thread_eigen={'false' if expected == '1' else 'true'}" in environment["XLA_FLAGS"]
