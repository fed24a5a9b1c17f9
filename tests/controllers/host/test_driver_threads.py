"""A driver's library starts threads and takes priorities; the loop and those threads end up as they should."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from controllers.arms.spec import arm_limits
from controllers.host.control_process import ControlProcess
from controllers.host.control_stack import ControlStack
from controllers.host.driver_threads import DriverThreads
from controllers.host.mailbox import Client, Mailbox
from controllers.host.realtime import PRIORITY, realtime
from controllers.law.gains import make_gains
from tests.controllers.drivers.driver_rigs import FrankaRig

CORES = os.sched_getaffinity(0)
LIBRARY_PRIORITY = 85


def may_take_priority() -> bool:
    """Whether this user may use SCHED_FIFO."""
    program = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.usefixtures("cores_alone"),
    pytest.mark.skipif(not may_take_priority(), reason="NOT CHECKED: SCHED_FIFO is not permitted"),
    pytest.mark.skipif(len(CORES) < 2, reason="NOT CHECKED: one core"),
]


class ThreadedArm(FrankaRig):
    """Its library raises the caller's priority when it connects, and has threads, as libfranka and franky."""

    def __init__(self) -> None:
        super().__init__()
        self.over, self.threads = threading.Event(), list[int]()
        self.connect, self.write = self.driver.connect, self.driver.write
        self.driver.connect, self.driver.write = self._connect, self._write  # type: ignore[method-assign]

    def start_thread(self) -> None:
        thread = threading.Thread(target=self.over.wait, daemon=True)
        thread.start()
        assert thread.native_id is not None
        self.threads.append(thread.native_id)

    def _connect(self):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
        self.start_thread()
        return self.connect()

    def _write(self, tau):
        if self.acting() is None:
            self.start_thread()
        return self.write(tau)


def policy(thread: int) -> tuple[int, int]:
    """Scheduling class and priority."""
    return os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK, os.sched_getparam(thread).sched_priority


@pytest.fixture
def arm() -> Iterator[ThreadedArm]:
    arm, before = ThreadedArm(), (os.sched_getscheduler(0), os.sched_getparam(0))
    yield arm
    arm.over.set()
    os.sched_setscheduler(0, *before)
    os.sched_setaffinity(0, CORES)


def test_library_threads_leave_the_loops_core_and_get_their_priority_in_every_call(arm: ThreadedArm) -> None:
    core = max(CORES)
    name = f"threads-{os.getpid()}"
    box, threads = Mailbox(name, 7, create=True), DriverThreads(LIBRARY_PRIORITY, core)
    stack = ControlStack(arm.driver, make_gains(np.zeros(7), ramp_s=0.1), arm_limits("fr3"))
    host, client = ControlProcess(stack, box, arm.arm.clock, threads.around), Client(name)
    box.unlink()
    host.connect()
    assert policy(0) == (os.SCHED_OTHER, 0)  # the shield's guard, and the compilation, inherit that
    os.sched_setaffinity(0, {core})
    with realtime():
        for _ in range(2):
            client.activate()
            for _ in range(20):
                host.cycle()
            arm.unplug()
            for _ in range(5):
                host.cycle()
            arm.plug()
            assert policy(0) == (os.SCHED_FIFO, PRIORITY) and os.sched_getaffinity(0) == {core}
        assert len(arm.threads) == 4  # connected, started, connected again, started again
        for thread in arm.threads:
            assert policy(thread) == (os.SCHED_FIFO, LIBRARY_PRIORITY)
            assert os.sched_getaffinity(thread) == CORES - {core}
    assert policy(0) == (os.SCHED_OTHER, 0)


def test_threads_of_an_ordinary_library_stay_ordinary(arm: ThreadedArm) -> None:
    with realtime(), DriverThreads(0, None).around():
        arm.start_thread()
    assert policy(arm.threads[0]) == (os.SCHED_OTHER, 0) and os.sched_getaffinity(arm.threads[0]) == CORES


def test_the_shields_guard_never_runs_at_its_parents_priority() -> None:
    program = (
        "import os, subprocess, sys, threading\n"
        "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))\n"
        "command = [sys.executable, '-m', 'controllers.host.shield', sys.argv[1], str(threading.get_native_id())]\n"
        "guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "guard.stdout.readline()\n"
        "print(os.sched_getscheduler(guard.pid))\n"
        "guard.stdin.close()\n"
        "guard.wait()\n"
    )
    found = subprocess.run([sys.executable, "-c", program, str(max(CORES))], capture_output=True, text=True, check=True)
    assert int(found.stdout) == os.SCHED_OTHER
