"""Both families of the loopback address work without keys."""

import socket
from pathlib import Path

import pytest

from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.sender import ActorLink
from tests.data.builders import SCHEMA, step_record
from tests.transport.ends import learner_process, stored


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "host", ["127.0.0.1", pytest.param("[::1]", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here"))]
)
def test_records_arrive_at_a_learner_on_loopback(host: str, tmp_path: Path) -> None:
    with learner_process(tmp_path / "journal", f"tcp://{host}:*") as (process, address):
        mine = Introduction(SCHEMA, "agent", "a0", "r")
        with Journal(tmp_path / "spool") as spool, ActorLink(address, mine, spool) as link:
            assert address.startswith(f"tcp://{host}:") and link.put(step_record(0)) == 0 and link.flush(20.0)
        process.kill()
        process.wait()
    assert stored(tmp_path / "journal") == [0]
