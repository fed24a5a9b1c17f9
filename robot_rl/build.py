"""Construction of a run's objects from its settings: the only place where a name becomes a class.

jax, MuJoCo and the environments are imported inside the functions that need them: a machine needs only what it runs.
"""

import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from robot_rl import build_graph
from robot_rl.agents.backend import AgentBackend, Policy, make_backend
from robot_rl.agents.definition import AgentDefinition
from robot_rl.config import TrainConfig
from robot_rl.core.errors import ConfigError
from robot_rl.core.records import StepRecord
from robot_rl.core.schema import StepSchema
from robot_rl.data.replay import Replay
from robot_rl.envs.action import task_layout
from robot_rl.envs.foreign_config import ForeignConfig, is_foreign
from robot_rl.envs.observation import observation_schema
from robot_rl.envs.protocol import action_layout, robot_environment
from robot_rl.presets import foreign_preset
from robot_rl.rewards.combined import CombinedReward, make_reward
from robot_rl.rewards.success_model import Views
from robot_rl.runtime.acting.demonstrations import load_demonstrations
from robot_rl.runtime.acting.monitor import Monitor, NoMonitor
from robot_rl.runtime.acting.observation import camera_views, classifier_views, encoded_schema, step_schema
from robot_rl.runtime.acting.recordings import Origin
from robot_rl.runtime.acting.rollout import Environment, Rollout
from robot_rl.runtime.learning.checkpoints import Checkpoints
from robot_rl.runtime.runs.run_folder import ENCODER_FILE, RunFolder
from robot_rl.tasks import find_task
from robot_rl.teleop.arbiter import Arbiter
from robot_rl.teleop.device import Device
from robot_rl.vision.encoder import Encoder, EncoderContext, check_views, open_encoder
from robot_rl.vision.frozen import SHIPPED_ENCODER
from robot_rl.vision.goal_reader import ENTRY


def make_env(config: TrainConfig, *, cameras: Sequence[str] | None = None, video: bool = False) -> Environment:
    """Return the task's environment.

    Args:
        cameras: which images the observation holds; None: those of the settings.
        video: whether `render` returns images for a video; on the graph those of the cameras.

    Raises:
        DeviceLostError: no answer on the graph.
    """
    state_only = config.vision.mode == "state"
    if is_foreign(config.task):
        from robot_rl.envs.foreign import make_foreign_env

        return make_foreign_env(config.task, config.env, video=video, images=not state_only)
    task = find_task(config.task)
    names = (() if state_only else tuple(task.cameras)) if cameras is None else tuple(cameras)
    if config.robot.on_graph:
        return build_graph.make_graph_env(config, task, names)
    from controllers.compilation import announcement
    from robot_rl.envs.simulated import make_simulated_env

    if line := announcement("robot-rl"):
        print(line, file=sys.stderr, flush=True)
    return make_simulated_env(
        task,
        cameras=names,
        appearance=config.appearance,
        arm=config.robot.arm,
        privileged=state_only,
        judged=config.robot.episode_source == "simulated",
        render_mode="rgb_array" if video else None,
    )


def foreign_config(task: str, kwargs: str, expert: str | None) -> TrainConfig:
    """Return the settings to start from for a foreign environment, by what it observes and whether it has an expert.

    Raises:
        ConfigError: no such environment, or one that cannot be used.
    """
    from robot_rl.envs.foreign import make_foreign_env

    settings = ForeignConfig(kwargs, reward="own" if expert is None else "success", expert=expert)
    with closing(make_foreign_env(task, settings)) as env:
        return foreign_preset(task, settings, images=bool(env.images))


def image_names(config: TrainConfig) -> tuple[str, ...]:
    """Return the names of the images that a task's observation holds."""
    if not is_foreign(config.task):
        return tuple(find_task(config.task).cameras)
    from robot_rl.envs.foreign import make_foreign_env

    with closing(make_foreign_env(config.task, config.env)) as env:
        return env.images


def make_encoder(config: TrainConfig) -> Encoder | None:
    """Return the frozen encoder, None when the agent sees images or no images at all.

    Raises:
        ConfigError: an unknown encoder, weights that do not fit, those of other crops, or not those of the run.
    """
    vision = config.vision
    cameras = image_names(config) if vision.mode == "frozen" else ()
    if not cameras:
        return None
    context = EncoderContext(cameras, vision.variants, vision.encoder)
    encoder = open_encoder(vision.kind, vision.settings, context)
    check_views(encoder, make_origin(config).cameras, str(vision.encoder))
    if vision.identity not in (None, encoder.identity):
        raise ConfigError(
            f"encoder: got {vision.encoder or vision.kind} with identity {encoder.identity[:12]}, expected "
            f"{str(vision.identity)[:12]}, which encoded the run's data; restore the run's settings `vision`, "
            f"with its own file, RUN/{ENCODER_FILE}, where it has one."
        )
    return encoder


def pin_encoder(config: TrainConfig, folder: RunFolder) -> TrainConfig:
    """Return settings with the frozen encoder's identity, and copy its file to the run's folder.

    Raises:
        ConfigError: see `make_encoder`.
    """
    encoder, vision = make_encoder(config), config.vision
    if encoder is None:
        return config
    weights = vision.encoder or (SHIPPED_ENCODER if vision.kind == "conv" else None)
    if weights is not None and not folder.encoder.exists():
        shutil.copyfile(weights, folder.encoder)
    return replace(config, vision=replace(vision, identity=encoder.identity))


