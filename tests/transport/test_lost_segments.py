"""A learner's journal keeps all records of a run: what is missing before, among and after them is counted as lost."""

from pathlib import Path

import pytest

from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import encode
from robot_rl.transport.receiver import LearnerServer
from tests.data.builders import SCHEMA, step_record

RECORDS = 100


@pytest.mark.parametrize("segment", [0, 1])
def test_missing_segment_is_counted_wherever_it_was(segment: int, tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=5_000) as journal:
        for number in range(RECORDS):
            journal.append([*encode(step_record(number)), b"0" * 32])
    paths = sorted(tmp_path.glob("*.log"))
    lost = int(paths[segment + 1].stem) - int(paths[segment].stem)
    paths[segment].unlink()
    with (
        Journal(tmp_path) as journal,
        LearnerServer("tcp://127.0.0.1:*", Introduction(SCHEMA, "agent"), journal) as server,
    ):
        assert sum(1 for _ in server.recover()) == RECORDS - lost
        assert server.status()["journal_lost"] == lost > 0
