"""Cores are claimed by one process at a time, and free again when it ends."""

import subprocess
import sys

from robot_rl.runtime.runs.core_claims import CoreClaims
from tests.processes import launched

CORES = [9001, 9002, 9003]  # numbers that no other claim on this computer has
CLAIM = "from robot_rl.runtime.runs.core_claims import CoreClaims; c = CoreClaims(2, [9001, 9002, 9003]); "


def test_a_claim_holds_cores_that_no_other_has_until_it_is_closed() -> None:
    first, second = CoreClaims(2, CORES), CoreClaims(1, CORES)
    assert (first.cores, second.cores) == ({9001, 9002}, {9003})
    assert CoreClaims(1, CORES).cores == frozenset(), "none is left: any may be used"
    second.close()
    assert CoreClaims(2, CORES).cores == frozenset(), "a part of what is wanted is not held"
    third = CoreClaims(1, CORES)
    assert third.cores == {9003}
    first.close()
    third.close()


def test_a_killed_process_holds_no_core() -> None:
    command = [sys.executable, "-c", CLAIM + "print(len(c.cores), flush=True); input()"]
    with launched(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"2\n"
        assert CoreClaims(2, CORES).cores == frozenset()
        process.kill()
        process.wait()
    claims = CoreClaims(3, CORES)
    assert claims.cores == set(CORES)
    claims.close()
