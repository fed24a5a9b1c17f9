"""Whole sweeps and fleets on a real Ray cluster of three nodes on this computer, where Ray is installed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.processes import robot_rl_command
from robot_rl.runtime.runs.run_folder import RunFolder
from tests.cli.test_fleet import assert_stored_once, end, learner  # noqa: F401 - a fixture
from tests.processes import launched
from tests.ray_nodes import MARKS, kill, nodes_of, ray_nodes
from tests.trainings import SMALL_AGENT
from tests.waiting import eventually

pytestmark = MARKS
pytest.importorskip("ray", reason="Ray is not installed: pip install 'robot-rl[ray]'")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_nodes() as cluster:
        yield cluster


def sweep(folder: Path, *words: str) -> tuple[str, ...]:
    small = (*SMALL_AGENT, "--human.kind", "none", "--demonstrations", "1", "--evaluation.episodes", "1")
    where = ("--runs", str(folder), "--name", "s", "--evaluation.video-episodes", "0", "--parallel", "3")
    return robot_rl_command("sweep", "pick-lift-state-only", *small, *where, *words)


def of(folder: Path) -> list[int]:
    """Return the processes whose command lines name a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def result(folder: Path, seed: int) -> list[dict[str, Any]]:
    """Return what the evaluation of a run measured, without times."""
    lines = (folder / "s" / f"seed-{seed}" / "evaluation" / "episodes.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if "wall" not in name} for line in lines]


def test_results_are_those_without_ray(cluster: Any, tmp_path: Path) -> None:
    words = ("--method", "bc", "--learner.update-ratio.pretrain-updates", "50", "--seeds", "100", "101")
    here, there = tmp_path / "here", tmp_path / "there"
    subprocess.run(sweep(here, *words), check=True)
    subprocess.run(sweep(there, *words, "--ray", cluster.address, "--cpus-per-run", "1"), check=True)
    assert [result(here, seed) for seed in (100, 101)] == [result(there, seed) for seed in (100, 101)]
    sums = "s/seed-*/learner/checkpoints/*/SHA256SUMS"
    assert [path.read_text() for path in sorted(here.glob(sums))] == [p.read_text() for p in sorted(there.glob(sums))]
    nodes = {node for seed in (100, 101) for node in nodes_of(there / "s" / "logs" / f"seed-{seed}.txt")}
    assert len(nodes) == 2


def test_run_of_a_lost_node_trains_the_rest_elsewhere_and_an_interrupt_leaves_no_process(
    cluster: Any, tmp_path: Path
) -> None:
    words = ("--env-steps", "100000", "--minutes", "9", "--seeds", "100", "101")
    command = sweep(tmp_path, *words, "--ray", cluster.address, "--cpus-per-run", "1")
    logs = [tmp_path / "s" / "logs" / f"seed-{seed}.txt" for seed in (100, 101)]
    runs = [RunFolder(tmp_path / "s" / log.stem) for log in logs]
    with launched(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        eventually(lambda: all(read_metrics(run.actor(0), "episode") for run in runs), 240.0)
        lost = next(log for log in logs if nodes_of(log)[0] != cluster.head_node.node_id)
        kill(cluster, nodes_of(lost)[0])
        eventually(lambda: len(nodes_of(lost)) == 2, 120.0)
        before = len(read_metrics(RunFolder(tmp_path / "s" / lost.stem).actor(0), "episode"))
        run = RunFolder(tmp_path / "s" / lost.stem)
        eventually(lambda: len(read_metrics(run.actor(0), "episode")) > before, 240.0)
        process.send_signal(signal.SIGINT)
        text = process.communicate()[0]
    assert process.returncode == 130, text
    assert f"{lost.stem}: ActorDiedError" in text and f"{lost.stem}: placed again" in text
    eventually(lambda: of(tmp_path) == [], 30.0)


def test_killed_sweep_leaves_no_process(cluster: Any, tmp_path: Path) -> None:
    words = ("--env-steps", "100000", "--minutes", "9", "--seeds", "100", "--ray", cluster.address)
    with launched(sweep(tmp_path, *words, "--cpus-per-run", "1")) as process:
        eventually(lambda: (tmp_path / "s" / "seed-100" / "learner" / "metrics.jsonl").exists(), 240.0)
        process.kill()
    eventually(lambda: of(tmp_path) == [], 120.0)


def test_actors_of_a_fleet_act_on_different_nodes_and_one_of_a_lost_node_goes_on_elsewhere(
    cluster: Any,
    learner: RunFolder,  # noqa: F811
    tmp_path: Path,
) -> None:
    folders = [learner.root / f"actor-{name}" for name in ("left", "right")]
    words = ("fleet", str(learner.root), "--names", "left", "right", "--ray", cluster.address)
    with launched([sys.executable, "-m", "robot_rl", *words], stdout=subprocess.PIPE, text=True) as process:
        eventually(lambda: all(read_metrics(path, "episode") for path in folders), 120.0)
        first = [nodes_of(path / "log.txt")[0] for path in folders]
        assert first[0] != first[1]
        number = next(i for i, node in enumerate(first) if node != cluster.head_node.node_id)
        kill(cluster, first[number])
        eventually(lambda: len(nodes_of(folders[number] / "log.txt")) == 2, 120.0)
        before = len(read_metrics(folders[number], "episode"))
        eventually(lambda: len(read_metrics(folders[number], "episode")) > before, 120.0)
        assert len(nodes_of(folders[1 - number] / "log.txt")) == 1, "the other one went on"
        process.send_signal(signal.SIGINT)
        text = process.communicate()[0]
    assert process.returncode == 0 and "lost with its computer; starts again" in text, text
    end(learner.learner)
    assert_stored_once(learner, folders)
    eventually(lambda: of(learner.root) == [], 30.0)
