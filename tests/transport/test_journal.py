"""The journal keeps what it accepted: across restarts, kills, torn ends and truncation."""

import struct
import subprocess
import sys
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.errors import RunFolderError
from robot_rl.transport.journal import SEGMENT_BYTES, Journal
from tests.processes import launched

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
            assert len(survivors) == max(0, min(5, (keep - 8) // 52))
            assert journal.append([b"next"]) == len(survivors)


def written(folder: Path, count: int, segment_bytes: int = SEGMENT_BYTES) -> list[list[bytes]]:
    """Return the messages of a new journal."""
    parts = [[b"head", bytes([number % 251]) * (5 + number % 7)] for number in range(count)]
    with Journal(folder, segment_bytes) as journal:
        for message in parts:
            journal.append(message)
    return parts


def records_hit(before: bytes, after: bytes) -> set[int]:
    """Return the indexes of the records of a segment whose bytes differ."""
    hit, offset = set(), 8
    while offset < len(before):
        length, _, index = struct.unpack_from("<IIQ", before, offset)
        if before[offset : offset + 16 + length] != after[offset : offset + 16 + length]:
            hit.add(index)
        offset += 16 + length
    return hit


@settings(max_examples=150, deadline=None)
@given(
    count=st.integers(1, 12),
    segment_bytes=st.sampled_from([60, 200, 10_000]),
    where=st.floats(0.0, 1.0, exclude_max=True),
    damage=st.one_of(st.integers(0, 7), st.binary(min_size=1, max_size=90), st.just(bytes(90))),
)
def test_damage_anywhere_costs_what_it_hits_and_nothing_else(
    count: int, segment_bytes: int, where: float, damage: int | bytes
) -> None:
    """An integer flips a bit, bytes overwrite."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = written(folder, count, segment_bytes)
        segments = sorted(folder.glob("*.log"))
        segment = segments[int(where * len(segments))]
        data = bytearray(segment.read_bytes())
        offset = int(where * 7919) % len(data)
        before = bytes(data)
        if isinstance(damage, int):
            data[offset] ^= 1 << damage
        else:
            data[offset : offset + len(damage)] = damage[: len(data) - offset]
        segment.write_bytes(data)
        hit = records_hit(before, bytes(data))
        with Journal(folder, segment_bytes) as journal:
            survivors = contents(journal)
            assert survivors == [(index, parts[index]) for index in range(count) if index not in hit]
            assert bool(journal.report()) == (bytes(data) != before)
            index = journal.append([b"after"])
            assert contents(journal)[-1] == (index, [b"after"])
            assert index > max((index for index, _ in survivors), default=-1)
            expected = contents(journal)
        with Journal(folder, segment_bytes) as journal:
            assert contents(journal) == expected


@pytest.mark.parametrize("zeros", [1, 64, 4096, 3 << 20])
def test_zeros_at_the_end_cost_nothing(tmp_path: Path, zeros: int) -> None:
    parts = written(tmp_path, 5)
    with newest_segment(tmp_path).open("ab") as file:
        file.write(bytes(zeros))
    with Journal(tmp_path) as journal:
        assert contents(journal) == list(enumerate(parts))
        assert journal.append([b"next"]) == 5
        assert journal.damage[0].size == zeros


def test_lost_records_and_damaged_bytes_are_reported(tmp_path: Path) -> None:
    written(tmp_path, 5)
    segment = newest_segment(tmp_path)
    data = bytearray(segment.read_bytes())
    data[60:100] = bytes(40)  # the end of record 1, the beginning of record 2
    segment.write_bytes(data)
    with Journal(tmp_path) as journal:
        assert [index for index, _ in contents(journal)] == [0, 3, 4]
        damage, lost = journal.report()
    assert damage.startswith(f"{segment}: ") and damage.endswith("damaged bytes at byte 45")
    assert lost == f"{tmp_path}: 2 records lost"


def test_a_missing_segment_and_a_foreign_file_leave_the_others_readable(tmp_path: Path) -> None:
    parts = written(tmp_path, 6, segment_bytes=1)
    sorted(tmp_path.glob("*.log"))[2].unlink()
    (tmp_path / "notes.log").write_text("not a segment")
    with Journal(tmp_path, segment_bytes=1) as journal:
        assert contents(journal) == [(i, message) for i, message in enumerate(parts) if i != 2]
        assert journal.present(2) == 3 and journal.lost_records == 1


def first_format(*messages: bytes) -> bytes:
    """Return a segment of the first format, whose records state no index."""
    payloads = [struct.pack("<II", 1, len(message)) + message for message in messages]
    return b"RRLJ0001" + b"".join(struct.pack("<II", len(p), zlib.crc32(p)) + p for p in payloads)


def test_segments_of_the_first_format_are_read_and_followed_by_one_of_the_present(tmp_path: Path) -> None:
    path = tmp_path / "00000000000000000007.log"
    path.write_bytes(first_format(b"one", b"two"))
    for turn in range(2):
        with Journal(tmp_path) as journal:
            assert contents(journal)[:2] == [(7, [b"one"]), (8, [b"two"])]
            assert journal.append([b"new"]) == 9 + turn
    assert path.read_bytes() == first_format(b"one", b"two")


def test_a_damaged_record_of_the_first_format_counts_as_one(tmp_path: Path) -> None:
    data = first_format(b"one", b"two", b"three").replace(b"two", b"tWo")
    (tmp_path / "00000000000000000000.log").write_bytes(data)
    with Journal(tmp_path) as journal:
        assert contents(journal) == [(0, [b"one"]), (2, [b"three"])]
        assert journal.next_index == 3


def test_a_journal_belongs_to_one_process(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(RunFolderError, match="open elsewhere"):
        Journal(tmp_path)


def test_a_journal_is_read_by_several_processes_that_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot_rl.transport.folder_lock.READERS_WAIT_S", 0.1)
    with Journal(tmp_path) as journal:
        journal.append([b"one"])
        with pytest.raises(RunFolderError, match="open elsewhere"):
            Journal(tmp_path, shared=True)
    with Journal(tmp_path, shared=True) as first, Journal(tmp_path, shared=True) as second:
        assert contents(first) == contents(second) == [(0, [b"one"])]
        with pytest.raises(RunFolderError, match="open elsewhere"):
            Journal(tmp_path)
    Journal(tmp_path).close()


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
    with launched([sys.executable, "-c", writer, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(200)]
        process.kill()
    with Journal(tmp_path) as journal:
        assert journal.next_index > acknowledged[-1]
        assert all(parts == [b"x" * 500] for _, parts in journal.read())


def test_a_segment_whose_records_are_all_dropped_gives_its_space_back(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for _ in range(100):
            journal.append([bytes(5000)])
        journal.truncate_before(99)
        assert journal.size_bytes > 500_000
        journal.truncate_before(100)
        assert journal.size_bytes == sum(path.stat().st_size for path in tmp_path.glob("*.log")) == 8
        assert journal.append([b"next"]) == 100
    with Journal(tmp_path) as journal:
        assert contents(journal) == [(100, [b"next"])] and not journal.report()


def test_a_crash_while_space_is_given_back_keeps_the_number_of_the_next_record(tmp_path: Path) -> None:
    written(tmp_path, 9)
    newest_segment(tmp_path).rename(tmp_path / f"{9:020d}.log")  # and not yet emptied
    with Journal(tmp_path) as journal:
        assert contents(journal) == [] and journal.append([b"next"]) == 9


def test_records_written_while_syncing_are_kept(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=2000) as journal, ThreadPoolExecutor() as pool:
        syncs = pool.submit(lambda: [journal.sync() for _ in range(50)])
        for number in range(1000):
            journal.append([b"%d" % number])
        syncs.result()
        journal.sync()
        assert contents(journal) == [(number, [b"%d" % number]) for number in range(1000)]
