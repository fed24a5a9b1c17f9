"""A critic and a backend from a file outside the package learn what the agent learns."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.agents import auto
from robot_rl.agents.backend import make_backend
from robot_rl.agents.config import FRAMEWORKS
from robot_rl.core.errors import ConfigError, UnknownNameError
from tests.agents.samples import random_batch, small_agent
from tests.contracts.listings import listing


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "lab_agent.py").write_text(listing("lab_agent.py"))
    return str(tmp_path / "lab_agent.py")


def test_critic_and_backend_of_a_file_learn(file: str) -> None:
    pytest.importorskip("jax")
    agent = small_agent(critic=f"{file}:Pair", backend=f"{file}:LabBackend")
    backend = make_backend(agent, seed=0)
    assert backend.device == "the lab's own"
    learner, batch = backend.learner(), random_batch(agent)
    batch.terminated[:] = 1.0
    before = learner.policy_parameters()
    losses = [learner.update(batch)["critic_loss"] for _ in range(150)]
    assert np.mean(losses[-5:]) < 0.7 * losses[0]
    assert any(not np.array_equal(before[name], value) for name, value in learner.policy_parameters().items())
    other = make_backend(agent, seed=1).learner()
    other.load_state_dict(learner.state_dict())
    assert other.update(batch) == learner.update(batch)


def test_another_critic_is_another_agent(file: str) -> None:
    assert small_agent(critic=f"{file}:Pair").schema_hash() != small_agent().schema_hash()
    with pytest.raises(UnknownNameError, match="did you mean 'ensemble'"):
        small_agent(critic="ensembel")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_critic_without_a_translation_is_refused_before_it_learns(file: str, framework: str) -> None:
    pytest.importorskip(framework)
    path, other = Path(file), next(name for name in FRAMEWORKS if name != framework)
    path.write_text(path.read_text().replace('{"jax": ', f'{{"{other}": '))
    agent = small_agent(critic=f"{file}:Pair", num_critics=3, backend=framework)
    with pytest.raises(ConfigError, match=f"expected one for {framework}; set agent.backend"):
        make_backend(agent, seed=0)


def test_auto_takes_a_backend_that_translates_the_critic(file: str) -> None:
    pytest.importorskip("jax")
    assert auto.installed(f"{file}:Pair") == ("jax",)
