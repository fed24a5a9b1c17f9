"""`robot-rl learner` by itself: what it says of damaged files, and what counts as its work."""

from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.cli.learner import clones_first
from robot_rl.cli.page_flags import free_port
from robot_rl.core.settings import changed
from robot_rl.presets import preset
from robot_rl.runtime.runs.metrics import METRICS_FILE, read_metrics
from robot_rl.transport.journal import Journal
from tests.diagnosis.short_runs import CORRIDOR, SMALL


def damage_journal(folder: Path) -> None:
    """Write five records of which the third cannot be read."""
    with Journal(folder) as journal:
        for number in range(5):
            journal.append([bytes([65 + number]) * 100])
    (path,) = folder.glob("*.log")
    path.write_bytes(path.read_bytes().replace(b"C" * 50, b"?" * 50))


@pytest.mark.parametrize(
    ("changes", "resumed", "clones"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"prior": "runs/a"}, False, False),
        ({"prior": "runs/a", "prior_networks": False, "learner": {"prior_fraction": 0.25}}, False, True),
        ({"agent": {"objective": "imitation"}, "learner": {"imitate": "all"}}, False, False),
        ({"learner": {"clone_updates": 0}}, False, False),
    ],
)
def test_networks_start_from_a_clone_unless_they_come_from_elsewhere(changes, resumed: bool, clones: bool) -> None:
    assert clones_first(changed(preset("pick-lift-real-time"), changes), resumed) is clones


@pytest.mark.slow
def test_damaged_checkpoint_is_named_and_no_sign_of_work_precedes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without such a sign a training ends at once, instead of starting a learner again that fails again."""
    damage_journal(tmp_path / "journal")
    checkpoint = tmp_path / "checkpoints" / "update-000000000010"
    checkpoint.mkdir(parents=True)
    for name in ("arrays.safetensors", "meta.json"):
        (checkpoint / name).write_bytes(b"torn")
    words = ["--folder", str(tmp_path), "--address", f"tcp://127.0.0.1:{free_port()}"]
    assert main(["learner", f"{CORRIDOR}:Corridor", *SMALL, *words]) == 1
    printed = capsys.readouterr()
    assert f"checkpoint: got {checkpoint}" in printed.err and "remove this folder" in printed.err
    assert "1 records lost" in printed.out
    assert not (tmp_path / METRICS_FILE).exists() or not list(read_metrics(tmp_path))
