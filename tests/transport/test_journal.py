"""The journal keeps what it accepted: across restarts, kills, torn ends and truncation."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.errors import CorruptRecordError, RunFolderError
from robot_rl.transport.journal import Journal

messages = st.lists(st.lists(st.binary(max_size=60), max_size=4), max_size=20)


def contents(journal: Journal, index: int = 0) -> list[tuple[int, list[bytes]]]:
    return list(journal.read(index))


def newest_segment(folder: Path) -> Path:
    return max(folder.glob("*.log"))


@settings(max_examples=40, deadline=None)
@given(first=messages, second=messages, segment_bytes=st.integers(9, 300), cut=st.integers(0, 40))
def test_what_was_appended_is_read_back_in_order(
    first: list[list[bytes]], second: list[list[bytes]], segment_bytes: int, cut: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with Journal(Path(folder), segment_bytes) as journal:
            assert [journal.append(parts) for parts in first] == list(range(len(first)))
        with Journal(Path(folder), segment_bytes) as journal:
            for parts in second:
                journal.append(parts)
            journal.sync()
            expected = list(enumerate(first + second))
            assert contents(journal) == expected
            journal.truncate_before(cut)
            assert contents(journal) == expected[cut:]
            assert len(journal) == len(expected[cut:])
        with Journal(Path(folder), segment_bytes) as journal:
            assert journal.next_index == len(expected)
            assert contents(journal, cut) == expected[cut:]


@settings(max_examples=40, deadline=None)
@given(keep=st.integers(0, 200))
def test_a_torn_end_costs_only_the_torn_record(keep: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Journal(folder) as journal:
            for number in range(5):
                journal.append([b"head", bytes([number]) * 20])
        segment = newest_segment(folder)
        segment.write_bytes(segment.read_bytes()[:keep])
        with Journal(folder) as journal:
            survivors = contents(journal)
            assert survivors == [(number, [b"head", bytes([number]) * 20]) for number in range(len(survivors))]
            assert len(survivors) == max(0, min(5, (keep - 8) // 44))
            assert journal.append([b"next"]) == len(survivors)


def test_a_changed_record_is_refused_and_named(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=1) as journal:
        journal.append([b"one"])
        journal.append([b"two"])
    oldest = min(tmp_path.glob("*.log"))
    oldest.write_bytes(oldest.read_bytes()[:-1] + b"!")
    with pytest.raises(CorruptRecordError, match=r"got a damaged record at byte 8 of .*0\.log"):
        Journal(tmp_path)


def test_cut_bytes_are_kept_as_evidence(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append([b"one"])
    segment = newest_segment(tmp_path)
    segment.write_bytes(segment.read_bytes() + b"torn")
    with Journal(tmp_path) as journal:
        assert journal.torn_bytes == 4
    assert [path.read_bytes() for path in tmp_path.glob("*.torn-*")] == [b"torn"]


def test_a_journal_belongs_to_one_process(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(RunFolderError, match="open elsewhere"):
        Journal(tmp_path)


def test_truncation_frees_the_disk(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=100) as journal:
        for _ in range(50):
            journal.append([bytes(50)])
        journal.truncate_before(journal.next_index)
        assert len(list(tmp_path.glob("*.log"))) == 1
        assert journal.next_index == 50


def test_a_killed_writer_loses_nothing_that_append_returned(tmp_path: Path) -> None:
    writer = (
        "import sys; from pathlib import Path; from robot_rl.transport.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "while True: print(journal.append([b'x' * 500]), flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", writer, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(200)]
        process.kill()
    with Journal(tmp_path) as journal:
        assert journal.next_index > acknowledged[-1]
        assert all(parts == [b"x" * 500] for _, parts in journal.read())
