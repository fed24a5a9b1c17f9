"""Exact resume with the real agent: bit for bit."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.agents.config import FRAMEWORKS
from robot_rl.core.records import Record, StepRecord
from robot_rl.data.replay import Replay
from robot_rl.runtime.learning.checkpoints import Checkpoints
from robot_rl.runtime.learning.learner import LearnerConfig, LearnerLoop
from robot_rl.runtime.learning.update_ratio import UpdateRatioConfig
from tests.data.builders import SCHEMA
from tests.runtime.learning.learner_builders import ListMetrics, ScriptedServer, demonstrations, episodes

pytestmark = pytest.mark.slow


def scaled(records: list[StepRecord]) -> list[StepRecord]:
    """Records whose numbers are of the size that an agent meets."""
    for record in records:
        for array in (*record.obs.values(), *(record.next_obs or {}).values(), record.action):
            array *= 1e-3
    return records


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_the_agent_resumes_bit_for_bit(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend)
    from robot_rl.agents.backend import Learner, make_backend
    from robot_rl.agents.config import AgentConfig
    from robot_rl.agents.definition import AgentDefinition

    small = AgentConfig(backend=backend, num_critics=3, hidden=(16, 16), projection=8, discrete_hidden=(8,))
    definition = AgentDefinition(SCHEMA.observation, SCHEMA.action, small)
    config = LearnerConfig(batch=8, updates_per_call=4, update_ratio=UpdateRatioConfig(1.0, 10, 20))
    records: list[Record] = list(scaled(episodes(4, 10)))
    demos = scaled(demonstrations(2, 10))

    def learn(learner: Learner, folder: Path, turns: int, recovered: list[Record], live: list[Record]) -> None:
        remaining = iter(range(turns))
        replay, checkpoints = Replay(SCHEMA, 500, seed=2), Checkpoints(folder, {})
        server, metrics = ScriptedServer([live] if live else [], recovered), ListMetrics()
        loop = LearnerLoop(server, replay, learner, config, metrics, checkpoints)
        loop.run(lambda: next(remaining, None) is None, demos)

    first, second = (make_backend(definition, seed).learner() for seed in (1, 3))
    start = first.state_dict()
    learn(first, tmp_path / "whole", 30, [], records)
    whole = first.state_dict()
    first.load_state_dict(start)  # compiled once, used twice
    learn(first, tmp_path / "parts", 6, [], records)
    learn(second, tmp_path / "parts", 30, records, [])
    resumed = second.state_dict()
    assert whole.keys() == resumed.keys()
    assert not np.array_equal(whole["step"], first.state_dict()["step"])
    for name, array in whole.items():
        assert np.array_equal(array, resumed[name]), name
