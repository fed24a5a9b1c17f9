"""Protocol of backends: one framework's translation of an agent's definition."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from robot_rl.agents.config import BACKEND_GROUP, BACKENDS, FRAMEWORKS
from robot_rl.agents.critics import translation
from robot_rl.agents.definition import AgentDefinition
from robot_rl.core import extensions
from robot_rl.core.records import Observation
from robot_rl.data.batch import Batch, Horizon


class Learner(Protocol):
    """The agent that learns."""

    @property
    def horizon(self) -> Horizon:
        """Steps and discount of its samples."""

    def update(self, batch: Batch) -> Mapping[str, float]:
        """Make one update for each entry of the leading axis and return the metrics' means (`agents.metrics`).

        Raises:
            SchemaMismatchError: entries or shapes that are not the definition's.
        """

    def policy_parameters(self) -> dict[str, np.ndarray]:
        """Return the averaged policy's parameters by name, as copies."""

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the exact state, named as in `agents.learner_state`."""

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue bit for bit from a state of `state_dict`.

        Raises:
            CheckpointError: a missing, unknown or misshapen array.
        """


class Policy(Protocol):
    """The agent that acts; weights may be replaced between two steps.

    It may have `look_again()`, which drops what is left of a decision over several steps, and `metrics()`, which
    returns its measurements since the last call, by name.
    """

    version: int

    def act(self, obs: Observation, rng: np.random.Generator, deterministic: bool) -> np.ndarray:
        """Return an action (A,) float32 in [-1, 1] for one encoded observation."""

    def load(self, params: dict[str, np.ndarray], version: int) -> None:
        """Load weights; the next `act` uses them."""


class AgentBackend(Protocol):
    """Factory of learner and policy of one definition; constructed as `Backend(definition, seed)`."""

    @property
    def device(self) -> str:
        """Device of the backend, for reports."""

    def learner(self) -> Learner:
        """Return a learner with its first parameters."""

    def policy(self) -> Policy:
        """Return a policy without weights."""


def make_backend(definition: AgentDefinition, seed: int) -> AgentBackend:
    """Return the backend of the definition's settings.

    Raises:
        UnknownNameError: no backend of that name.
        ConfigError: its framework is not installed, or it has no translation of the critic.
    """
    config = definition.config
    open_precision = config.backend in FRAMEWORKS and config.precision == "auto"
    kind = extensions.resolve("agent backend", "auto" if open_precision else config.backend, BACKENDS, BACKEND_GROUP)
    if config.backend in FRAMEWORKS:
        translation(config.critic, config.backend)
    backend: AgentBackend = kind(definition, seed)
    return backend
