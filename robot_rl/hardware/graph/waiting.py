"""Waiting for the first messages of a graph."""

from collections.abc import Callable

from robot_rl.core.clock import NS_PER_S, Clock

POLL_S = 0.01
NOTICE_S = 3.0
"""After it a line says what is waited for [s]; nodes need a second or two to find each other."""


def wait_for(missing: Callable[[], str], clock: Clock, timeout_s: float) -> str:
    """Wait until nothing is missing and return "", or what still is after a time [s]; a longer wait is announced.

    Args:
        missing: what has not come yet, in words; empty when all has.
    """
    start_ns, said = clock.now_ns(), False
    while what := missing():
        waited_s = (clock.now_ns() - start_ns) / NS_PER_S
        if waited_s >= timeout_s:
            return what
        if waited_s >= NOTICE_S and not said:
            said = True
            print(f"{what}: waiting at most {timeout_s:g} s; is its node running?", flush=True)
        clock.sleep_until(clock.now_ns() + round(POLL_S * NS_PER_S))
    return ""
