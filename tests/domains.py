"""What one process of tests has alone on this machine: DDS domains, loopback addresses, the choice of cores.

It is held as a name in Linux's abstract socket namespace: the kernel gives it to one process and frees it when
that process ends, however it ends. Its scope, one network namespace, is that of the loopback interface.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from tests.waiting import eventually

LAST = 101  # ROS 2's bound on Linux: the ports of higher domains are also given to other programs


@cache
def domain_id(purpose: str) -> int:
    """Return this process's domain for a purpose; child processes get it through their environment.

    Raises:
        RuntimeError: all domains are in use.
    """
    start = os.getpid()  # a domain rests between two processes: what the first one left behind may still run
    for number in ((start + k) % LAST + 1 for k in range(LAST)):
        if (name := _held(f"domain-{number}")) is not None:
            name.detach()  # stays open until the process ends
            return number
    raise RuntimeError(f"{purpose}: got no free DDS domain, expected one of 1 to {LAST}; end other runs of the tests.")


def loopback(host: int) -> str:
    """Return an IPv4 address of this process's own on loopback, for servers with fixed ports; `host` 1 to 254."""
    return f"127.1.{domain_id('loopback')}.{host}"


@contextmanager
def alone(purpose: str) -> Iterator[None]:
    """Run the body while no other process of tests runs one for the same purpose; wait until then."""
    with eventually(lambda: _held(purpose), 600.0):
        yield


def _held(name: str) -> socket.socket | None:
    holder = socket.socket(socket.AF_UNIX)
    try:
        holder.bind(f"\0robot-rl-test-{name}")
    except OSError:
        holder.close()
        return None
    return holder
