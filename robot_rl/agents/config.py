"""Settings of the agent, each with its meaning and source."""

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from robot_rl.core import checks, extensions
from robot_rl.core.errors import ConfigError
from robot_rl.vision.architecture import EncoderArchitecture

Activation = Literal["tanh", "relu"]
Objective = Literal["value", "imitation", "iql"]
BestBy = Literal["mean", "min"]
Decay = Literal["linear", "geometric"]
PRECISIONS = ("float32", "bfloat16")
"""Of the operands of matrix products; weights, sums, norms, losses and optimiser are float32 always."""
BACKENDS = {
    "jax": "robot_rl.agents.jax.backend:JaxBackend",
    "torch": "robot_rl.agents.torch.backend:TorchBackend",
    "auto": "robot_rl.agents.auto:AutoBackend",
}
"""Name -> class; other packages add theirs by the entry point group `robot_rl.backends`."""
FRAMEWORKS = ("jax", "torch")
"""Backends of this package, each named like the library that it needs."""
BACKEND_GROUP = "robot_rl.backends"
CRITICS = {
    "ensemble": "robot_rl.agents.critics:Ensemble",
    "categorical": "robot_rl.agents.categorical:Categorical",
}
"""Name -> class; other packages add theirs by the entry point group `robot_rl.critics`."""
CRITIC_GROUP = "robot_rl.critics"


