"""Both ends killed with SIGKILL, again and again: nothing that `put` accepted is lost, nothing is stored twice."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode_stored
from robot_rl.transport.receiver import LearnerServer
from tests.data.builders import SCHEMA

ROOT = Path(__file__).parents[2]
RECORDS = 3000

LEARNER = """
import sys
from pathlib import Path
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.receiver import LearnerServer
from tests.data.builders import SCHEMA
journal = Journal(Path(sys.argv[1]))
with LearnerServer(sys.argv[2], Introduction(SCHEMA, "agent"), journal, sync_every_s=0.02) as server:
    for _ in server.recover(): pass
    while True: server.poll(0.1)
"""

ACTOR = """
import sys
from pathlib import Path
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.sender import ActorLink
from tests.data.builders import SCHEMA, step_record
spool = Journal(Path(sys.argv[1]), segment_bytes=20_000)
link = ActorLink(sys.argv[2], Introduction(SCHEMA, "agent", "a0", "r"), spool)
while link.next_sequence < int(sys.argv[3]): print(link.put(step_record(link.next_sequence)), flush=True)
while not link.flush(60.0): pass
print("delivered", flush=True)
"""


def start(program: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def wait_for_growth(folder: Path, size: int) -> int:
    """Wait until a journal is larger than `size` bytes and return how large it is."""
    deadline_s = time.monotonic() + 60
    while (now := sum(path.stat().st_size for path in folder.glob("*.log"))) <= size:
        assert time.monotonic() < deadline_s, "the journal does not grow"
        time.sleep(0.005)  # another process is at work; there is nothing to wait on
    return now


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_both_ends_are_killed(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "none") as journal,
        LearnerServer("tcp://127.0.0.1:*", Introduction(SCHEMA, "agent"), journal) as server,
    ):
        address = server.address
    journal_folder, spool_folder = tmp_path / "journal", tmp_path / "spool"
    learner, actor = start(LEARNER, journal_folder, address), start(ACTOR, spool_folder, address, RECORDS)
    size = 0
    for turn in range(4):
        size = wait_for_growth(journal_folder, size + 60_000)
        if turn % 2 == 0:
            kill(learner)
            learner = start(LEARNER, journal_folder, address)
        else:
            kill(actor)
            actor = start(ACTOR, spool_folder, address, RECORDS)
    output, _ = actor.communicate(timeout=90)
    kill(learner)
    assert output.endswith(b"delivered\n")
    with Journal(journal_folder) as journal:
        stored = [decode_stored(parts)[0] for _, parts in journal.read()]
    assert [record.sequence for record in stored] == list(range(RECORDS))
    assert all(np.array_equal(record.obs["state"], [record.sequence] * 2) for record in stored)
