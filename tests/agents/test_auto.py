"""The backend `auto`: the choice is kept, and its parts are those of a backend."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from robot_rl.agents import auto
from robot_rl.agents.backend import make_backend
from robot_rl.agents.config import FRAMEWORKS
from robot_rl.core.errors import ConfigError
from tests.agents.samples import random_batch, random_observation, small_agent


@pytest.mark.parametrize("content", [None, "", "{", '{"other": "jax"}', '{"here": "abacus"}'])
def test_choice_is_made_once_and_kept_whatever_the_file_held(tmp_path: Path, content: str | None) -> None:
    path, choices = tmp_path / "cache" / "backends.json", iter(["torch"])
    if content is not None:
        path.parent.mkdir()
        path.write_text(content)
    got = [auto.remembered(path, "here", FRAMEWORKS, lambda: next(choices)) for _ in range(2)]
    assert got == ["torch", "torch"]
    assert json.loads(path.read_text())["here"] == "torch" and list(path.parent.iterdir()) == [path]


def test_choices_of_other_agents_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "backends.json"
    assert auto.remembered(path, "one", FRAMEWORKS, lambda: "jax") == "jax"
    assert auto.remembered(path, "two", FRAMEWORKS, lambda: "torch") == "torch"
    assert json.loads(path.read_text()) == {"one": "jax", "two": "torch"}


def test_computer_with_neither_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="expected one of jax, torch; install one"):
        auto.installed()


@pytest.mark.parametrize(
    ("backend", "precision", "expected"),
    [
        ("torch", "auto", ("torch float32", "torch bfloat16")),
        ("torch", "bfloat16", ("torch bfloat16",)),
        ("auto", "float32", tuple(f"{name} float32" for name in FRAMEWORKS)),
    ],
)
def test_choices_are_what_the_settings_leave_open(
    backend: str, precision: str, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert auto.choices(small_agent(backend=backend, precision=precision).config) == expected


def test_precision_alone_may_be_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    agent = small_agent(backend="torch", precision="auto")
    learner = make_backend(agent, 0).learner()
    (kept,) = json.loads(auto.memory_file().read_text()).values()
    assert kept in ("torch float32", "torch bfloat16") and learner.definition.config.precision == kept.split()[1]


@pytest.mark.slow
def test_auto_learns_acts_and_clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FRAMEWORKS:
        pytest.importorskip(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    agent = small_agent(backend="auto")
    backend = make_backend(agent, 0)
    learner, policy = backend.learner(), backend.policy()
    (kept,) = json.loads(auto.memory_file().read_text()).values()
    assert kept in auto.choices(agent.config) and kept.split()[0] in type(learner).__name__.lower()
    learner.update(random_batch(agent))
    policy.load(learner.policy_parameters(), 1)
    obs = {name: value[0] for name, value in random_observation(agent, (1,), np.random.default_rng(0)).items()}
    assert np.isfinite(policy.act(obs, np.random.default_rng(0), True)).all()
