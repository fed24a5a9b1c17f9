"""A learner keeps policies from step 0 on, each once, also over a resume and on a full disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import CheckpointError
from robot_rl.core.records import Record
from robot_rl.runtime.learning.kept_policies import KeepingServer, kept_policies
from tests.runtime.learning.learner_builders import ScriptedServer, episodes


def serve(folder: Path, batches: Sequence[Sequence[Record]], recovered: Sequence[Record] = ()) -> ScriptedServer:
    """Publish before the first record and after each batch of records."""
    inner = ScriptedServer([list(batch) for batch in batches], list(recovered))
    server = KeepingServer(inner, folder, every=20)
    list(server.recover())
    server.publish_weights(1, {"w": np.full(2, 1.0, np.float32)})
    for version, _ in enumerate(batches, 2):
        server.poll()
        server.publish_weights(version, {"w": np.full(2, version, np.float32)})
    return inner


def test_policies_are_kept_before_the_first_step_and_at_intervals(tmp_path: Path) -> None:
    records = episodes(7, 10)
    inner = serve(tmp_path, [records[:10], records[10:30], records[30:35], records[35:70]])
    kept = kept_policies(tmp_path)
    assert [policy.env_steps for policy in kept] == [0, 30, 70] and len(inner.published) == 5
    assert kept[1].updates() == 3 and np.array_equal(kept[1].load()["w"], np.full(2, 3.0, np.float32))


def test_a_resumed_run_goes_on_after_the_last_one(tmp_path: Path) -> None:
    records = episodes(6, 10)
    serve(tmp_path, [records[:30]])
    serve(tmp_path, [records[30:35], records[35:50]], recovered=records[:30])
    assert [policy.env_steps for policy in kept_policies(tmp_path)] == [0, 30, 50]


def test_a_run_that_was_stopped_before_its_first_step_keeps_step_0_again(tmp_path: Path) -> None:
    serve(tmp_path, [[]])  # stopped while it learned from demonstrations: publishes what it has
    inner = ScriptedServer([])
    KeepingServer(inner, tmp_path, every=20).publish_weights(500, {"w": np.zeros(2, np.float32)})
    assert [(policy.env_steps, policy.updates()) for policy in kept_policies(tmp_path)] == [(0, 500)]


def test_a_disk_that_takes_nothing_costs_the_policy_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    inner = serve(tmp_path / "file", [episodes(1, 10)])
    assert len(inner.published) == 2 and "policy of step 0 is not kept" in capsys.readouterr().out


def test_a_damaged_policy_is_named(tmp_path: Path) -> None:
    serve(tmp_path, [])
    (kept,) = kept_policies(tmp_path)
    kept.path.write_bytes(kept.path.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="step-000000000"):
        kept.load()
