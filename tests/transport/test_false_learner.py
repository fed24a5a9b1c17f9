"""A false learner that says what it does not have: the actor keeps its records, and delivers them to a true one."""

from pathlib import Path

import pytest
import zmq

from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import encode, pack
from robot_rl.transport.sender import ActorLink
from tests.data.builders import SCHEMA, step_record
from tests.transport.ends import learner_process, stored
from tests.waiting import eventually

RECORDS = 20
MINE = Introduction(SCHEMA, "agent", "a0", "r")


@pytest.mark.parametrize("checksum", [None, 7])
def test_records_that_were_not_sent_cannot_be_welcomed_as_stored(checksum: int | None, tmp_path: Path) -> None:
    context = zmq.Context()
    with Journal(tmp_path / "spool") as spool:
        for number in range(RECORDS):
            spool.append(encode(step_record(number)))
        with context, context.socket(zmq.ROUTER) as router:
            router.linger, router.rcvtimeo = 0, 20_000
            port = router.bind_to_random_port("tcp://127.0.0.1")
            with ActorLink(f"tcp://127.0.0.1:{port}", MINE, spool) as link:
                for _ in range(3):
                    route, *_ = router.recv_multipart()
                    router.send_multipart([route, b"welcome", pack({"next_sequence": RECORDS, "checksum": checksum})])
                eventually(lambda: link.trouble or link.counters.streams)
                assert link.backlog == RECORDS
        with learner_process(tmp_path / "journal") as (process, address), ActorLink(address, MINE, spool) as link:
            assert link.flush(20.0)
            process.kill()
    assert stored(tmp_path / "journal") == list(range(RECORDS))
