"""Settings of a run, composed of each room's dataclass, and presets for tasks and ablations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from robot_rl.agents.config import AgentConfig
from robot_rl.core import checks
from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.core.renamed import upgrade
from robot_rl.core.settings import load_settings
from robot_rl.data.formats import FORMAT_HELP, check_format
from robot_rl.envs.foreign_config import ForeignConfig
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.runtime.acting.actor import UPDATES_ON_THE_WAY
from robot_rl.runtime.learning.learner import LearnerConfig
from robot_rl.runtime.learning.update_ratio import UpdateRatioConfig
from robot_rl.teleop.arbiter import ArbiterConfig
from robot_rl.teleop.devices import DEVICE_HELP, check_device
from robot_rl.teleop.devices.scripted_config import CLUMSY, ScriptedHumanConfig
from robot_rl.vision.architecture import ConvLayer, EncoderArchitecture

TASKS = ("pick-lift", "peg-insert")
Appearance = Literal["fixed", "varied"]
VisionMode = Literal["frozen", "trainable", "state"]


@dataclass(frozen=True)
class VisionConfig:
    """Settings of image encoding."""

    mode: VisionMode = "frozen"
    """`frozen`: each frame passes a fixed encoder once; `trainable`: convolutions learn with the critic;
    `state`: no cameras, the arm's own state only."""
    kind: str = "conv"
    """Frozen encoder: conv, module:Class or path/to/file.py:Class."""
    encoder: Path | None = None
    """File of the frozen encoder's weights; None: its own, for conv those shipped for the simulator."""
    settings: dict[str, str] = field(default_factory=dict)
    """Settings of the frozen encoder, each as NAME VALUE."""
    keep_frames: bool | None = None
    """Keep the compressed images of online steps beside their features, so that another encoder can encode them; None:
    for an arm on the graph. Demonstrations always keep theirs."""
    identity: str | None = None
    """Digest of the frozen encoder, written when a run starts; another encoder is refused from then on."""
    variants: int = 4
    """Encodings of each frame: one clean, the others randomly shifted."""


@dataclass(frozen=True)
class HumanConfig:
    """The human in the loop.

    Raises:
        UnknownNameError: an unknown input device.
    """

    kind: Annotated[str, tyro.conf.arg(help=f"Input device: none, {DEVICE_HELP}")] = "scripted"
    settings: dict[str, str] = field(default_factory=dict)
    """Settings of the device, as in `port /dev/ttyUSB0`; those of `scripted` are under `human.scripted`."""
    scripted: ScriptedHumanConfig = field(default_factory=ScriptedHumanConfig)
    """When and for how long the scripted human intervenes, and its action noise."""
    motion_device: Annotated[str, tyro.conf.arg(help=f"Moves the arm while a pendant enables it: {DEVICE_HELP}")] = (
        "expert"
    )
    motion_settings: dict[str, str] = field(default_factory=dict)
    """Settings of the motion device."""

    def __post_init__(self) -> None:
        check_device("human.kind", self.kind, "none")
        check_device("human.motion_device", self.motion_device)


@dataclass(frozen=True)
class BudgetConfig:
    """End of training, at the first limit that is reached.

    Raises:
        ConfigError: a limit that is not positive.
    """

    minutes: float | None = 8.0
    """Wall time of training, from the start of the processes [min]; without demonstrations and evaluation.
    A resumed run gets as much again."""
    env_steps: int | None = None
    """Environment steps of all actors; None: no limit. A resumed run gets as many again."""
    stop_success: float | None = None
    """Stop early once this share of the last `stop_window` training episodes succeeded; None: never. A resumed
    run counts the episodes from then on."""
    stop_window: int = 50
    """Window of the early stop [episodes]."""

    def __post_init__(self) -> None:
        checks.positive(self, "minutes", "env_steps", "stop_success")
        checks.at_least(self, 1, "stop_window")
        checks.fraction(self, "stop_success")


