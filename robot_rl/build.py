"""Construction of a run's objects from its settings: the only place where a name becomes a class.

jax, MuJoCo and the environments are imported inside the functions that need them: a machine needs only what it runs.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from robot_rl.agents.backend import AgentBackend, Policy, make_backend
from robot_rl.agents.definition import AgentDefinition
from robot_rl.config import TrainConfig
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.core.schema import StepSchema
from robot_rl.core.settings import load_settings
from robot_rl.core.tasks import PERIOD_S, ArmTask, TaskCamera, TaskSpec
from robot_rl.data.replay import Replay
from robot_rl.envs.action import task_layout
from robot_rl.envs.foreign_config import ForeignConfig, is_foreign
from robot_rl.envs.observation import observation_schema
from robot_rl.envs.protocol import ExpertEnvironment, action_layout, robot_environment
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.presets import foreign_preset
from robot_rl.rewards.combined import CombinedReward, make_reward
from robot_rl.runtime.acting.observation import encoded_schema, step_schema
from robot_rl.runtime.acting.rollout import Environment, Rollout
from robot_rl.runtime.learning.checkpoints import Checkpoints
from robot_rl.runtime.runs.run_folder import ENCODER_FILE, RunFolder
from robot_rl.tasks import find_task
from robot_rl.teleop.arbiter import Arbiter
from robot_rl.teleop.device import Device
from robot_rl.teleop.devices import DeviceContext, open_enabled
from robot_rl.teleop.devices.scripted import Expert, FunctionExpert
from robot_rl.vision.encoder import Encoder, EncoderContext, open_encoder
from robot_rl.vision.frozen import SHIPPED_ENCODER

if TYPE_CHECKING:
    from controllers.ros.wire import Wire
    from robot_rl.envs.episodes import EpisodeSource
    from robot_rl.envs.graph import GraphEnv
    from robot_rl.hardware.cameras.camera import Camera
    from robot_rl.hardware.cameras.config import CameraConfig
    from robot_rl.hardware.robot import Robot

PAUSE_S = PERIOD_S
"""Lateness from which a step starts a new grid [s], so that an observation follows its action by one period."""


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
        return make_graph_env(config, task, names)
    from robot_rl.envs.simulated import make_simulated_env

    return make_simulated_env(
        task,
        cameras=names,
        appearance=config.appearance,
        privileged=state_only,
        render_mode="rgb_array" if video else None,
    )


def foreign_config(task: str, kwargs: str) -> TrainConfig:
    """Return the settings to start from for a foreign environment, by what it observes.

    Raises:
        ConfigError: no such environment, or one that cannot be used.
    """
    from robot_rl.envs.foreign import make_foreign_env

    settings = ForeignConfig(kwargs)
    with closing(make_foreign_env(task, settings)) as env:
        return foreign_preset(task, settings, images=env.has_images)


def make_graph_env(config: TrainConfig, task: TaskSpec, cameras: Sequence[str]) -> GraphEnv:
    """Return the task's environment for an arm on the ROS graph. Needs no simulator.

    Raises:
        DeviceLostError: no answer.
    """
    from robot_rl.envs.episodes import Workcell
    from robot_rl.envs.graph import Bounds, GraphEnv

    settings, clock = config.robot, SystemClock()
    wire = make_wire(settings, "actor")
    try:
        robot = make_graph_robot(settings, task.arm, wire, clock)
        devices = make_graph_cameras(settings, task, wire, clock, cameras)
        episodes = make_graph_episodes(settings, task, wire, robot, devices, clock)
        bounds = Bounds(settings.state_age_ms, settings.image_age_ms, settings.skew_ms, settings.reaction_ms)
        cell = Workcell(task, {next(iter(task.arms)): robot}, devices, episodes)
        return GraphEnv(cell, wire, clock, bounds, privileged=config.vision.mode == "state")
    except BaseException:
        wire.close()
        raise


def make_wire(settings: RobotConfig, node: str) -> Wire:
    """Return a participant of the graph.

    Raises:
        ConfigError: rclpy is not there.
    """
    if settings.kind == "ros":
        from controllers.ros.ros_wire import RosWire

        try:
            return RosWire(node, settings.namespace)
        except ImportError as error:
            raise ConfigError(str(error)) from error
    from robot_rl.hardware.graph.dds_wire import DdsWire

    return DdsWire(node, settings.namespace)


def make_graph_robot(settings: RobotConfig, arm: ArmTask, wire: Wire, clock: Clock) -> Robot:
    """Return the arm on the graph, whose controller follows the task's gains."""
    from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig

    return GraphRobot(
        wire,
        clock,
        GraphRobotConfig(
            settings.wrench,
            age_max_s=settings.state_age_ms / 1000.0,
            start_timeout_s=settings.reset_timeout_s,
            pause_s=PAUSE_S,
        ),
        arm.controller_gains if settings.gains == "task" else None,
    )


