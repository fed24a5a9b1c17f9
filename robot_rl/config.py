"""Settings of a run: the dataclass of each room, composed."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from robot_rl.agents.config import AgentConfig
from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.core.renamed import upgrade
from robot_rl.core.settings import load_settings
from robot_rl.data.formats import FORMAT_HELP, check_format
from robot_rl.envs.foreign_config import ForeignConfig, is_foreign
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.methods import DEFAULT_METHOD, METHODS, check_method
from robot_rl.runtime.acting.actor import UPDATES_ON_THE_WAY
from robot_rl.runtime.acting.stuck import StuckConfig
from robot_rl.runtime.learning.learner import LearnerConfig
from robot_rl.runtime.runs.budget_config import BudgetConfig, EvaluationConfig
from robot_rl.tasks import check_task
from robot_rl.teleop.arbiter import ArbiterConfig
from robot_rl.teleop.config import HumanConfig

Appearance = Literal["fixed", "varied"]
VisionMode = Literal["frozen", "trainable", "state"]


CLASSIFIER = "classifier"
"""Reward source that may be learned from a run's own recordings."""


@dataclass(frozen=True)
class VisionConfig:
    """Settings of image encoding."""

    mode: VisionMode = "frozen"
    """`frozen`: each frame passes a fixed encoder once; `trainable`: convolutions learn with the critic;
    `state`: no cameras, the arm's own state only."""
    kind: str = "conv"
    """Frozen encoder: conv, pretrained, resnet10, module:Class or path/to/file.py:Class."""
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
    goal_only: bool = False
    """Whether policy and critics see of the images the encoder's goal read-out alone, not its features. A few episodes
    then teach what to do with a goal; features of two cameras take hundreds of corrections to read."""


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a run, saved as `config.json` in its folder.

    Raises:
        ConfigError: settings that do not fit together.
    """

    task: str = "pick-lift"
    """Name of a task, `path/task.toml`, `path/task.py`, `module:NAME`, or a Gymnasium environment by `gym:ENV_ID` or
    `module:Class`."""
    method: Annotated[str, tyro.conf.arg(help=f"Method: {', '.join(METHODS)}; it sets what it needs")] = DEFAULT_METHOD
    env: ForeignConfig = field(default_factory=ForeignConfig)
    """Settings of a Gymnasium environment; for such a task only."""
    seed: int = 0
    """Seed of networks, episodes, exploration and the scripted human."""
    actors: int = 1
    """Actor processes that feed the learner; 0: it learns from demonstrations alone, for
    `learner.update_ratio.pretrain_updates` updates, without a robot."""
    speed: float | None = None
    """Pace of the actors relative to real time; None: as fast as possible. It is 1 on the graph, which runs in real
    time, and at most 1 where a person may intervene."""
    updates_per_step: float | None = None
    """Updates per step that the learner must have made before an actor starts its next episode, so that the outcome is
    independent of the machine's speed; None: an actor never waits."""
    deterministic_fraction: float = 0.0
    """Share of the training episodes without exploration, as in the evaluation."""
    practice_fraction: float = 0.0
    """Share of the training episodes that repeat a scene which failed lately, of the last 20 until the policy succeeds
    there alone; in the simulator by the seed of its reset, on a real arm the prompt names the episode whose scene is to
    be set again. Success in training is that of harder scenes then; evaluation has its own. Source: TwinRL,
    arXiv 2602.09023."""
    appearance: Appearance = "fixed"
    """`varied` draws light, colours, camera pose and distractors anew at each reset."""
    demonstrations: int = 20
    """Successful episodes recorded before training. Source: HIL-SERL, about 20."""
    demonstrations_from: Path | None = None
    """Folder of episodes recorded with `robot-rl record`; None: the scripted expert records them for the run."""
    demonstrations_format: Annotated[str, tyro.conf.arg(help=f"Dataset format of demonstrations: {FORMAT_HELP}")] = (
        "episodes"
    )
    demonstrations_judge: Literal["recording", "rewards"] = "recording"
    """Judge of the demonstrations' success: the recording, or again the run's `rewards`, as a classifier for episodes
    of an old run that were judged otherwise; an episode ends at the first success, one without is left out."""
    demonstrations_failures: bool = False
    """Whether recorded episodes that failed are experience, too, as those of an earlier run; they are not imitated.
    With `demonstrations_judge` rewards they are left out all the same."""
    prior: Path | None = None
    """Folder of an earlier run on the same set-up, also of another task: the image encoder is its, unless another one
    is named, and the networks start from its newest checkpoint; None: both start anew. What a run of the same task
    gathered is data, too, by `learner.prior_fraction`."""
    prior_networks: bool = True
    """Whether the networks start from those of `prior`; with its data alone they start anew."""
    reference: Path | None = None
    """Folder of an earlier run on the same set-up, such as a clone's (`--method bc`), whose frozen policy proposes an
    action at each step: the critics choose between it and the learning policy's, by `agent.reference_temperature`. The
    run keeps a copy. None: no reference. Source: IBRL, arXiv 2311.02198; EXPO-FT, arXiv 2605.25477."""
    play: int = 0
    """Successful episodes of play recorded after the demonstrations, which they join. From both the run learns its
    image encoder and a reward classifier, which is added to `rewards`; with `--rewards classifier` it judges alone,
    and a human labels the recordings. 0: none."""
    rewards: tuple[str, ...] = ("ground-truth", "human-label")
    """Reward sources: ground-truth, classifier, human-label, rlif, module:Class or path/to/file.py:Class."""
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
    stuck: StuckConfig = field(default_factory=StuckConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    budget: Annotated[BudgetConfig, tyro.conf.arg(name="")] = field(default_factory=BudgetConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        if ":" not in self.task:
            check_task(self.task)
        elif self.robot.on_graph and is_foreign(self.task):
            raise ConfigError(
                f"robot.kind: got {self.robot.kind!r} with {self.task!r}, expected 'simulated'; leave it out."
            )
        if self.robot.episode_source == "unjudged" and "ground-truth" in self.rewards:
            raise ConfigError(
                f"rewards: got {', '.join(self.rewards)} with unjudged episodes, expected none of ground-truth; name "
                "human-label or classifier."
            )
        check_format(self.demonstrations_format)
        check_method(self.method)
        checks.fraction(self, "deterministic_fraction", "practice_fraction")
        checks.at_least(self, 0, "demonstrations", "play", "seed", "actors")
        checks.at_least(self, 1, "replay_capacity", "demonstration_capacity")
        checks.positive(self, "speed", "updates_per_step")
        self._check_updates()
        self._check_stuck()
        if self.reference is not None and self.agent.objective == "imitation":
            raise ConfigError(
                "reference: got one with objective imitation, whose critics learn nothing, expected None."
            )
        if self.reference is not None and self.agent.chunk > 1:
            raise ConfigError(
                f"reference: got one with chunk {self.agent.chunk}, expected 1; it proposes single steps."
            )
        if self.learner.prior_fraction and self.prior is None:
            raise ConfigError(
                f"prior_fraction: got {self.learner.prior_fraction} without --prior, expected 0; name an earlier run."
            )
        if not (self.actors or (self.records and self.learner.update_ratio.pretrain_updates)):
            raise ConfigError("actors: got 0 without demonstrations or pretrain_updates, expected 1 or more.")
        if self.robot.on_graph and self.evaluation.every is not None:
            raise ConfigError(
                f"evaluation.every: got {self.evaluation.every} with an arm on the graph, expected None: there is no "
                "second arm to evaluate on; --deterministic-fraction 0.5 trains half of the episodes as judged."
            )
        if self.robot.on_graph and self.actors > 1:
            raise ConfigError(
                f"actors: got {self.actors} with one arm on the graph, expected 1; start `robot-rl actor` for each "
                "other arm, with its namespace."
            )

    @property
    def records(self) -> bool:
        """Whether the learner starts with recorded steps: demonstrations, or those of an earlier run."""
        return self.demonstrations > 0 or self.learner.prior_fraction > 0.0

    @property
    def learns_classifier(self) -> bool:
        """Whether the run learns its reward classifier from its own recordings, since it plays and names no file."""
        return self.play > 0 and not (CLASSIFIER in self.rewards and f"{CLASSIFIER}.file" in self.reward_settings)

    @property
    def keeps_frames(self) -> bool:
        """Whether actors keep the compressed images of their steps."""
        keep = self.vision.keep_frames
        return self.robot.on_graph if keep is None else keep

    def _check_stuck(self) -> None:
        if not self.stuck.retreats:
            return
        for reason, refused in (
            (f"{self.task}, whose tool and leash are unknown", is_foreign(self.task)),
            ("objective iql, which clones each step", self.agent.objective == "iql"),
        ):
            if refused:
                raise ConfigError(f"stuck.retreats: got {self.stuck.retreats} with {reason}, expected 0.")

    def _check_updates(self) -> None:
        """Refuse settings with which an actor would wait for updates that the learner does not make or publish."""
        learner, ratio = self.learner, self.updates_per_step
        if ratio is None or not self.actors:
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
        if awaited > max(0, (update_ratio.pretrain_updates if self.records else 0) - lag):
            raise ConfigError(
                f"learning_starts: got {update_ratio.learning_starts}, expected fewer transitions; an actor would wait "
                f"for {awaited:.0f} updates before the first; lower it, or leave updates_per_step out."
            )


def load_config(path: Path) -> TrainConfig:
    """Return the settings of a file, also of one that an earlier version wrote.

    Raises:
        ConfigError: no such file, not JSON, or content that does not fit.
    """
    return load_settings(TrainConfig, path, upgrade)


def recording_config(config: TrainConfig) -> TrainConfig:
    """Return a run's settings for its recordings: without the classifier that is yet to be learned from them."""
    if not config.learns_classifier:
        return config
    judges = tuple(name for name in config.rewards if name != CLASSIFIER) or ("human-label",)
    return replace(config, rewards=judges, reward_settings=_settings_of(config, judges))


def evaluation_config(config: TrainConfig, rewards: tuple[str, ...] | None = None) -> TrainConfig:
    """Return a run's settings for its evaluation.

    Args:
        rewards: judging sources; None: ground truth in the simulator, also where training had none, else the run's.
    """
    unjudged, robot = config.robot.episode_source == "unjudged", config.robot
    truth = unjudged or not (robot.on_graph or is_foreign(config.task))
    judges = rewards or (("ground-truth",) if truth else config.rewards)
    settings = config.reward_settings if judges == config.rewards else _settings_of(config, judges)
    # Ground truth would end an episode on its first step of success, before another judge has seen enough of it.
    source = "simulated" if unjudged and "ground-truth" in judges else robot.episode_source
    return replace(config, robot=replace(robot, episode_source=source), rewards=judges, reward_settings=settings)


def _settings_of(config: TrainConfig, sources: tuple[str, ...]) -> dict[str, str]:
    """Return the settings of some reward sources."""
    return {name: text for name, text in config.reward_settings.items() if name.partition(".")[0] in sources}
