"""Networks of a new run that start from the clone of its demonstrations."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.agents.backend import make_backend
from robot_rl.agents.config import FRAMEWORKS, AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.core.records import Record
from robot_rl.data.replay import Replay
from robot_rl.runtime.learning.checkpoints import Checkpoints
from robot_rl.runtime.learning.cloning import clone, cloning_definition
from robot_rl.runtime.learning.learner import LearnerConfig, LearnerLoop
from robot_rl.runtime.learning.update_ratio import UpdateRatioConfig
from robot_rl.testing import FakeClock
from tests.data.builders import SCHEMA
from tests.runtime.learning.learner_builders import ListMetrics, ScriptedServer, TinyBackend, demonstrations

CONFIG = LearnerConfig(batch=8, updates_per_call=4, clone_updates=100, update_ratio=UpdateRatioConfig(1.0, 10, 0))


def run(folder: Path, turns: int = 3, demos: int = 2) -> tuple[TinyBackend, TinyBackend]:
    """Return agent and cloner of a run that is stopped when it asks for that often."""
    agent, cloner, left = TinyBackend(), TinyBackend(), iter(range(turns))
    replay, checkpoints = Replay(SCHEMA, 500, seed=2), Checkpoints(folder, {})
    loop = LearnerLoop(ScriptedServer([], []), replay, agent, CONFIG, ListMetrics(), checkpoints, FakeClock(), cloner)
    assert loop.run(lambda: next(left, None) is None, demonstrations(demos, 10) if demos else []) == 0
    return agent, cloner


def test_a_new_run_goes_on_from_the_clone_and_a_resumed_one_from_its_checkpoint(tmp_path: Path) -> None:
    agent, cloner = run(tmp_path)
    assert cloner.calls == 2 and agent.calls == 0 and np.array_equal(agent.w, cloner.w) and agent.w.any()
    agent, cloner = run(tmp_path)
    assert cloner.calls == 0 and agent.w.any()


def test_a_run_that_is_stopped_meanwhile_clones_anew(tmp_path: Path) -> None:
    agent, _ = run(tmp_path, turns=1)
    assert not agent.w.any() and not Checkpoints(tmp_path, {}).paths()
    assert run(tmp_path)[1].calls == 2


def test_without_demonstrations_there_is_no_clone(tmp_path: Path) -> None:
    assert run(tmp_path, demos=0)[1].calls == 0


@pytest.mark.slow
@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_all_networks_are_the_clones_and_learn_on_from_there(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend)
    small = AgentConfig(backend=backend, num_critics=3, hidden=(16, 16), projection=8, discrete_hidden=(8,))
    definition = AgentDefinition(SCHEMA.observation, SCHEMA.action, small)
    agent, alone, cloner = (
        make_backend(which, 7).learner()
        for which in (definition, cloning_definition(definition), cloning_definition(definition))
    )
    replay = Replay(SCHEMA, 500, seed=2)
    records: list[Record] = list(demonstrations(2, 10))
    for record in records:
        replay.append(record)  # type: ignore[arg-type]
    state = replay.rng_state()
    assert list(clone(alone, replay, 8, 100)) == [50, 100]
    replay.set_rng_state(state)
    turns = iter(range(4))
    loop = LearnerLoop(
        ScriptedServer([], []), replay, agent, CONFIG, ListMetrics(), Checkpoints(tmp_path, {}), cloner=cloner
    )
    loop.run(lambda: next(turns, None) is None)
    ours, theirs = agent.state_dict(), alone.state_dict()
    assert int(ours["step"]) == 0 and int(theirs["step"]) == 100
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours if name not in ("step", "seed"))
    agent.update(replay.sample(8, 4, 0.5, agent.horizon))
    assert int(agent.state_dict()["step"]) == 4 and not np.array_equal(
        agent.state_dict()["params/actor/out/kernel"], ours["params/actor/out/kernel"]
    )