@dataclass(frozen=True)
class EvaluationConfig:
    """Evaluation of the trained policy: deterministic, alone."""

    episodes: int = 100
    """Episodes; 0: no evaluation."""
    seed: int = 10_000
    """Seed of the episodes, disjoint from those of training."""
    video_episodes: int = 5
    """Episodes in the video."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "episodes", "seed", "video_episodes")


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a run, saved as `config.json` in its folder.

    Raises:
        ConfigError: settings that do not fit together.
    """

    task: str = "pick-lift"
    """Task: `pick-lift`, `peg-insert`, or a Gymnasium environment by `gym:ENV_ID` or `module:Class`."""
    env: ForeignConfig = field(default_factory=ForeignConfig)
    """Settings of a Gymnasium environment; for such a task only."""
    seed: int = 0
    """Seed of networks, episodes, exploration and the scripted human."""
    actors: int = 1
    """Actor processes that feed the learner."""
    speed: float | None = None
    """Pace of the actors relative to real time; None: as fast as possible. It is 1 on the graph, which runs in real
    time, and at most 1 where a person may intervene."""
    updates_per_step: float | None = None
    """Updates per step that the learner must have made before an actor starts its next episode, so that the outcome is
    independent of the machine's speed; None: an actor never waits."""
    deterministic_fraction: float = 0.0
    """Share of the training episodes without exploration, as in the evaluation."""
    appearance: Appearance = "fixed"
    """`varied` draws light, colours, camera pose and distractors anew at each reset."""
    demonstrations: int = 20
    """Successful episodes recorded before training. Source: HIL-SERL, about 20."""
    demonstrations_from: Path | None = None
    """Folder of episodes recorded with `robot-rl record`; None: the scripted expert records them for the run."""
    demonstrations_format: Annotated[str, tyro.conf.arg(help=f"Dataset format of demonstrations: {FORMAT_HELP}")] = (
        "episodes"
    )
    rewards: tuple[str, ...] = ("ground-truth", "human-label")
    """Reward sources: ground-truth, human-label, rlif, module:Class or path/to/file.py:Class."""
    reward_settings: dict[str, str] = field(default_factory=dict)
    """Settings of reward sources, each as SOURCE.FIELD VALUE."""
    replay_capacity: int = 100_000
    """Transitions kept. Source: HIL-SERL 200k."""
    demonstration_capacity: int = 20_000
    """Demonstrated transitions kept, in separate memory."""
    robot: RobotConfig = field(default_factory=RobotConfig)
    """The robot: in this process, or on the ROS graph."""
    vision: VisionConfig = field(default_factory=VisionConfig)
    human: HumanConfig = field(default_factory=HumanConfig)
    arbiter: ArbiterConfig = field(default_factory=ArbiterConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    budget: Annotated[BudgetConfig, tyro.conf.arg(name="")] = field(default_factory=BudgetConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        if ":" not in self.task:
            checks.one_of(self, TASKS, "task")
        elif self.robot.on_graph:
            raise ConfigError(
                f"robot.kind: got {self.robot.kind!r} with {self.task!r}, expected 'simulated'; leave it out."
            )
        check_format(self.demonstrations_format)
        checks.fraction(self, "deterministic_fraction")
        checks.at_least(self, 0, "demonstrations", "seed")
        checks.at_least(self, 1, "actors", "replay_capacity", "demonstration_capacity")
        checks.positive(self, "speed", "updates_per_step")
        self._check_updates()
        if self.robot.on_graph and self.actors > 1:
            raise ConfigError(
                f"actors: got {self.actors} with one arm on the graph, expected 1; start `robot-rl actor` for each "
                "other arm, with its namespace."
            )

    @property
    def keeps_frames(self) -> bool:
        """Whether actors keep the compressed images of their steps."""
        keep = self.vision.keep_frames
        return self.robot.on_graph if keep is None else keep

    def _check_updates(self) -> None:
        """Refuse settings with which an actor would wait for updates that the learner does not make or publish."""
        learner, ratio = self.learner, self.updates_per_step
        if ratio is None:
            return
        update_ratio = learner.update_ratio
        if ratio > update_ratio.updates_per_transition:
            raise ConfigError(
                f"updates_per_step: got {ratio}, expected {update_ratio.updates_per_transition} or less, which is "
                "the learner's own ratio; lower it, or raise --learner.update-ratio.updates-per-transition."
            )
        # The learner lags by unpublished updates, by a partial call and by a fraction of an update.
        lag = learner.publish_every_updates + learner.updates_per_call - 1
        if lag > UPDATES_ON_THE_WAY:
            raise ConfigError(
                f"publish_every_updates: got {learner.publish_every_updates} with {learner.updates_per_call} updates a "
                f"call, expected {UPDATES_ON_THE_WAY} or fewer in all beside updates_per_step; publish more often."
            )
        awaited = ratio * (update_ratio.learning_starts - 1) - UPDATES_ON_THE_WAY
        if awaited > max(0, (update_ratio.pretrain_updates if self.demonstrations else 0) - lag):
            raise ConfigError(
                f"learning_starts: got {update_ratio.learning_starts}, expected fewer transitions; an actor would wait "
                f"for {awaited:.0f} updates before the first; lower it, or leave updates_per_step out."
            )


@dataclass(frozen=True)
class Preset:
    """Named settings."""

    text: str
    """One line for the list of presets."""
    change: Callable[[TrainConfig], TrainConfig]


# Settings for two cores without GPU, where an update costs 20 ms and a training has some 15,000 of them: few critics,
# a temperature that adapts quickly, a decaying cloning term. Clean features only: a shift of 4 pixels is 4 mm, more
# than an
# insertion tolerates. Found by experiment; docs/results.md.
SMALL_AGENT = AgentConfig(
    num_critics=2,
    num_target_critics=2,
    temperature_init=3e-4,
    temperature_learning_rate=3e-3,
    initial_log_std=-1.5,
    target_entropy=-4.0,
    discrete_margin=0.1,
    bc_weight=1.0,
    bc_weight_final=0.3,
    bc_decay_updates=6000,
)
# Soft actor-critic from an environment's own rewards: a longer horizon than a task of seconds, more exploration.
FOREIGN_AGENT = AgentConfig(
    num_critics=2,
    num_target_critics=2,
    hidden=(128, 128),
    activation="relu",
    discount=0.99,
    learning_rate=1e-3,
    target_update_rate=0.01,
    temperature_init=0.1,
    temperature_learning_rate=1e-3,
    initial_log_std=-0.5,
)
# Convolutions in each update cost a hundred times what features cost; half the resolution makes them affordable.
SMALL_TRUNK = EncoderArchitecture(layers=(ConvLayer(8, 4, 16), ConvLayer(4, 2, 32), ConvLayer(3, 1, 32)), pool=2)
# Supervises most early episodes, waits at first, then intervenes for a second or two, at the latest when an episode
# takes half as long again as an expert's; the supervised share decreases.
TAPERING_HUMAN = ScriptedHumanConfig(
    probability_otherwise=0.0,
    intervene_after_steps=40,
    burst_steps=(8, 20),
    free_steps=8,
    rest_steps=8,
    attention=0.9,
    attention_half_life_steps=10_000.0,
)


def _small(config: TrainConfig) -> TrainConfig:
    return replace(
        config,
        speed=3.0,
        vision=replace(config.vision, variants=1),
        agent=SMALL_AGENT,
        human=replace(config.human, scripted=TAPERING_HUMAN),
        learner=replace(config.learner, update_ratio=UpdateRatioConfig(pretrain_updates=1000)),
        deterministic_fraction=0.5,
    )


def _pick_lift(config: TrainConfig) -> TrainConfig:
    """Many steps with few updates each: late failures are states that were visited too rarely, not too few updates."""
    budget = BudgetConfig(minutes=7.5, env_steps=16_000)
    return replace(_small(config), task="pick-lift", budget=budget, speed=8.0, updates_per_step=1.5)


def _peg_insert(config: TrainConfig) -> TrainConfig:
    """A stuck peg must lose its value quickly, hence the discount; the human demonstrates the search in contact."""
    small = _small(config)
    return replace(
        small,
        task="peg-insert",
        budget=BudgetConfig(minutes=12.0),
        agent=replace(small.agent, discount=0.95),
    )


def _no_human(config: TrainConfig) -> TrainConfig:
    return replace(config, human=replace(config.human, kind="none"))


def _no_demos(config: TrainConfig) -> TrainConfig:
    return replace(config, demonstrations=0)


def _trainable(config: TrainConfig) -> TrainConfig:
    # Images take 98 kB a transition: a hundred thousand would fill a small machine.
    # Its updates are slow; an actor that waits for them would hardly move.
    config = replace(config, replay_capacity=40_000, demonstration_capacity=5_000, updates_per_step=None, speed=3.0)
    return replace(
        config,
        vision=replace(config.vision, mode="trainable"),
        agent=replace(config.agent, trunk=SMALL_TRUNK),
        learner=replace(config.learner, batch=128, updates_per_call=2, publish_every_updates=8),
    )


def _state_only(config: TrainConfig) -> TrainConfig:
    return replace(config, vision=replace(config.vision, mode="state"))


def _clumsy(config: TrainConfig) -> TrainConfig:
    scripted = replace(config.human.scripted, action_noise=CLUMSY)
    return replace(config, human=replace(config.human, scripted=scripted))


def _varied(config: TrainConfig) -> TrainConfig:
    return replace(config, appearance="varied")


BASES = {
    "pick-lift": Preset(
        "grasp a cube anywhere on a 20 cm square and lift it; 16,000 steps, at most 7.5 minutes", _pick_lift
    ),
    "peg-insert": Preset("insert a peg with sub-millimetre clearance; 12 minutes", _peg_insert),
}
VARIANTS = {
    "no-human": Preset("no interventions", _no_human),
    "no-demos": Preset("no demonstrations", _no_demos),
    "neither": Preset("no human, no demonstrations", lambda config: _no_demos(_no_human(config))),
    "clumsy": Preset("a human with noise, delay and lapses", _clumsy),
    "trainable-encoder": Preset("convolutions learn with the critic", _trainable),
    "state-only": Preset("no cameras; the object's pose is an input: an upper bound", _state_only),
    "varied": Preset("light, colours, camera pose and distractors change at each reset", _varied),
}


def _presets() -> dict[str, Preset]:
    presets = dict(BASES)
    for base_name, base in BASES.items():
        for name, variant in VARIANTS.items():
            change = _after(variant.change, base.change)
            presets[f"{base_name}-{name}"] = Preset(f"{base_name}: {variant.text}", change)
    return presets


def _after(
    second: Callable[[TrainConfig], TrainConfig], first: Callable[[TrainConfig], TrainConfig]
) -> Callable[[TrainConfig], TrainConfig]:
    return lambda config: second(first(config))


PRESETS = _presets()


def foreign_preset(task: str, env: ForeignConfig, images: bool) -> TrainConfig:
    """Return the settings to start from for a foreign environment: soft actor-critic without demonstrations or human.

    Args:
        images: whether it observes images, which convolutions then read that learn with the critic.
    """
    config = TrainConfig(
        task=task,
        env=env,
        demonstrations=0,
        rewards=("ground-truth",),
        vision=VisionConfig(mode="trainable"),
        human=HumanConfig(kind="none"),
        agent=FOREIGN_AGENT,
        updates_per_step=1.0,
        learner=LearnerConfig(
            batch=128, update_ratio=UpdateRatioConfig(updates_per_transition=1.0, learning_starts=200)
        ),
        budget=BudgetConfig(minutes=10.0),
        evaluation=EvaluationConfig(episodes=20, video_episodes=2),
    )
    if not images:
        return config
    size = env.image_size
    trunk = EncoderArchitecture(size, size, (ConvLayer(5, 2, 16), ConvLayer(3, 2, 32), ConvLayer(3, 1, 32)))
    learner = replace(config.learner, batch=128, updates_per_call=2, publish_every_updates=8)
    return replace(config, agent=replace(config.agent, trunk=trunk), learner=learner, replay_capacity=30_000)


def load_config(path: Path) -> TrainConfig:
    """Return the settings of a file, also of one that an earlier version wrote.

    Raises:
        ConfigError: no such file, not JSON, or content that does not fit.
    """
    return load_settings(TrainConfig, path, upgrade)


def preset(name: str) -> TrainConfig:
    """Return the settings of a preset: a task, or a task and an ablation.

    Raises:
        UnknownNameError: no preset of that name.
    """
    if name not in PRESETS:
        raise unknown_name("task or preset", name, PRESETS)
    return PRESETS[name].change(TrainConfig())
