"""A learner killed at random moments and started again learns, to the bit, what one learns that is never killed.

ROBOT_RL_KILLS=20 makes 20 kills in each backend instead of 5.
"""

import multiprocessing
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from robot_rl import build
from robot_rl.agents.config import FRAMEWORKS
from robot_rl.cli import main
from robot_rl.cli.learner import Arguments
from robot_rl.core.records import Source, StepRecord, no_action
from robot_rl.core.schema import StepSchema
from robot_rl.data.episodes import write_episode
from robot_rl.runtime.learning.checkpoints import ARRAYS_FILE, META_FILE
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.sender import ActorLink
from tests.waiting import eventually

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("ROBOT_RL_KILLS", "5"))
LIMIT_S = 600.0
TASK, RUN, ACTOR = "gym:Pendulum-v1", "killed", "actor-0"
EPISODES, STEPS = 4, 10
PRETRAINING, UPDATES = 40, 40 + 40 * KILLS
RATIO = (UPDATES - PRETRAINING) / (EPISODES * STEPS)
SETTINGS = (
    TASK, "--agent.hidden", "16", "16", "--agent.num-critics", "3", "--learner.batch", "16",
    "--learner.updates-per-call", "4", "--learner.publish-every-updates", "8", "--learner.checkpoint-every-s", "0.05",
    "--learner.update-ratio.pretrain-updates", str(PRETRAINING), "--learner.update-ratio.learning-starts",
    str(EPISODES * STEPS), "--learner.update-ratio.updates-per-transition", str(RATIO), "--run-name", RUN,
)  # fmt: skip
"""No update on what an actor sends begins before all of it is there: the same records at each update, killed or not."""

processes = multiprocessing.get_context("forkserver")  # its children begin with everything imported


def learner(folder: Path, words: tuple[str, ...]) -> None:
    """Run `robot-rl learner` in this process, its output in a file."""
    folder.mkdir(exist_ok=True)
    log = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    raise SystemExit(main(["learner", *words]))


def written_ns(path: Path) -> int:
    """Return when a checkpoint was written [ns]; 0 where it has been removed meanwhile."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


class Killed:
    """A learner in a folder, its actor's link, and the learner's processes one after another."""

    def __init__(self, folder: Path, words: tuple[str, ...]) -> None:
        self.folder, self.checkpoints = folder, folder / "checkpoints"
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self._words = (*words, "--folder", str(folder), "--address", self.address)

    @contextmanager
    def process(self) -> Iterator[multiprocessing.process.BaseProcess]:
        """Start a process; it is killed at the end."""
        process = processes.Process(target=learner, args=(self.folder, self._words))
        self._begun_ns = time.time_ns()
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join()

    def updates(self, since_ns: int = 0) -> int:
        """Updates of the newest checkpoint, of those made since then; 0 without."""
        made = [
            int(path.name.split("-")[1]) for path in self.checkpoints.glob("update-*") if written_ns(path) >= since_ns
        ]
        return max(made, default=0)

    def until(self, process: multiprocessing.process.BaseProcess, updates: int) -> float:
        """Wait until this process has made a checkpoint of so many updates; return the time that it took [s]."""
        begin_s = time.monotonic()

        def there() -> bool:
            assert process.is_alive(), (self.folder / "output.txt").read_text()
            return self.updates(self._begun_ns) >= updates

        eventually(there, LIMIT_S)
        return time.monotonic() - begin_s

    def end(self, process: multiprocessing.process.BaseProcess) -> dict[str, bytes]:
        """Let it learn all, stop it, and return its last checkpoint's files."""
        self.until(process, UPDATES)
        process.terminate()
        process.join(LIMIT_S)
        assert process.exitcode == 0, (self.folder / "output.txt").read_text()
        newest = max(self.checkpoints.glob("update-*"), key=written_ns)
        return {name: (newest / name).read_bytes() for name in (ARRAYS_FILE, META_FILE)}


def steps(schema: StepSchema, actor: str, source: Source) -> list[StepRecord]:
    """Return episodes of random numbers, the last one with a success."""
    rng = np.random.default_rng(len(actor))
    size = schema.action.size

    def observation() -> dict[str, np.ndarray]:
        return {name: rng.uniform(-1, 1, spec.shape).astype(spec.dtype) for name, spec in schema.observation.items()}

    records = []
    for number in range(EPISODES * STEPS):
        episode, step = divmod(number, STEPS)
        ends = step == STEPS - 1
        records.append(
            StepRecord(
                actor=actor,
                run=RUN,
                sequence=number,
                episode=episode,
                step=step,
                obs=observation(),
                action=rng.uniform(-1, 1, size).astype(np.float32),
                policy_action=no_action(size),
                human_action=no_action(size),
                source=source,
                reward=float(ends),
                terminated=ends,
                truncated=False,
                success=ends,
                next_obs=observation() if ends else None,
                policy_version=0,
                stamp_ns=number * 100_000_000,
            )
        )
    return records


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_killed_learner_learns_what_one_does_that_is_not_killed(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend)
    processes.set_forkserver_preload(
        ["robot_rl.cli.learner", *(f"robot_rl.agents.{name}.learner" for name in FRAMEWORKS)]
    )
    words = (*SETTINGS, "--agent.backend", backend, "--demonstrations-from", str(tmp_path / "demos"))
    config = Arguments.parse([*words, "--folder", "unused"], "learner").config
    schema = build.make_schema(config, None)
    for episode in np.array_split(np.array(steps(schema, "demo", Source.DEMONSTRATION), object), EPISODES):
        write_episode(tmp_path / "demos", list(episode), build.make_origin(config).meta())
    mine = Introduction(schema, build.make_definition(schema, config).schema_hash(), ACTOR, RUN)
    rng, kills = random.Random(0), list[str]()

    @contextmanager
    def sent(run: Killed) -> Iterator[None]:
        with Journal(run.folder.with_suffix(".spool")) as spool, ActorLink(run.address, mine, spool) as link:
            for record in steps(schema, ACTOR, Source.POLICY):
                link.put(record)
            yield

    whole, parts = (Killed(tmp_path / name, words) for name in ("whole", "parts"))
    with sent(whole), whole.process() as process:
        start_s = whole.until(process, 1)
        work_s = whole.until(process, UPDATES)
        expected = whole.end(process)
    with sent(parts):
        for _ in range(KILLS):
            with parts.process() as process:
                process.join(rng.uniform(0.0, start_s + work_s / KILLS))
                assert process.exitcode is None, (parts.folder / "output.txt").read_text()
            writing = any(parts.checkpoints.glob(".unfinished-*"))
            kills.append(f"{parts.updates()}{' while one was written' * writing}")
        with parts.process() as process:
            got = parts.end(process)
    print(f"{backend}: killed after checkpoints of {kills} of {UPDATES} updates")
    assert got == expected
