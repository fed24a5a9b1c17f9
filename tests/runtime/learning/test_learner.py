"""The learner's loop: exact resume, rest without data, weights with versions, checkpoints that can be trusted."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from robot_rl.core.errors import CheckpointError, ConfigError, DivergedError, StorageError
from robot_rl.core.records import LabelRecord, Record
from robot_rl.data.batch import Batch
from robot_rl.data.replay import Replay
from robot_rl.runtime.learning.checkpoints import Checkpoints
from robot_rl.runtime.learning.learner import LearnerConfig, LearnerLoop
from robot_rl.runtime.learning.update_ratio import UpdateRatioConfig
from robot_rl.testing import FakeClock
from tests.data.builders import SCHEMA
from tests.runtime.learning.learner_builders import ListMetrics, ScriptedServer, TinyBackend, demonstrations, episodes

GOVERNOR = UpdateRatioConfig(updates_per_transition=2.0, learning_starts=10, pretrain_updates=40)
CONFIG = LearnerConfig(batch=16, updates_per_call=4, publish_every_updates=8, update_ratio=GOVERNOR)
IDENTITY = {"agent": "tiny"}


class Turns:
    """Stops after a number of turns; the clock moves with each."""

    def __init__(self, turns: int, clock: FakeClock) -> None:
        self._left, self._clock = turns, clock

    def __call__(self) -> bool:
        self._left -= 1
        self._clock.advance(0.1)
        return self._left < 0


class Run:
    """One process of a learner, with everything it touches."""

    def __init__(self, folder: Path, server: ScriptedServer, temperature: float | None = None, **changes: Any) -> None:
        self.server, self.backend, self.metrics, self.clock = server, TinyBackend(), ListMetrics(), FakeClock()
        self.replay = Replay(SCHEMA, 1000, seed=5, return_temperature=temperature)
        self.checkpoints = Checkpoints(folder, IDENTITY)
        self.config = replace(CONFIG, **changes)
        self.updates = 0

    def go(self, turns: int, demos: list[Any] | None = None, stop: Callable[[], bool] | None = None) -> "Run":
        server, replay, agent = self.server, self.replay, self.backend
        loop = LearnerLoop(server, replay, agent, self.config, self.metrics, self.checkpoints, self.clock)
        self.updates = loop.run(stop or Turns(turns, self.clock), demos or [])
        return self


@pytest.mark.parametrize("temperature", [None, 0.5])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, temperature: float | None) -> None:
    records: list[Record] = list(episodes(6, 10))
    demos = demonstrations(2, 10)
    whole = Run(tmp_path / "whole", ScriptedServer([records]), temperature).go(40, demos)

    first = Run(tmp_path / "parts", ScriptedServer([records]), temperature).go(13, demos)
    second = Run(tmp_path / "parts", ScriptedServer([], recovered=records), temperature).go(40, demos)

    assert 0 < first.updates < second.updates == whole.updates == 160
    for name, array in whole.backend.state_dict().items():
        assert np.array_equal(array, second.backend.state_dict()[name]), name
    assert whole.replay.rng_state() == second.replay.rng_state()
    ours, theirs = whole.replay.sample(64, 2), second.replay.sample(64, 2)
    assert np.array_equal(ours.obs["wrist"], theirs.obs["wrist"])


def test_the_learner_rests_while_no_data_comes(tmp_path: Path) -> None:
    run = Run(tmp_path, ScriptedServer([list(episodes(2, 10))])).go(100)
    assert run.updates == 2 * 20  # no demonstrations: no pretraining


def test_demonstrations_alone_are_pretrained_on(tmp_path: Path) -> None:
    assert Run(tmp_path, ScriptedServer([])).go(100, demonstrations(2, 10)).updates == 40


class Watched(TinyBackend):
    """Remembers the rewards of each batch, by which demonstrations are known here."""

    def __init__(self) -> None:
        super().__init__()
        self.rewards: list[np.ndarray] = []

    def update(self, batch: Batch) -> Any:
        self.rewards.append(np.unique(batch.reward))
        return super().update(batch)


def test_pretraining_is_on_demonstrations_alone_and_comes_before_the_first_weights(tmp_path: Path) -> None:
    demos = [replace(step, reward=7.0) for step in demonstrations(2, 10)]
    online = [[replace(step, reward=3.0)] for step in episodes(4, 10)]
    run = Run(tmp_path, ScriptedServer(online), update_ratio=replace(GOVERNOR, pretrain_updates=42))
    run.backend = watched = Watched()
    run.go(200, demos)
    assert [float(reward[0]) for reward in watched.rewards[:10]] == [7.0] * 10
    assert all(len(reward) == 1 for reward in watched.rewards[:10]) and len(watched.rewards[11]) == 2
    assert run.server.published[0][0] == 40


def test_data_is_taken_in_while_updates_go_on(tmp_path: Path) -> None:
    stream = [[record] for record in episodes(6, 10)]
    run = Run(tmp_path, ScriptedServer(stream)).go(400, demonstrations(2, 10))
    assert run.server.exhausted
    assert run.updates == 40 + 2 * 60


def test_weights_are_published_at_once_and_then_with_their_version(tmp_path: Path) -> None:
    run = Run(tmp_path, ScriptedServer([list(episodes(2, 10))])).go(30)
    versions = [version for version, _ in run.server.published]
    assert versions[:4] == [0, 8, 16, 24] and versions[-1] == run.updates
    assert np.array_equal(run.server.published[-1][1]["w"], run.backend.w)


def test_a_resumed_learner_publishes_what_it_has_learnt(tmp_path: Path) -> None:
    first = Run(tmp_path, ScriptedServer([list(episodes(2, 10))])).go(30)
    second = Run(tmp_path, ScriptedServer([], recovered=list(episodes(2, 10)))).go(0)
    version, parameters = second.server.published[0]
    assert version == first.updates
    assert np.array_equal(parameters["w"], first.backend.w)


def test_labels_reach_the_replay_live_and_on_resume(tmp_path: Path) -> None:
    label = LabelRecord("a0", "r", 20, 1, 9, "success", 1.0, 1, 0)
    records: list[Record] = [*episodes(2, 10), label]
    live = Run(tmp_path / "live", ScriptedServer([records])).go(5)
    resumed = Run(tmp_path / "again", ScriptedServer([], recovered=records)).go(1)
    assert live.replay.counters.labels == resumed.replay.counters.labels == 1


def test_metrics_say_what_happened(tmp_path: Path) -> None:
    run = Run(tmp_path, ScriptedServer([list(episodes(2, 10))])).go(60)
    last = run.metrics.events[-1]
    assert last["kind"] == "update" and last["step"] == last["updates"] == run.updates
    assert last["transitions"] == 20
    assert {"loss", "updates_per_s", "sample_ms", "update_ms"} <= run.metrics.events[0].keys()


def test_checkpoints_come_in_time_and_at_the_end(tmp_path: Path) -> None:
    stream = [[record] for record in episodes(6, 10)]
    run = Run(tmp_path, ScriptedServer(stream), checkpoint_every_s=2.0).go(200)
    assert len(run.checkpoints.paths()) == 3
    latest = run.checkpoints.latest()
    assert latest is not None and latest.updates == run.updates


def test_ctrl_c_keeps_a_checkpoint(tmp_path: Path) -> None:
    def interrupt() -> bool:
        if run.backend.calls == 3:
            raise KeyboardInterrupt
        return False

    run = Run(tmp_path, ScriptedServer([list(episodes(2, 10))]))
    run.go(0, stop=interrupt)
    latest = run.checkpoints.latest()
    assert latest is not None and latest.updates == 12


def test_a_disk_that_fails_under_the_journal_ends_the_learner_with_a_checkpoint(tmp_path: Path) -> None:
    class Failing(ScriptedServer):
        def poll(self, timeout_s: float = 0.0) -> list[Record]:
            if self.exhausted and run.backend.calls == 3:
                raise StorageError("journal: got [Errno 5] while syncing")
            return super().poll(timeout_s)

    run = Run(tmp_path, Failing([list(episodes(2, 10))]))
    with pytest.raises(StorageError, match="while syncing"):
        run.go(100)
    latest = run.checkpoints.latest()
    assert latest is not None and latest.updates == 12


def test_transitions_that_a_checkpoint_had_and_the_journal_lacks_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(tmp_path, ScriptedServer([list(episodes(2, 10))])).go(30)
    Run(tmp_path, ScriptedServer([], recovered=list(episodes(2, 10)))).go(1)
    assert "missing" not in capsys.readouterr().out
    Run(tmp_path, ScriptedServer([], recovered=list(episodes(1, 10)))).go(1)
    assert "journal: 10 of the 20 transitions that the checkpoint was made with are missing" in capsys.readouterr().out


def test_a_diverged_policy_is_neither_published_nor_saved(tmp_path: Path) -> None:
    class Diverging(TinyBackend):
        def update(self, batch: Batch) -> dict[str, float]:
            self.w = self.w * np.float32(np.nan)
            return {}

    run = Run(tmp_path, ScriptedServer([list(episodes(2, 10))]))
    run.backend = Diverging()
    with pytest.raises(DivergedError, match="got 'w' with NaN or infinity after 8 updates"):
        run.go(30)
    assert [version for version, _ in run.server.published] == [0]
    assert run.checkpoints.latest() is None


def test_a_state_with_nan_is_not_saved_though_the_policy_is_finite(tmp_path: Path) -> None:
    class Diverging(TinyBackend):
        def update(self, batch: Batch) -> Any:
            metrics = super().update(batch)
            self.momentum = self.momentum * np.float32(np.nan if self.calls == 7 else 1.0)
            return metrics

    run = Run(tmp_path, ScriptedServer([list(episodes(2, 10))]), checkpoint_every_s=0.05, publish_every_updates=10**6)
    run.backend = Diverging()
    with pytest.raises(DivergedError, match="got 'momentum' with NaN or infinity after 28 updates"):
        run.go(30)
    saved = [run.checkpoints.load(path) for path in run.checkpoints.paths()]
    assert saved and all(np.isfinite(array).all() for checkpoint in saved for array in checkpoint.arrays.values())


class Waiting(Checkpoints):
    """Writes when it may."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, IDENTITY)
        self.begun, self.may = Event(), Event()

    def save(self, updates: int, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Path:
        self.begun.set()
        assert self.may.wait(60.0), "nothing was done meanwhile"
        return super().save(updates, arrays, meta)


def test_updates_go_on_while_a_checkpoint_is_written_and_it_holds_the_state_of_its_update(tmp_path: Path) -> None:
    records: list[Record] = list(episodes(6, 10))
    run = Run(tmp_path / "whole", ScriptedServer([records]), checkpoint_every_s=1.0)
    run.checkpoints = waiting = Waiting(tmp_path / "background")
    turns = Turns(40, run.clock)
    first: list[int] = []

    def stop() -> bool:
        if waiting.begun.is_set():
            first.append(run.backend.calls)
            if run.backend.calls >= first[0] + 3:
                waiting.may.set()
        return turns()

    run.go(0, stop=stop)
    oldest = run.checkpoints.load(run.checkpoints.paths()[0])
    again = Run(tmp_path / "again", ScriptedServer([records])).go(oldest.updates // 4 + 1)
    assert 0 < again.updates == oldest.updates < run.updates
    assert all(np.array_equal(array, oldest.arrays[name]) for name, array in again.backend.state_dict().items())


def test_an_error_while_a_checkpoint_is_written_ends_the_learner(tmp_path: Path) -> None:
    class Broken(Checkpoints):
        def save(self, updates: int, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Path:
            raise ValueError("a fault of the program")

    run = Run(tmp_path, ScriptedServer([list(episodes(2, 10))]))
    run.checkpoints = Broken(tmp_path / "broken", IDENTITY)
    with pytest.raises(ValueError, match="a fault of the program"):
        run.go(3)


def test_a_checkpoint_that_does_not_load_is_an_error(tmp_path: Path) -> None:
    Checkpoints(tmp_path, IDENTITY).save(4, {"other": np.zeros(1)}, {"replay_rng": Replay(SCHEMA, 2, 0).rng_state()})
    with pytest.raises(CheckpointError, match="4 updates that does not load"):
        Run(tmp_path, ScriptedServer([])).go(1)


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigError, match="updates_per_call: got 0"):
        LearnerConfig(updates_per_call=0)
    with pytest.raises(ConfigError, match="demo_fraction: got 2"):
        LearnerConfig(demo_fraction=2.0)