def pin_rewards(config: TrainConfig, folder: RunFolder) -> TrainConfig:
    """Return settings whose reward sources read copies of their files in the run's folder."""
    settings = dict(config.reward_settings)
    for name, text in config.reward_settings.items():
        source, _, field = name.partition(".")
        copy = folder.root.absolute() / f"{source}{Path(text).suffix}"
        if field == "file" and Path(text).is_file():
            settings[name] = str(copy)
            if not copy.exists():
                shutil.copyfile(text, copy)
    return replace(config, reward_settings=settings)


def check_rewards(config: TrainConfig) -> None:
    """Check that the reward sources can judge what a run sees.

    Raises:
        ConfigError: a classifier without its file, or of another task or encoder, other cameras or crops.
    """
    if (reward := make_rewards(config)).needs_features:
        reward.check(make_views(config, make_encoder(config)))


def make_origin(config: TrainConfig) -> Origin:
    """Return the task and the views of the cameras with which a run records."""
    if is_foreign(config.task):
        return Origin(config.task)
    task, state_only = find_task(config.task), config.vision.mode == "state"
    return Origin(task.name, {} if state_only else camera_views(task, config.robot.cameras))


def make_schema(config: TrainConfig, encoder: Encoder | None) -> StepSchema:
    """Return what the records of a run look like: of our own tasks, without an environment.

    Raises:
        UnknownNameError: the encoder needs a camera that the task lacks.
    """
    if is_foreign(config.task):
        with closing(make_env(config)) as env:
            return step_schema(env, encoder, config.task)
    task, state_only = find_task(config.task), config.vision.mode == "state"
    observation = observation_schema(task, () if state_only else None, privileged=state_only)
    return encoded_schema(StepSchema(observation, task_layout(task), task.name), encoder)


def make_definition(schema: StepSchema, config: TrainConfig) -> AgentDefinition:
    """Return the agent for an observation and an action layout.

    Raises:
        ConfigError: `vision.goal_only` with an encoder that has no goal read-out.
    """
    observation = schema.observation
    if config.vision.goal_only:
        if ENTRY not in observation:
            raise ConfigError(
                "vision.goal_only: got an encoder without a goal read-out, expected one; learn it from recordings "
                "(`robot-rl eyes`)."
            )
        observation = {name: spec for name, spec in observation.items() if name == ENTRY or not spec.variants}
    return AgentDefinition(observation, schema.action, config.agent, refers=config.reference is not None)


def make_agent(definition: AgentDefinition, config: TrainConfig) -> AgentBackend:
    """Return the backend that makes the agent's learner and policy."""
    return make_backend(definition, config.seed)


def make_checkpoints(
    folder: Path, definition: AgentDefinition, schema: StepSchema, unlike: Collection[str] = ()
) -> Checkpoints:
    """Return the checkpoints in a learner's folder; those of another identity are refused, unless `unlike` names it."""
    identity = {"agent": definition.schema_hash(), "schema": replace(schema, encoder="").hash()}
    identity |= {"encoder": schema.encoder} if schema.encoder else {}
    return Checkpoints(folder / "checkpoints", identity, unlike=unlike)


def make_replay(schema: StepSchema, config: TrainConfig) -> Replay:
    """Return the learner's replay, with the label rules of the reward sources in use."""
    return Replay(
        schema,
        config.replay_capacity,
        config.seed,
        config.demonstration_capacity,
        make_rewards(config).label_rules(),
        config.learner.imitate,
        prior_capacity=config.replay_capacity if config.learner.prior_fraction else 0,
        penalty=config.learner.intervention_penalty,
        return_temperature=config.learner.return_temperature,
    )


def read_demonstrations(config: TrainConfig, folder: Path, encoder: Encoder | None) -> Iterator[StepRecord]:
    """Return a folder's demonstrations as the agent sees them, judged again where the settings want it.

    Raises:
        RunFolderError: the folder holds none, or features of another encoder.
    """
    rewards = make_rewards(config)
    judge = rewards if config.demonstrations_judge == "rewards" else None
    dataset, failures = config.demonstrations_format, config.demonstrations_failures
    steps = load_demonstrations(folder, encoder, config.seed, dataset=dataset, judge=judge, failures=failures)
    return (replace(step, reward=rewards.recorded(step.reward)) for step in steps)


def make_rewards(config: TrainConfig) -> CombinedReward:
    """Return the sources of reward as one."""
    return make_reward(config.rewards, config.reward_settings)


def make_rollout(
    env: Environment,
    config: TrainConfig,
    policy: Policy | None = None,
    encoder: Encoder | None = None,
    human: Device | None = None,
    speed: float | None = None,
    monitor: Monitor | None = None,
) -> Rollout:
    """Return the rollout of an environment, for training, evaluation or recording."""
    reward = make_rewards(config)
    keep_frames = reward.needs_features and encoder is None  # a recording with a classifier: images beside features
    encoder = make_encoder(config) if keep_frames else encoder
    if reward.needs_features:
        reward.check(make_views(config, encoder))
    arbiter = Arbiter(action_layout(env), robot_environment(env).period_s, config.arbiter)
    return Rollout(
        env, policy, encoder, human, arbiter, reward, speed, monitor=monitor or NoMonitor(), keep_frames=keep_frames
    )


def make_views(config: TrainConfig, encoder: Encoder | None) -> Views:
    """Return what a reward classifier sees of a run."""
    return classifier_views(find_task(config.task), encoder, config.robot.cameras)
