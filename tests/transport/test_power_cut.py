"""Power cuts of both computers at random moments: what was durable anywhere is stored once, nothing between is missing.

ROBOT_RL_FAULTS=50 makes 50 cuts instead of 5.
"""

import os
import random
import signal
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from robot_rl.transport.journal import Journal
from tests.faults import FAULTS
from tests.transport.ends import actor_process, learner_process, result_of, size_of, stored
from tests.transport.power import cut_power, record_syncs
from tests.waiting import eventually

LIFE = 10_000
"""Numbers of the records of one life of the actor."""


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the syncs of this process are recorded."""
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, getattr(os, name))  # restored at the end
    record_syncs(tmp_path / "synced")
    return tmp_path / "synced"


def fill(journal: Journal, numbers: Iterable[int]) -> None:
    for number in numbers:
        journal.append([b"x" * 50, b"%d" % number])


def left(folder: Path) -> list[int]:
    with Journal(folder) as journal:
        assert not journal.lost_records
        return [int(parts[1]) for _, parts in journal.read()]


@pytest.mark.parametrize("segment_bytes", [200, 100_000])
def test_a_power_cut_leaves_what_was_synced_and_no_more(tmp_path: Path, room: Path, segment_bytes: int) -> None:
    with Journal(folder := tmp_path / "journal", segment_bytes) as journal:
        fill(journal, range(12))
        journal.sync()
        fill(journal, range(12, 20))
    cut_power(folder, room)
    assert left(folder) == list(range(12))


def test_a_spool_that_gave_back_its_space_keeps_its_numbers_in_a_power_cut(tmp_path: Path, room: Path) -> None:
    with Journal(folder := tmp_path / "spool", segment_bytes=200) as journal:
        fill(journal, range(3))
        journal.sync()
        journal.truncate_before(3)  # the only segment is emptied, and has another name
        fill(journal, range(3, 5))
        journal.sync()
    cut_power(folder, room)
    assert left(folder) == [3, 4]


@pytest.mark.slow
@pytest.mark.timeout(120 + 20 * FAULTS)
def test_power_cuts_cost_only_what_was_not_synced(tmp_path: Path) -> None:
    rng, durable = random.Random(1), set[int]()
    journal, spool = tmp_path / "journal", tmp_path / "spool"
    small = ("--segment-bytes", 20_000)
    for life in range(FAULTS + 1):
        with (
            learner_process(journal, *small, "--synced", tmp_path / "of-journal") as (learner, address),
            actor_process(
                spool, address, *small, "--synced", tmp_path / "of-spool", "--first", life * LIFE, "--period-s", 0.001
            ) as actor,
        ):
            size = size_of(journal)
            eventually(lambda: size_of(journal) > size + 20_000)  # noqa: B023 - called here
            if life == FAULTS:
                actor.send_signal(signal.SIGTERM)
                result = result_of(actor)
                continue
            time.sleep(rng.uniform(0.0, 0.5))
            for process in (actor, learner):
                process.kill()
                process.wait()
        cut_power(journal, tmp_path / "of-journal")
        cut_power(spool, tmp_path / "of-spool")
        durable |= set(stored(journal)) | set(stored(spool))
    numbers = stored(journal)
    assert actor.returncode == result["backlog"] == result["dropped"] == 0
    assert durable <= set(numbers) and all(later > sooner for sooner, later in pairwise(numbers))
    lives = [[number % LIFE for number in numbers if number // LIFE == life] for life in range(FAULTS + 1)]
    assert all(own == list(range(len(own))) for own in lives) and all(lives), "a record between others is missing"
    assert len(lives[-1]) == len(result["accepted"])
    print(f"power cuts: {FAULTS}, stored {len(numbers)}, streams {result['streams']}")
