"""Domains of processes that run at the same time differ, and a killed process's domain is free again."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.domains import LAST, _held, domain_id, loopback

HOLDER = "import sys; from tests.domains import domain_id; print(domain_id('a'), domain_id('b'), flush=True); input()"


def started(program: str) -> "subprocess.Popen[str]":
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[1], text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def test_a_process_has_one_domain_a_purpose_and_shares_none() -> None:
    with ExitStack() as stack:
        mine = {domain_id(purpose) for purpose in ("test-a", "test-b", "test-a")}
        theirs: list[int] = []
        for process in [stack.enter_context(started(HOLDER)) for _ in range(3)]:
            stack.callback(process.kill)
            assert process.stdout is not None
            theirs += map(int, process.stdout.readline().split())
    assert len(mine) == 2 and len(mine | set(theirs)) == 8
    assert all(1 <= number <= LAST for number in (*mine, *theirs))


def test_addresses_of_a_process_differ_by_host() -> None:
    assert loopback(1) != loopback(2) and loopback(1).startswith("127.")


def test_a_purpose_is_one_processes_alone_until_its_end() -> None:
    program = "from tests.domains import alone\nwith alone('test'): print(flush=True), input()"
    with started(program) as other:
        assert other.stdout is not None and other.stdout.readline() and not free("test")
        other.kill()
    assert free("test")


def free(purpose: str) -> bool:
    """Whether no process holds a purpose."""
    holder = _held(purpose)
    return holder is not None and holder.close() is None