def make_graph_cameras(
    settings: RobotConfig, task: TaskSpec, wire: Wire, clock: Clock, names: Sequence[str]
) -> dict[str, Camera]:
    """Return the robot's cameras by name: those of its file, or topics of these names on the graph.

    Raises:
        UnknownNameError: the file lacks a camera of the task.
        DeviceLostError: one does not deliver.
    """
    from robot_rl.hardware.cameras.config import CameraSet
    from robot_rl.hardware.cameras.factory import make_cameras
    from robot_rl.hardware.cameras.ros_topic import TopicConfig

    present: dict[str, CameraConfig] = {
        name: TopicConfig(name, max_age_s=settings.image_age_ms / 1000.0) for name in names
    }
    if settings.cameras is not None and names:
        present = {camera.name: camera for camera in load_settings(CameraSet, settings.cameras).cameras}
    for name in names:
        if name not in present:
            raise unknown_name(f"camera in {settings.cameras}", name, present)
    configs = [_seen_by(present[name], task.cameras[name]) for name in names]
    return dict(zip(names, make_cameras(configs, wire, settings.reset_timeout_s, clock), strict=True))


def _seen_by(config: Any, camera: TaskCamera) -> CameraConfig:
    """Return a camera's settings with what a task sees of it: the task's crop, else the device's; the task's size."""
    from robot_rl.hardware.cameras.views import Crop, View

    crop = config.view.crop if camera.crop is None else Crop(**asdict(camera.crop))
    return replace(config, view=View(crop, (camera.height, camera.width)))


def make_graph_episodes(
    settings: RobotConfig, task: TaskSpec, wire: Wire, robot: Robot, cameras: Mapping[str, Camera], clock: Clock
) -> EpisodeSource:
    """Return the episode source: the served simulation, or the operator."""
    from robot_rl.envs.operator_episodes import OperatorEpisodes
    from robot_rl.envs.served_episodes import ServedEpisodes

    if settings.episode_source == "operator":
        return OperatorEpisodes(task, {next(iter(task.arms)): robot}, make_prompt(settings.reset_pause_s, clock))
    sources = [lambda: robot.state().stamp_ns, *(_stamp_of(camera) for camera in cameras.values())]
    age_max_s = settings.state_age_ms / 1000.0
    episodes = ServedEpisodes(task, wire, robot, sources, clock, age_max_s, settings.reset_timeout_s)
    episodes.connect()
    return episodes


def _stamp_of(camera: Camera) -> Callable[[], int]:
    return lambda: camera.read().stamp_ns


def make_prompt(pause_s: float, clock: Clock) -> Callable[[str], None]:
    """Return the operator's prompt: Enter at a terminal, else a line and a pause."""
    from robot_rl.teleop.terminal import prompt

    def ask(text: str) -> None:
        if sys.stdin is not None and sys.stdin.isatty():
            prompt(text, sys.stdin.fileno(), partial(print, flush=True), clock.now_ns)
            return
        print(f"{text} Continuing in {pause_s:g} s.", flush=True)
        clock.sleep_until(clock.now_ns() + round(pause_s * NS_PER_S))

    return ask


