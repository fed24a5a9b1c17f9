"""What all backends' policies share: weights, entries of an observation, and noise."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from robot_rl.agents.backend import Policy
from robot_rl.agents.definition import AgentDefinition
from robot_rl.core.errors import SchemaMismatchError


class LoadedPolicy(ABC):
    """The acting agent; the actor loads weights into it between two steps.

    Args:
        definition: of the agent; the learner's must have the same `schema_hash`.
    """

    _to_array: Callable[[np.ndarray], Any]

    def __init__(self, definition: AgentDefinition) -> None:
        self.definition, self.version = definition, -1
        self.reference: Policy | None = None  # whose actions compete with its own
        self._params: dict[str, Any] | None = None
        self._planned: list[np.ndarray] = []  # what is left of a chunk
        self._referred = 0

    @abstractmethod
    def _act(self, params: Any, obs: Any, noise: np.ndarray, proposal: np.ndarray | None) -> np.ndarray:
        """Return the actions (K, A) of a chunk that begins at an observation without variants.

        Args:
            noise: as `policy_noise` draws it.
            proposal: the reference's action (A,), None without a reference.
        """

    @abstractmethod
    def _means(self, params: Any, obs: Any) -> np.ndarray:
        """Return the continuous parts (B, C) of the deterministic actions of observations (B, ...)."""

    def means(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the continuous parts of the deterministic actions of sampled observations.

        Shapes: each entry of obs (..., its own); returns (..., C) float32.
        """
        specs = {name: spec.sample_shape for name, spec in self.definition.observation.items()}
        name, shape = next(iter(specs.items()))
        lead = obs[name].shape[: obs[name].ndim - len(shape)]
        flat = {name: obs[name].reshape(-1, *shape) for name, shape in specs.items()}
        return self._means(self._params, flat).reshape(*lead, -1)

    def load(self, params: Mapping[str, np.ndarray], version: int) -> None:
        """Load weights; the next `act` uses them.

        Raises:
            ConfigError: weights of another definition.
        """
        self.definition.check_parameters(params, self.definition.policy_names())
        self._params = {name: self._to_array(value) for name, value in params.items()}
        self.version = version

    def act(self, obs: Mapping[str, np.ndarray], rng: np.random.Generator, deterministic: bool) -> np.ndarray:
        """Return an action (A,) float32 in [-1, 1] for one encoded observation, or the next one of a chunk.

        Entries with variants may come whole (V, F): the clean one, variant 0, is used. Discrete heads give the level of
        one of their values.

        Raises:
            SchemaMismatchError: no weights loaded yet, a missing entry or another shape.
        """
        if self._params is None:
            raise SchemaMismatchError("policy weights: got none, expected a call of load; wait for the first weights.")
        clean = {name: policy_entry(obs, name, self.definition) for name in self.definition.observation}
        if not self._planned:
            proposal = None if self.reference is None else self.reference.act(clean, rng, True)
            actions = self._act(self._params, clean, policy_noise(self.definition, rng, deterministic), proposal)
            self._referred += proposal is not None and np.array_equal(actions[0], proposal)
            self._planned = list(actions)
        return self._planned.pop(0)

    def look_again(self) -> None:
        """Drop what is left of a chunk: the next `act` decides from its observation."""
        self._planned = []

    def metrics(self) -> dict[str, float]:
        """Return how many actions were the reference's since the last call; nothing without one."""
        referred, self._referred = self._referred, 0
        return {} if self.reference is None else {"reference_steps": referred}


def policy_entry(obs: Mapping[str, np.ndarray], name: str, definition: AgentDefinition) -> np.ndarray:
    """Return one entry of an observation for the policy: without variants, or the clean one, variant 0.

    Raises:
        SchemaMismatchError: it is missing, or of another shape.
    """
    spec, value = definition.observation[name], obs.get(name)
    if value is not None and value.shape == spec.sample_shape:
        return value
    if value is not None and value.shape == spec.shape:
        return np.asarray(value[0])
    got = None if value is None else list(value.shape)
    raise SchemaMismatchError(f"observation {name!r}: got {got}, expected {spec}; encode it as for the learner.")


def policy_noise(definition: AgentDefinition, rng: np.random.Generator, deterministic: bool) -> np.ndarray:
    """Return the noise of one action, or of one chunk.

    Shapes: (N C + D,) float32: standard normals of N candidates, zero for the first one of the deterministic action;
        then for each discrete head the level of a random value, NaN where its critic decides. With a reference one
        more, uniform in [0, 1], that decides between it and the policy: 0.5, by value alone, for the deterministic
        action.
    """
    dim, heads = definition.continuous_dim, definition.layout.discrete
    size = definition.config.best_of * dim
    noise = np.zeros(size + len(heads), np.float32)
    noise[size:] = np.nan
    first = dim if deterministic else 0
    noise[first:size] = rng.standard_normal(size - first, dtype=np.float32)
    for i, head in enumerate(heads):
        if not deterministic and rng.random() < definition.config.discrete_exploration:
            noise[size + i] = rng.choice(head.levels)
    if not definition.refers:
        return noise
    return np.append(noise, np.float32(0.5 if deterministic else rng.random()))