@dataclass(frozen=True)
class AgentConfig:
    """Settings of soft actor-critic with an ensemble and demonstrations (RLPD), and critics of heads (HIL-SERL).

    Raises:
        ConfigError: a number out of its range, or an unknown name.
    """

    backend: str = "jax"
    """Backend: a name, or `module:Class` of another one. `auto` takes what is installed; of both, the one that learns
    faster on this computer, measured once. A run may be continued in another one."""
    objective: Objective = "value"
    """Objective of embedding and policy: `value`, the critics' and the cloning term; `imitation`, behaviour cloning of
    the imitated samples alone, without rewards: critics and temperature do not learn then; `iql`, cloning of all
    samples weighted by their advantage, with critics that judge no action but those of the data. Source of the last:
    Kostrikov et al. 2021."""
    expectile: float = 0.7
    """Of the critics' values that `iql` takes as an observation's value. Source: Kostrikov et al. 0.7 to 0.9."""
    advantage_scale: float = 10.0
    """Factor of the advantage in the exponent of a sample's weight in `iql`. Source: Kostrikov et al. 3 to 10, for
    rewards that differ by about 1 each step."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Operands of the matrix products of an update: bfloat16 may be faster on GPUs and on processors that multiply it
    (AVX-512 BF16, AMX). `auto` takes the faster one on this computer, measured once. A run may be continued in the
    other one."""
    horizon: int = 1
    """Steps whose rewards the critics' target sums before it bootstraps. Source: all references 1; 3 is usual."""
    chunk: int = 1
    """Steps that one decision covers: the policy draws the motion of all of them, the critics judge it as a whole, and
    the arm executes it without another look, unless a person takes over. A head, such as the gripper's, keeps its value
    meanwhile. Source: Q-chunking, Li et al. 2025 (arXiv 2507.07969), 5."""
    critic: str = "ensemble"
    """Kind of critic: `ensemble` learns values by their squared error, `categorical` their distribution over bins by
    cross entropy; or `module:Class` or `path/to/file.py:Class`. Source of the second: Farebrother et al. 2024."""
    value_range: tuple[float, float] = (-0.1, 1.1)
    """Lowest and highest value of the categorical critic's bins: the returns of a task that pays 1 at success, and a
    margin."""
    num_critics: int = 10
    """Critics E. Source: RLPD, SERL 10; HIL-SERL 2."""
    num_target_critics: int = 2
    """Critics drawn per update for the minimum in the target. Source: RLPD, SERL."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers of actor and critics. Source: SERL, HIL-SERL, RLPD."""
    activation: Activation = "tanh"
    """After each LayerNorm of the hidden layers. Source: SERL, HIL-SERL tanh."""
    projection: int = 64
    """Width of the learned projection of each camera's features and of the state. Source: SERL (state)."""
    discount: float = 0.97
    """Discount per step. Source: HIL-SERL."""
    learning_rate: float = 3e-4
    """Adam's rate, all networks. Source: all references."""
    temperature_learning_rate: float = 3e-4
    """Adam's rate of the temperature; short trainings need a faster one. Source: all references 3e-4."""
    target_update_rate: float = 0.005
    """Polyak rate of the target networks, on each critic update; the policy that acts follows at the same rate. Source:
    all references (critics)."""
    temperature_init: float = 1e-2
    """Entropy temperature at the start. Source: SERL, HIL-SERL."""
    target_entropy: float | None = None
    """Entropy that the temperature aims at [nat]; None: -(continuous dimensions) / 2. Source: SERL, HIL-SERL."""
    backup_entropy: bool = False
    """Whether the critic's target counts the entropy of the next action. Source: SERL, HIL-SERL no."""
    critic_updates_per_actor_update: int = 2
    """The actor and the temperature learn on each n-th update. Source: HIL-SERL 2, SERL 4, RLPD 20."""
    initial_log_std: float = -1.0
    """Log of the policy's standard deviation before any learning; 0 is close to uniform actions."""
    std_min: float = 1e-5
    """Smallest standard deviation before the tanh. Source: HIL-SERL."""
    std_max: float = 5.0
    """Largest standard deviation before the tanh. Source: HIL-SERL."""
    discrete_hidden: tuple[int, ...] = (128, 128)
    """Widths of the hidden layers of a discrete head's critic, such as the gripper's. Source: HIL-SERL."""
    toggle_penalty: float = 0.02
    """Penalty of a discrete head's critic for a value that changes its position. Source: HIL-SERL."""
    position_threshold: float = 0.9
    """Observed position above which a head counts as commanded to its last value (a gripper to open), so that the first
    one is a toggle; else the last one is. Close to 1: a part between closed fingers keeps them far apart. Source:
    HIL-SERL."""
    discrete_exploration: float = 0.0
    """Chance of a random value of a discrete head while exploring. Source: HIL-SERL greedy."""
    discrete_margin: float = 0.0
    """Margin by which the imitated value should lead, weighted like the cloning term. Source: DQfD 0.8."""
    conservative_weight: float = 0.0
    """Weight of the calibrated conservative term in the critics' loss, on the first `conservative_updates` updates
    alone: values of actions that the data do not hold sink, those of the policy not below what followed the step.
    Source: Cal-QL, Nakamoto et al. 2023, 5 for returns of 10 and more; ours are at most 1."""
    conservative_updates: int = 0
    """Updates from the first on with the conservative term: as many as precede the first step of a robot."""
    conservative_actions: int = 4
    """Actions of the policy, and as many uniform ones, that the conservative term judges. Source: Cal-QL 10."""
    best_of: int = 1
    """Actions drawn from the policy for each step; the one that the critics value most is executed. Where the policy
    acts without noise, its mean is one of them. The critics travel to the actors then. Source: IDQL 64, EXPO 8."""
    best_by: BestBy = "mean"
    """Value of an action among those: the critics' mean or their minimum."""
    reference_temperature: float = 0.05
    """Of the choice between the policy's action and that of a reference, where the run has one: chances as the softmax
    of the critics' lowest values over this temperature, in units of reward; without exploration the higher value. Small
    beside the value of what one action can change, a few hundredths where success pays 1."""
    reference_in_target: bool = False
    """Whether the critics' targets expect this choice at the next observation, too, instead of the policy's action.
    Source: IBRL, EXPO."""
    bc_weight: float = 0.0
    """Weight of the cloning term |tanh(mean) - action|^2 on imitated samples in the actor's loss, at the start."""
    bc_weight_final: float = 0.0
    """Weight of the cloning term after the decay."""
    bc_filter: bool = False
    """Imitate a sample only while what followed it, discount^(steps to success), is at least what the critics value the
    policy's own action. Source: self-imitation learning, Oh et al. 2018."""
    bc_decay_updates: int = 10_000
    """Updates over which the weight falls."""
    bc_decay: Decay = "linear"
    """How it falls: in a line, or by the same factor each update (`geometric`), which soon leaves more to the critics
    and never all."""
    trunk: EncoderArchitecture = field(default_factory=EncoderArchitecture)
    """Convolutions that learn with the critic; used for cameras given as images instead of features."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        object.__setattr__(self, "discrete_hidden", tuple(self.discrete_hidden))
        object.__setattr__(self, "value_range", tuple(self.value_range))
        extensions.check("critic", self.critic, CRITICS, CRITIC_GROUP)
        extensions.check("agent backend", self.backend, BACKENDS, BACKEND_GROUP)
        checks.one_of(self, get_args(Activation), "activation")
        checks.one_of(self, get_args(Objective), "objective")
        checks.one_of(self, get_args(BestBy), "best_by")
        checks.one_of(self, get_args(Decay), "bc_decay")
        checks.one_of(self, (*PRECISIONS, "auto"), "precision")
        checks.at_least(self, 1, "horizon", "num_critics", "num_target_critics", "projection", "hidden", "best_of")
        checks.at_least(self, 1, "chunk", "discrete_hidden", "critic_updates_per_actor_update", "bc_decay_updates")
        checks.fraction(self, "discount", "target_update_rate", "discrete_exploration", "position_threshold")
        checks.at_least(self, 0, "learning_rate", "temperature_learning_rate", "toggle_penalty", "discrete_margin")
        checks.at_least(self, 0, "bc_weight", "bc_weight_final", "advantage_scale", "conservative_weight")
        checks.at_least(self, 0, "conservative_updates")
        checks.at_least(self, 1, "conservative_actions")
        checks.fraction(self, "expectile")
        checks.positive(self, "temperature_init", "reference_temperature")
        _check_relations(self)


def _check_relations(config: AgentConfig) -> None:
    if config.num_target_critics > config.num_critics:
        raise ConfigError(
            f"num_target_critics: got {config.num_target_critics}, expected at most num_critics = {config.num_critics}"
            "; lower it."
        )
    if not config.value_range[0] < config.value_range[1]:
        raise ConfigError(f"value_range: got {config.value_range}, expected the lower value first; exchange them.")
    if config.bc_decay == "geometric" and config.bc_weight and not config.bc_weight_final:
        raise ConfigError(
            "bc_decay: got 'geometric' to bc_weight_final 0, expected a weight above 0; give a small one."
        )
    if config.conservative_weight and config.objective != "value":
        raise ConfigError(
            f"conservative_weight: got {config.conservative_weight} with objective {config.objective!r}, expected 0; "
            "the term is of the objective value."
        )
    if config.chunk > 1 and (config.horizon not in (1, config.chunk) or config.objective == "iql"):
        raise ConfigError(
            f"chunk: got {config.chunk} with horizon {config.horizon} and objective {config.objective!r}, expected "
            "horizon 1, since the critics sum the rewards of a chunk, and another objective than iql."
        )
    if config.reference_in_target and config.objective != "value":
        raise ConfigError(
            f"reference_in_target: got it with objective {config.objective!r}, expected 'value': other targets hold no "
            "action; leave it out."
        )
    if not 0.0 < config.std_min <= math.exp(config.initial_log_std) <= config.std_max:
        raise ConfigError(
            f"initial_log_std: got {config.initial_log_std}, expected its exponential within "
            f"[std_min, std_max] = [{config.std_min}, {config.std_max}]; -1.0 is usual."
        )
