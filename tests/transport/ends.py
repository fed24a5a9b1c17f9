"""Ends of the wire as processes: `python -m tests.transport.ends learner FOLDER`, `... actor FOLDER ADDRESS`.

The learner prints its address, then its notices. The actor puts numbered records, and prints a line for each notice, at
its end one JSON object: the numbers that its spool accepted, how many it dropped, how many are not yet acknowledged.
"""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.core.errors import RobotRLError, StorageError
from robot_rl.core.records import StepRecord
from robot_rl.core.schema import ArraySpec, StepSchema
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import SEGMENT_BYTES, Journal
from robot_rl.transport.keys import read_keys
from robot_rl.transport.messages import decode_stored
from robot_rl.transport.receiver import LearnerServer
from robot_rl.transport.sender import ActorLink
from tests.data.builders import SCHEMA, step_record
from tests.processes import launched
from tests.transport.power import record_syncs

ROOT = Path(__file__).parents[2]
NOTICE = partial(print, flush=True)


def _learner(given: argparse.Namespace) -> int:
    """Store what comes until it is killed, or its disk fails."""
    journal = Journal(given.folder, given.segment_bytes)
    keys, mine = given.keys and read_keys(given.keys), Introduction(_schema(given.entry), "agent")
    try:
        with LearnerServer(given.address, mine, journal, keys=keys, sync_every_s=0.02, write=NOTICE) as server:
            for _ in server.recover():
                pass
            NOTICE(server.address)
            while True:
                server.poll(0.1)
    except StorageError as error:
        NOTICE(error)
        return 1


def _actor(given: argparse.Namespace) -> int:
    """Put records, one each period, until all are put or SIGTERM comes; then wait for acknowledgements."""
    mine = Introduction(_schema(given.entry), "agent", given.name, "r")
    keys = given.keys and read_keys(given.keys)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    spool, accepted, put, error = Journal(given.folder, given.segment_bytes), list[int](), 0, ""
    link = ActorLink(given.address, mine, spool, keys=keys, write=NOTICE)
    try:
        for number in range(given.first, given.first + given.records):
            if stopping.is_set():
                break
            put += 1
            accepted += [number] if link.put(_record(number, given.entry)) >= 0 else []
            time.sleep(given.period_s)
    except RobotRLError as refused:
        error = str(refused)
    link.flush(given.flush_s)
    result = {"accepted": accepted, "dropped": link.counters.dropped, "backlog": link.backlog, "error": error}
    NOTICE(json.dumps(result | {"put": put, "sessions": link.counters.sessions, "streams": link.counters.streams}))
    return int(bool(error))


def _schema(entry: str) -> StepSchema:
    """Return the schema of the tests' records, with one entry more where that is named."""
    more = {entry: ArraySpec((1,), "float32")} if entry else {}
    return replace(SCHEMA, observation={**SCHEMA.observation, **more})


def _record(number: int, entry: str) -> StepRecord:
    record = step_record(number)
    return replace(record, obs=record.obs | {entry: np.zeros(1, np.float32)}) if entry else record


def command(*words: object) -> list[str]:
    """Return the command line of an end."""
    return [sys.executable, "-um", "tests.transport.ends", *map(str, words)]


@contextmanager
def learner_process(folder: Path, *words: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a learner's end; yield the process and its address. It is killed at the end, its notices printed."""
    line = command("learner", folder, *words)
    with launched(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()
            print(process.stdout.read())


@contextmanager
def actor_process(folder: Path, address: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Run an actor's end."""
    line = command("actor", folder, address, *words)
    with launched(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what an actor printed at its end."""
    output, _ = process.communicate(timeout=120.0)
    print(output[-5000:].rpartition('{"accepted"')[0])
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def stored(folder: Path, actor: str = "a0") -> list[int]:
    """Return the numbers of an actor's records in a learner's journal, whose content is checked."""
    with Journal(folder) as journal:
        records = [decode_stored(parts)[0] for _, parts in journal.read()]
    own = [record for record in records if record.actor == actor]
    assert all((record.obs["state"] == record.reward).all() and record.action[0] == record.reward for record in own)
    return [int(record.reward) for record in own]


def size_of(folder: Path) -> int:
    """Return the bytes of a journal."""
    return sum(path.stat().st_size for path in folder.glob("*.log"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("end", choices=("learner", "actor"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("address", nargs="?", default="tcp://127.0.0.1:*")
    parser.add_argument("--keys", type=Path)
    parser.add_argument("--synced", type=Path)
    parser.add_argument("--entry", default="")
    parser.add_argument("--segment-bytes", type=int, default=SEGMENT_BYTES)
    parser.add_argument("--name", default="a0")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--records", type=int, default=10**9)
    parser.add_argument("--period-s", type=float, default=0.0)
    parser.add_argument("--flush-s", type=float, default=60.0)
    arguments = parser.parse_args()
    if arguments.synced:
        record_syncs(arguments.synced)
    sys.exit(_learner(arguments) if arguments.end == "learner" else _actor(arguments))
