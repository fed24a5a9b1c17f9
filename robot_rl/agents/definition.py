"""Definition of the agent, in numpy: names, shapes and first values of all parameters, for every backend.

Networks, all on one embedding z that is trained by the critics' loss alone, or by that of imitation:

    z        = concat over entries, by name, of tanh(LayerNorm(Dense(entry)))
    actor    : z -> mean, log std of a tanh-squashed Gaussian
    critic   : (z, continuous action) -> Q, of the kind that the settings name (`agents.critics`)
    discrete : z -> Q of each value, one network for each discrete head of the action
    value    : z -> V, with the objective iql alone; there the critics judge the whole action, and heads have logits

With a chunk, "continuous action" is that of all its steps, one after the other. Hidden layers are Dense, LayerNorm,
activation; the norm's bias replaces Dense's. Cameras given as images first pass convolutions `trunk/<camera>`.
"""

import hashlib
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.critics import critic_kind
from robot_rl.agents.layers import Named, ParameterSpec, dense, mlp, normed_dense
from robot_rl.core.action_layout import ActionLayout, Discrete
from robot_rl.core.errors import ConfigError
from robot_rl.core.schema import ArraySpec
from robot_rl.vision.architecture import encoder_parameter_shapes

GROUPS: dict[str, tuple[str, ...]] = {
    "critic": ("trunk/", "projection/", "critic/"),
    "discrete": ("discrete/",),
    "actor": ("actor/",),
    "temperature": ("temperature/",),
    "value": ("value/",),
}
"""Groups of parameters, each with its own optimiser."""
POLICY_PREFIXES = ("trunk/", "projection/", "actor/", "discrete/")
"""Parameters that the robot's computer needs to act."""


@dataclass(frozen=True)
class AgentDefinition:
    """An agent: encoded observation, action and config determine every name and shape.

    Args:
        observation: entries of the encoded observation: float32 vectors (S,); float16 features (V, F) with V variants
            (or (F,) without); uint8 images (H, W, 3).
        layout: continuous parts and discrete heads of an action (A,).
        config: the agent's settings.
        refers: whether the actions of a reference compete with those of the policy, see `agents.reference`.

    Raises:
        ConfigError: an entry of another kind, no entry, no continuous part, or a position that is not observed.
    """

    observation: Mapping[str, ArraySpec]
    layout: ActionLayout
    config: AgentConfig
    refers: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "observation", dict(sorted(self.observation.items())))
        if not self.observation:
            raise ConfigError("observation: got no entries, expected at least one; add `state`.")
        for name, spec in self.observation.items():
            _check_entry(name, spec, self.config)
        if self.continuous_dim < 1:
            raise ConfigError(f"action: got {self.layout}, expected a continuous part; the actor is a Gaussian.")
        for head in self.layout.discrete:
            _check_position(head, self.observation)

    def __hash__(self) -> int:
        return self._hash  # computed once: compiled functions look it up on every call

    @property
    def continuous_dim(self) -> int:
        """Dimensions C of the tanh-squashed Gaussian: of the motion of all steps of a chunk."""
        return self.config.chunk * len(self.layout.continuous_indices)

    @property
    def sample_steps(self) -> int:
        """Steps H of a sample: whose rewards are summed before the target bootstraps."""
        return max(self.config.horizon, self.config.chunk)

    @property
    def judged_indices(self) -> np.ndarray:
        """Axes of each action that the critics judge."""
        whole = self.config.objective == "iql"
        return np.arange(self.layout.size) if whole else self.layout.continuous_indices

    @property
    def heads(self) -> tuple[tuple[Discrete, int], ...]:
        """Discrete heads with their axes; each has a critic of its own."""
        return tuple(zip(self.layout.discrete, map(int, self.layout.discrete_indices), strict=True))

    @property
    def policy_groups(self) -> tuple[str, ...]:
        """Groups of the parameters that choose actions."""
        return ("actor", "discrete") if self.heads else ("actor",)

    @property
    def target_entropy(self) -> float:
        """Entropy that the temperature aims at [nat]."""
        entropy = self.config.target_entropy
        return -0.5 * self.continuous_dim if entropy is None else entropy

    @property
    def images(self) -> tuple[str, ...]:
        """Entries that are images, which pass convolutions."""
        return tuple(name for name, spec in self.observation.items() if spec.dtype == "uint8")

    @property
    def embedding_dim(self) -> int:
        """Width Z of the embedding."""
        return self.config.projection * len(self.observation)

    def feature_dim(self, name: str) -> int:
        """Return the width of one entry where it enters its projection."""
        return self.config.trunk.feature_count if name in self.images else self.observation[name].sample_shape[0]

    @cached_property
    def _hash(self) -> int:
        return int(self.schema_hash()[:15], 16)

    @cached_property
    def _specs(self) -> dict[str, ParameterSpec]:
        return {
            name: spec
            for part in (_embedding, _actor, _critic, _discrete, _temperature, _value)
            for name, spec in part(self)
        }

    def parameter_specs(self) -> dict[str, ParameterSpec]:
        """Return name -> shape and first values of all parameters, in order."""
        return dict(self._specs)

    def policy_names(self) -> tuple[str, ...]:
        """Return the parameters that acting needs, which are published to the actors; critics where they choose."""
        prefixes = (*POLICY_PREFIXES, *(("critic/",) if self.config.best_of > 1 or self.refers else ()))
        return tuple(name for name in self._specs if name.startswith(prefixes))

    def group_names(self, group: str) -> tuple[str, ...]:
        """Return the parameters of one group of `GROUPS`; empty when the agent lacks it."""
        return tuple(name for name in self._specs if name.startswith(GROUPS[group]))

    def init(self, seed: int) -> dict[str, np.ndarray]:
        """Return all parameters, float32; each depends on the seed and its own name only."""
        return {name: _draw(name, spec, seed) for name, spec in self._specs.items()}

    def schema_hash(self) -> str:
        """Return a stable digest of all names, shapes and settings that determine the parameters' meaning."""
        config = self.config
        meaning = {
            "parameters": {name: list(spec.shape) for name, spec in self._specs.items()},
            "observation": {name: spec.to_json() for name, spec in self.observation.items()},
            "action": self.layout.to_json(),
            "critic": config.critic,
            "activation": config.activation,
            "std": [config.initial_log_std, config.std_min, config.std_max],
            "trunk": asdict(config.trunk) if self.images else None,
        }
        if config.critic == "categorical":
            meaning["value_range"] = list(config.value_range)
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()

    def check_parameters(self, params: Mapping[str, np.ndarray], names: tuple[str, ...]) -> None:
        """Check that `params` are exactly `names`, each with its shape.

        Raises:
            ConfigError: a missing, unknown or misshapen parameter.
        """
        for name in sorted(set(names) | params.keys()):
            got = tuple(params[name].shape) if name in params else None
            expected = self._specs[name].shape if name in names else None
            if got != expected:
                raise ConfigError(f"parameter {name!r}: got {got}, expected {expected}; both sides need one config.")


