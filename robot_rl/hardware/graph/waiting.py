"""Waiting for messages of a graph."""

from collections.abc import Callable

from robot_rl.core.clock import NS_PER_S, Clock

POLL_S = 0.005
NOTICE_S = 3.0
"""After it a line says what is waited for [s]; nodes need a second or two to find each other."""


def wait_for(missing: Callable[[], str], clock: Clock, timeout_s: float) -> str:
    """Wait until nothing is missing and return "", or what still is after a time [s]; a longer wait is announced.

    Args:
        missing: what has not come yet, in words; empty when all has.
    """
    start_ns = clock.now_ns()
    deadline_ns = start_ns + round(timeout_s * NS_PER_S)
    notice_ns = start_ns + round(NOTICE_S * NS_PER_S)
    if not until(lambda: not missing(), clock, min(notice_ns, deadline_ns)) and notice_ns < deadline_ns:
        print(f"{missing()}: waiting at most {timeout_s:g} s; is its node running?", flush=True)
        until(lambda: not missing(), clock, deadline_ns)
    return missing()


def until(condition: Callable[[], bool], clock: Clock, deadline_ns: int) -> bool:
    """Wait until a condition holds; return whether it does before a deadline [ns]."""
    while not condition():
        now_ns = clock.now_ns()
        if now_ns >= deadline_ns:
            return False
        clock.sleep_until(min(deadline_ns, now_ns + round(POLL_S * NS_PER_S)))
    return True
