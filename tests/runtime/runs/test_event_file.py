"""TensorBoard's event file holds whole events, and who adds values does not wait for the disk."""

import resource
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from robot_rl.runtime.runs.event_file import VERSION, WAITING_MAX, EventFile
from tests.waiting import eventually


def events(folder: Path) -> Iterator[Any]:
    """Read a file as TensorBoard does. Source: tensorflow/core/lib/io/record_writer.h."""
    (path,) = folder.glob("events.out.tfevents.*")
    data, place = path.read_bytes(), 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        head, body = data[place : place + 8], data[place + 12 : place + 12 + length]
        assert struct.unpack_from("<I", data, place + 8)[0] == masked_crc32c(head)
        assert struct.unpack_from("<I", data, place + 12 + length)[0] == masked_crc32c(body)
        yield Event.FromString(body)
        place += 16 + length


def test_values_are_read_back_by_name_and_step(tmp_path: Path) -> None:
    file = EventFile(tmp_path)
    for step in range(3):
        file.add({"episode/reward": float(step), "episode/steps": 7.0}, step)
    file.close()
    first, *rest = events(tmp_path)
    assert first.file_version == VERSION
    found = [(event.step, {value.tag: value.simple_value for value in event.summary.value}) for event in rest]
    assert found == [(step, {"episode/reward": float(step), "episode/steps": 7.0}) for step in range(3)]


def test_full_disk_costs_events_and_no_wait(tmp_path: Path) -> None:
    file = EventFile(tmp_path)
    file.add({"kept": 1.0}, 0)
    eventually(lambda: len(list(events(tmp_path))) == 2)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        for step in range(50):
            file.add({"lost": 1.0}, step)
        eventually(lambda: file.lost >= 50 - 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    file.add({"again": 1.0}, 99)
    file.close()
    kept = list(events(tmp_path))
    assert [event.step for event in kept[-1:]] == [99] and len(kept) == 3 + 50 - file.lost


def test_events_beyond_those_that_may_wait_are_lost(tmp_path: Path) -> None:
    file = EventFile(tmp_path)
    file._waiting.put(None)  # the thread has ended, as where the disk hangs
    eventually(lambda: not file._thread.is_alive())
    for step in range(WAITING_MAX + 5):
        file.add({"x": 1.0}, step)
    assert file.lost == 5
