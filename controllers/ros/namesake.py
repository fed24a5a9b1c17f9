"""A second controller of the same name refuses to start: requests would reach both."""

import time
from collections.abc import Callable

DISCOVERY_S = 1.5  # in which nodes on one network find each other
LEASE_S = 12.0  # a killed process stays on the graph for ten seconds
_POLL_S = 0.1


def wait_until_alone(
    count: Callable[[], int],
    name: str,
    now_s: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Wait for discovery, and for a killed controller to leave the graph.

    Args:
        count: how many other controllers of this name are on the graph now.

    Returns: why no further one may start; empty when it may.
    """
    start_s = now_s()
    while (others := count()) or now_s() - start_s < DISCOVERY_S:
        if now_s() - start_s > LEASE_S:
            return f"{name}: got {others} already running, expected none; end it, or start in another namespace."
        sleep(_POLL_S)
    return ""
