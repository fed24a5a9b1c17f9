"""A training on a disk that is full for a time, or becomes read-only: the run says so, and its records are counted."""

import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from robot_rl.runtime.acting.actor_config import END
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode_stored
from tests.disks import FailingDisk, SmallDisk
from tests.end_to_end.small_training import LIMIT_S, Training, small_training

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PARTS = ("learner", "actor-0")
MB = 1 << 20
FULL_S = 3.0


def stop(training: Training) -> None:
    training.process.send_signal(signal.SIGTERM)
    assert training.process.wait(LIMIT_S) == 130, training.text()
    assert training.left() == []


def stored(training: Training) -> list[list[bytes]]:
    with Journal(training.folder.learner / "journal") as journal:
        return [parts for _, parts in journal.read()]


def test_training_on_a_disk_that_is_full_for_a_time_goes_on_with_it(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with SmallDisk(tmp_path / "disk", 24 * MB) as disk, small_training(tmp_path, (), PARTS, disk.folder) as training:
        training.await_all_at_work()
        before = [training.record(part) for part in PARTS]
        disk.fill()
        time.sleep(FULL_S)  # learner and actors go on meanwhile, and would write some hundred records
        disk.free()
        training.await_all_at_work()
        assert before == [training.record(part) for part in PARTS], "a part was started again"
        stop(training)
        records = [record for record, _ in map(decode_stored, stored(training))]
        (end,) = read_metrics(training.folder.actor(0), kind=END)
        with Journal(training.folder.actor(0) / "spool") as spool:
            assert [record.sequence for record in records] == list(range(spool.next_index))
        assert end["dropped"] > 0 and end["step"] == len(records) + end["dropped"]
        report = training.folder.report.read_text()
        assert f"wire: dropped, since an actor's disk or spool was full | {end['dropped']}" in report
        print(f"made {end['step']}, stored {len(records)}, declared lost {end['dropped']}")


def test_training_on_a_disk_that_fails_ends_with_the_reason_and_resumes_with_all_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    pytest.importorskip("torch")
    with FailingDisk(tmp_path / "disk") as disk, small_training(tmp_path, (), PARTS, disk.folder) as training:
        training.await_all_at_work()
        disk.fail()
        assert training.process.wait(LIMIT_S) == 1
        printed = training.log.read_text()
        assert "Read-only file system" in printed.splitlines()[-1] and "Traceback" not in printed, printed
        assert training.left() == []
        disk.mend()
        kept = stored(training)
        training.resume()
        training.await_all_at_work()
        stop(training)
        records = stored(training)
        assert records[: len(kept)] == kept
        places = Counter((stream, record.sequence) for record, stream in map(decode_stored, records))
        assert max(places.values()) == 1
        assert read_metrics(training.folder.actor(0), kind=END)[-1]["backlog"] == 0
        print(f"stored before the failure {len(kept)}, in all {len(records)}")