def make_encoder(config: TrainConfig) -> Encoder | None:
    """Return the frozen encoder, None when the agent sees images or no images at all.

    Raises:
        ConfigError: an unknown encoder, weights that do not fit, or not the encoder of the run that these settings
            belong to.
    """
    vision = config.vision
    cameras = find_task(config.task).cameras if vision.mode == "frozen" else {}
    if not cameras:
        return None
    context = EncoderContext(tuple(cameras), vision.variants, vision.encoder)
    encoder = open_encoder(vision.kind, vision.settings, context)
    if vision.identity not in (None, encoder.identity):
        raise ConfigError(
            f"encoder: got {vision.encoder or vision.kind} with identity {encoder.identity[:12]}, expected "
            f"{str(vision.identity)[:12]}, which encoded the run's data; give the run's own file, RUN/{ENCODER_FILE}, "
            "as --vision.encoder."
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
    """Return the agent for an observation and an action layout."""
    return AgentDefinition(schema.observation, schema.action, config.agent)


def make_agent(definition: AgentDefinition, config: TrainConfig) -> AgentBackend:
    """Return the backend that makes the agent's learner, policy and cloner."""
    return make_backend(definition, config.seed)


def make_checkpoints(folder: Path, definition: AgentDefinition, schema: StepSchema) -> Checkpoints:
    """Return the checkpoints in a learner's folder; those of another agent or encoder are refused."""
    identity = {"agent": definition.schema_hash(), "schema": replace(schema, encoder="").hash()}
    return Checkpoints(folder / "checkpoints", identity | ({"encoder": schema.encoder} if schema.encoder else {}))


def make_replay(schema: StepSchema, config: TrainConfig) -> Replay:
    """Return the learner's replay, with the label rules of the reward sources in use."""
    rules = make_rewards(config).label_rules()
    return Replay(schema, config.replay_capacity, config.seed, config.demonstration_capacity, rules)


def make_rewards(config: TrainConfig) -> CombinedReward:
    """Return the sources of reward as one."""
    return make_reward(config.rewards, config.reward_settings)


def make_arbiter(env: Environment, config: TrainConfig) -> Arbiter:
    """Return the arbiter."""
    return Arbiter(action_layout(env), robot_environment(env).period_s, config.arbiter)


def make_rollout(
    env: Environment,
    config: TrainConfig,
    policy: Policy | None = None,
    encoder: Encoder | None = None,
    human: Device | None = None,
    speed: float | None = None,
) -> Rollout:
    """Return the rollout of an environment, for training, evaluation or recording."""
    return Rollout(env, policy, encoder, human, make_arbiter(env, config), make_rewards(config), speed)


def make_human(env: Environment, config: TrainConfig, rng: np.random.Generator, env_steps: int = 0) -> Device | None:
    """Return the device of the human in the loop, None without one.

    Args:
        env_steps: steps trained before, so that a resumed run continues tapering.
    """
    if config.human.kind == "none":
        return None
    return make_device(env, config, config.human.kind, rng, env_steps)


def make_device(
    env: Environment, config: TrainConfig, name: str, rng: np.random.Generator, env_steps: int = 0
) -> Device:
    """Return an input device with the settings of `config.human`; a person is shown how to use it.

    Raises:
        ConfigError: an unknown device, settings that do not fit, or an expert on a real arm.
    """
    from robot_rl.envs.graph import GraphEnv

    wire: Wire | None = env.unwrapped.wire if isinstance(env.unwrapped, GraphEnv) else None
    context = DeviceContext(
        action_layout(env),
        rng,
        SystemClock(),
        expert=lambda: make_expert(env),
        wire=lambda: (wire or make_wire(config.robot, "actor_human"), wire is None),
        env_steps=env_steps,
    )
    human = config.human
    return open_enabled(name, human.settings_of(name), human.motion_device, human.motion_settings, context)


def make_expert(env: Environment) -> Expert:
    """Return the scripted expert of a simulated environment.

    Raises:
        ConfigError: the environment has none.
    """
    unwrapped = env.unwrapped
    if not isinstance(unwrapped, ExpertEnvironment):
        raise ConfigError(f"expert: got {env}, expected a simulated environment; use a device on a real arm.")
    return FunctionExpert(unwrapped.expert_action, action_layout(env))
