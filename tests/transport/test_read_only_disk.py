"""A disk that becomes read-only under a learner or an actor: the reason is given, nothing acknowledged is lost."""

import signal
from pathlib import Path

import pytest

from tests.disks import FailingDisk
from tests.transport.ends import actor_process, learner_process, result_of, size_of, stored
from tests.transport.test_adversity import wait_for_line
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
RECORDS = 1500


def test_learner_on_a_disk_that_fails_ends_with_the_reason_and_the_next_one_has_all(tmp_path: Path) -> None:
    with FailingDisk(tmp_path / "disk") as disk:
        journal = disk.folder / "journal"
        with learner_process(journal) as (learner, address):
            words = ("--period-s", 0.002, "--records", RECORDS)
            with actor_process(tmp_path / "spool", address, *words) as sender:
                eventually(lambda: size_of(journal) > 20_000)
                disk.fail()
                wait_for_line(learner, " while syncing ")
                assert learner.wait(20.0) == 1
                disk.mend()
                with learner_process(journal, address):
                    result = result_of(sender)
        assert result["accepted"] == list(range(RECORDS)) == stored(journal)


def test_actor_on_a_disk_that_fails_goes_on_and_declares_what_it_drops(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with FailingDisk(tmp_path / "disk") as disk, learner_process(journal) as (_, address):
        spool = disk.folder / "spool"
        with actor_process(spool, address, "--period-s", 0.002, "--segment-bytes", 20_000) as sender:
            eventually(lambda: size_of(journal) > 50_000)
            disk.fail()
            wait_for_line(sender, "records are dropped until there is room ([Errno 30] Read-only file system)")
            sender.send_signal(signal.SIGTERM)
            first = result_of(sender)
        assert sender.returncode == 0 and first["dropped"] > 0 and first["backlog"] == 0
        assert first["sessions"] == 1, "the connection has nothing to do with the disk"
        assert first["put"] == len(first["accepted"]) + first["dropped"]
        disk.mend()
        with actor_process(spool, address, "--first", 10**5, "--records", 100) as again:
            second = result_of(again)
    assert second["error"] == "" and second["backlog"] == 0
    assert second["accepted"] == list(range(10**5, 10**5 + 100))
    assert stored(journal) == [*first["accepted"], *second["accepted"]]
