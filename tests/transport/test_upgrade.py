"""A learner that is upgraded to a new schema: both sides are named, what is stored and spooled stays as it is."""

import subprocess
from pathlib import Path

import pytest

from tests.transport.ends import ROOT, actor_process, command, learner_process, result_of, size_of, stored
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
NEW = ("--entry", "force")
DIFFERENCE = "observation 'force': "


def test_an_upgraded_learner_refuses_by_name_and_nothing_is_lost(tmp_path: Path) -> None:
    journal, spool = tmp_path / "journal", tmp_path / "spool"
    with (
        learner_process(journal) as (learner, address),
        actor_process(spool, address, "--period-s", 0.001, "--flush-s", 0.5) as actor,
    ):
        eventually(lambda: size_of(journal) > 20_000)
        learner.kill()
        learner.wait()
        size = size_of(spool)
        eventually(lambda: size_of(spool) > size + 20_000)
        before = {path.name: path.read_bytes() for path in journal.iterdir()}
        words = command("learner", journal, address, *NEW)
        upgraded = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60.0, check=False)
        assert upgraded.returncode == 1 and f"{journal}, record 0: observation: got" in upgraded.stderr
        assert {path.name: path.read_bytes() for path in journal.iterdir()} == before
        with learner_process(tmp_path / "new-journal", address, *NEW) as (new, _):
            result = result_of(actor)
            assert new.poll() is None
    assert actor.returncode == 1 and DIFFERENCE in result["error"] and result["backlog"] > 0
    assert stored(tmp_path / "new-journal") == []
    words = command("actor", spool, "tcp://127.0.0.1:1", *NEW)
    newer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60.0, check=False)
    assert newer.returncode == 1 and f"{spool}: got records of another schema" in newer.stderr
    with (
        learner_process(journal) as (_, address),
        actor_process(spool, address, "--first", 9_000, "--records", 3) as actor,
    ):
        assert result_of(actor)["backlog"] == 0
    numbers = stored(journal)
    assert numbers[: len(result["accepted"])] == result["accepted"] and numbers[-3:] == [9_000, 9_001, 9_002]
