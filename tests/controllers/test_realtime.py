"""Wishes to the kernel are granted or named, and taken back."""

import gc
import os
from pathlib import Path

from controllers.realtime import LATENCY_FILE, Granted, realtime


def test_what_was_asked_for_holds_inside_and_is_undone_afterwards():
    before = os.sched_getscheduler(0)
    with realtime() as granted:
        assert (os.sched_getscheduler(0) == os.SCHED_FIFO) == granted.fifo
        assert not gc.isenabled()
    assert os.sched_getscheduler(0) == before and gc.isenabled() and gc.get_freeze_count() == 0


def test_the_collector_comes_back_after_an_error():
    try:
        with realtime():
            raise RuntimeError("the loop's own fault")
    except RuntimeError:
        pass
    assert gc.isenabled()


def test_what_was_not_granted_comes_with_what_to_do():
    assert Granted(True, True, True).advice() == ""
    advice = Granted(False, False, False).advice()
    assert "rtprio" in advice and "memlock" in advice and "limits.d" in advice and "cpu_dma_latency" in advice


def test_the_cores_stay_awake_as_long_as_the_loop_runs():
    def held() -> bool:
        links = [Path(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
        return any(str(LATENCY_FILE) == os.path.realpath(link) for link in links)

    with realtime() as granted:
        assert held() == granted.awake
    assert not held()
