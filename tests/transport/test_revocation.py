"""Keys of a running learner: who is revoked is refused with the reason, who is added is admitted, none is lost."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from robot_rl.core.errors import HandshakeRefusedError
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.keys import add_actor, generate_keys, read_keys, revoke
from robot_rl.transport.sender import ActorLink
from tests.data.builders import SCHEMA
from tests.transport.ends import actor_process, learner_process, result_of, size_of, stored
from tests.waiting import eventually


def test_a_key_that_is_not_admitted_is_refused_with_its_fingerprint(tmp_path: Path) -> None:
    generate_keys(tmp_path / "keys", actors=2)
    file = Path(shutil.copy(tmp_path / "keys" / "actor-1.keys.json", tmp_path))
    name, _ = revoke(tmp_path / "keys", "actor-1")
    with (
        learner_process(tmp_path / "journal", "--keys", tmp_path / "keys" / "learner.keys.json") as (process, address),
        Journal(tmp_path / "spool") as spool,
        ActorLink(address, Introduction(SCHEMA, "agent", "actor-1", "r"), spool, keys=read_keys(file)) as link,
    ):
        with pytest.raises(
            HandshakeRefusedError, match=rf"got {re.escape(name)}, which the learner at .* does not admit"
        ):
            eventually(lambda: link.check())
        assert process.stdout is not None
        assert process.stdout.readline() == f"refused: a connection with the revoked key of 'actor-1', {name}\n"


@pytest.mark.slow
@pytest.mark.parametrize("with_keys", ["actor", "learner"])
def test_keys_on_one_side_alone_are_reported(tmp_path: Path, with_keys: str) -> None:
    files = dict(zip(("learner", "actor"), generate_keys(tmp_path / "keys"), strict=True))
    words, lines = ("--keys", files["learner"]) if with_keys == "learner" else (), list[str]()
    keys = read_keys(files["actor"]) if with_keys == "actor" else None
    introduction = Introduction(SCHEMA, "agent", "actor-0", "r")
    with (
        learner_process(tmp_path / "journal", *words) as (_, address),
        Journal(tmp_path / "spool") as spool,
        ActorLink(address, introduction, spool, keys=keys, write=lines.append),
    ):
        assert "keys on one side alone" in eventually(lambda: lines and lines[0])


@pytest.mark.slow
def test_an_actor_is_revoked_and_comes_back_with_another_key(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    generate_keys(keys, actors=2)
    flags = [("--name", name, "--keys", keys / f"{name}.keys.json", "--flush-s", 20) for name in ("actor-0", "actor-1")]
    journal, spools = tmp_path / "journal", [tmp_path / "spool-0", tmp_path / "spool-1"]
    with (
        learner_process(journal, "--keys", keys / "learner.keys.json") as (process, address),
        actor_process(spools[0], address, *flags[0], "--period-s", 0.005) as kept,
        actor_process(spools[1], address, *flags[1], "--period-s", 0.005) as gone,
    ):
        eventually(lambda: all(size_of(spool) > 10_000 for spool in spools))
        revoke(keys, "actor-1")
        first = result_of(gone)
        assert gone.returncode == 1 and "its key was revoked" in first["error"]
        add_actor(keys, "actor-1")
        with actor_process(spools[1], address, *flags[1], "--first", 10**5, "--records", 100) as again:
            second = result_of(again)
        assert again.returncode == 0 and second["backlog"] == 0, second["error"]
        kept.send_signal(signal.SIGTERM)
        assert_delivered(journal, process, kept, [*first["accepted"], *second["accepted"]])


def assert_delivered(
    folder: Path, learner: subprocess.Popen[str], kept: subprocess.Popen[str], revoked: list[int]
) -> None:
    """Each accepted record of both actors is stored once, in order."""
    result = result_of(kept)
    assert kept.returncode == 0 and result["error"] == "" and result["backlog"] == result["dropped"] == 0
    learner.kill()
    learner.wait()
    assert stored(folder, "actor-0") == result["accepted"] and stored(folder, "actor-1") == revoked
