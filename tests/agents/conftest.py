"""Every test of a backend runs on each backend of this package."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from robot_rl.agents.backend import AgentBackend, make_backend
from robot_rl.agents.config import FRAMEWORKS
from robot_rl.agents.definition import AgentDefinition

MakeBackend = Callable[..., AgentBackend]


@pytest.fixture(params=FRAMEWORKS)
def backend(request: pytest.FixtureRequest) -> MakeBackend:
    """Return (definition, seed=0) -> backend."""
    pytest.importorskip(request.param)

    def make(definition: AgentDefinition, seed: int = 0) -> AgentBackend:
        return make_backend(replace(definition, config=replace(definition.config, backend=request.param)), seed)

    return make