def _check_entry(name: str, spec: ArraySpec, config: AgentConfig) -> None:
    vector = spec.dtype in ("float16", "float32") and len(spec.sample_shape) == 1
    size = (config.trunk.height, config.trunk.width, 3)
    image = spec.dtype == "uint8" and spec.shape == size and not spec.variants
    if not (vector or image):
        raise ConfigError(
            f"observation {name!r}: got {spec}, expected a float vector, float16 features with variants, or uint8 "
            f"images {list(size)} (trunk's size); encode it first or change `trunk`."
        )


def _check_position(head: Discrete, observation: Mapping[str, ArraySpec]) -> None:
    if head.position is None:
        return
    spec = observation.get(head.position.name)
    if spec is None or len(spec.shape) != 1 or not 0 <= head.position.index < spec.shape[0]:
        raise ConfigError(
            f"{head.name}: got its position at {head.position.name!r}[{head.position.index}], expected an entry of the "
            f"observation, which has {spec or 'nothing'} there; correct the action layout."
        )


def _draw(name: str, spec: ParameterSpec, seed: int) -> np.ndarray:
    # The name seeds too, so that adding a camera does not change the other parameters.
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    noise = spec.std * rng.standard_normal(spec.shape) if spec.std else np.zeros(spec.shape)
    return (spec.value + noise).astype(np.float32)


def _embedding(definition: AgentDefinition) -> Named:
    named: Named = []
    for camera in definition.images:
        for name, shape in encoder_parameter_shapes(definition.config.trunk, f"trunk/{camera}").items():
            std = math.sqrt(2.0 / math.prod(shape[:-1])) if name.endswith("kernel") else 0.0
            named.append((name, ParameterSpec(shape, std=std)))
    for entry in definition.observation:
        named += normed_dense(f"projection/{entry}", definition.feature_dim(entry), definition.config.projection)
    return named


def _actor(definition: AgentDefinition) -> Named:
    hidden = definition.config.hidden
    return [
        *mlp("actor", definition.embedding_dim, hidden),
        *dense("actor/out", hidden[-1], 2 * definition.continuous_dim),
    ]


def _critic(definition: AgentDefinition) -> Named:
    kind = critic_kind(definition.config.critic)
    judged = definition.config.chunk * len(definition.judged_indices)
    return kind.parameters(definition.config, definition.embedding_dim, judged)


def _discrete(definition: AgentDefinition) -> Named:
    named: Named = []
    for head, _ in definition.heads:
        name, hidden = f"discrete/{head.name}", definition.config.discrete_hidden
        named += mlp(name, definition.embedding_dim, hidden)
        named += dense(f"{name}/out", hidden[-1], len(head.values))
    return named


def _temperature(definition: AgentDefinition) -> Named:
    # temperature = softplus(raw), so that it stays positive whatever the optimiser does.
    raw = math.log(math.expm1(definition.config.temperature_init))
    return [("temperature/raw", ParameterSpec((), raw))]


def _value(definition: AgentDefinition) -> Named:
    config = definition.config
    if config.objective != "iql":
        return []
    return [*mlp("value", definition.embedding_dim, config.hidden), *dense("value/out", config.hidden[-1], 1)]
