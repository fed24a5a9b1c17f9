"""Real-time settings are granted or named, and restored."""

import gc
import os
import sys
import threading
from pathlib import Path

from controllers.host.realtime import LATENCY_FILE, RealtimeStatus, realtime


def test_settings_hold_inside_and_are_restored_afterwards():
    before, switch_s = os.sched_getscheduler(0), sys.getswitchinterval()
    with realtime() as granted:
        assert (os.sched_getscheduler(0) & os.SCHED_FIFO != 0) == granted.fifo
        assert not gc.isenabled() and sys.getswitchinterval() <= 0.001
    assert os.sched_getscheduler(0) == before and sys.getswitchinterval() == switch_s
    assert gc.isenabled() and gc.get_freeze_count() == 0


def test_a_thread_started_within_has_no_priority():
    """A vendor's thread that computes at the loop's priority keeps the loop from its core."""
    policies = []
    with realtime():
        thread = threading.Thread(target=lambda: policies.append(os.sched_getscheduler(0)))
        thread.start()
        thread.join()
    assert policies == [os.SCHED_OTHER]


def test_the_collector_comes_back_after_an_error():
    try:
        with realtime():
            raise RuntimeError("the loop's own fault")
    except RuntimeError:
        pass
    assert gc.isenabled()


def test_what_was_not_granted_comes_with_the_next_step():
    assert RealtimeStatus(True, True, True).advice() == ""
    advice = RealtimeStatus(False, False, False).advice()
    assert "rtprio" in advice and "memlock" in advice and "limits.d" in advice and "cpu_dma_latency" in advice


def test_the_cores_stay_awake_as_long_as_the_loop_runs():
    def held() -> bool:
        links = [Path(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
        return any(str(LATENCY_FILE) == os.path.realpath(link) for link in links)

    with realtime() as granted:
        assert held() == granted.awake
    assert not held()
