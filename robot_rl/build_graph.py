"""The arm on the ROS graph, from settings: connection, robot, cameras, and where its episodes come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controllers.ros import graph
from robot_rl.config import TrainConfig
from robot_rl.core.clock import Clock, SystemClock
from robot_rl.core.errors import ConfigError, DeviceLostError, unknown_name
from robot_rl.core.settings import load_settings
from robot_rl.core.tasks import PERIOD_S, ArmTask, TaskCamera, TaskSpec
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.runtime.acting.go import await_ready, await_release, show_here
from robot_rl.runtime.acting.recent_steps import SavingDevice
from robot_rl.teleop.device import Device, ScriptedDevice

if TYPE_CHECKING:
    from controllers.ros.wire import Wire
    from robot_rl.envs.episodes import EpisodeSource
    from robot_rl.envs.graph import GraphEnv
    from robot_rl.hardware.cameras.camera import Camera
    from robot_rl.hardware.cameras.config import CameraConfig
    from robot_rl.hardware.robot import Robot

PAUSE_S = PERIOD_S
"""Lateness from which a step starts a new grid [s], so that an observation follows its action by one period."""


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
            settings.wrench_source,
            age_max_s=settings.state_age_ms / 1000.0,
            gripper_age_max_s=settings.gripper_age_ms / 1000.0,
            start_timeout_s=settings.start_timeout_s,
            pause_s=PAUSE_S,
            gripper=arm.gripper is not None,
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
    return dict(zip(names, make_cameras(configs, wire, settings.start_timeout_s, clock), strict=True))


def compare_cameras(env: object, settings: RobotConfig, folder: Path) -> None:
    """Compare a real arm's cameras with their fingerprint in a folder, written by the first call; print what changed.

    Raises:
        ConfigError: another device or port, or cameras that have changed places.
    """
    from robot_rl.envs.graph import GraphEnv
    from robot_rl.hardware.cameras.config import CameraSet
    from robot_rl.hardware.cameras.fingerprint import check_cameras

    if not isinstance(env, GraphEnv) or settings.episode_source != "operator":
        return
    present = CameraSet() if settings.cameras is None else load_settings(CameraSet, settings.cameras)
    for line in check_cameras(folder, present.cameras, env.cell.cameras):
        print(line, flush=True)


def _seen_by(config: Any, camera: TaskCamera) -> CameraConfig:
    """Return a camera's settings with what a task sees of it: the task's crop, else the device's; the task's size."""
    from robot_rl.hardware.cameras.views import View

    return replace(config, view=View(camera.crop or config.view.crop, (camera.height, camera.width)))


def make_graph_episodes(
    settings: RobotConfig, task: TaskSpec, wire: Wire, robot: Robot, cameras: Mapping[str, Camera], clock: Clock
) -> EpisodeSource:
    """Return the episode source: the served simulation, or the operator."""
    from robot_rl.envs.episodes import UnjudgedEpisodes
    from robot_rl.envs.operator_episodes import OperatorEpisodes
    from robot_rl.envs.served_episodes import ServedEpisodes

    if settings.episode_source == "operator":
        return OperatorEpisodes(task, {next(iter(task.arms)): robot}, refuse_without_a_person)
    sources = [lambda: robot.state().stamp_ns, *(_stamp_of(camera) for camera in cameras.values())]
    age_max_s = settings.state_age_ms / 1000.0
    episodes = ServedEpisodes(task, wire, robot, sources, clock, age_max_s, settings.reset_timeout_s)
    episodes.connect()
    return episodes if settings.episode_source == "simulated" else UnjudgedEpisodes(episodes)


def _stamp_of(camera: Camera) -> Callable[[], int]:
    return lambda: camera.read().stamp_ns


def page_cameras(env: GraphEnv, settings: RobotConfig) -> tuple[Mapping[str, Camera], Clock, Callable[[], None]]:
    """Return the cameras that a page shows, the clock, and what closes those that were opened for the page alone."""
    clock, task = SystemClock(), env.cell.task
    if env.cell.cameras:
        return env.cell.cameras, clock, lambda: None
    try:
        cameras = make_graph_cameras(settings, task, env.wire, clock, tuple(task.cameras))
    except (DeviceLostError, ConfigError) as error:
        print(f"page: no images: {error}", flush=True)
        return {}, clock, lambda: None

    def close() -> None:
        for camera in cameras.values():
            camera.close()

    return cameras, clock, close


def attended(device: Device, env: GraphEnv, more: Callable[[str], None] | None = None) -> Device:
    """Return a device whose stop reaches the graph's controllers; a person's also starts an operator's episodes.

    Args:
        more: shows what the person has to do elsewhere, too.
    """
    from robot_rl.envs.operator_episodes import OperatorEpisodes
    from robot_rl.teleop.devices.ros import GraphDevice
    from robot_rl.teleop.supervision import StopSender, SupervisedDevice

    if isinstance(device, ScriptedDevice):
        return device
    if not isinstance(device, GraphDevice):  # the teleoperation node reports its own
        device = SupervisedDevice(device, StopSender(env.wire, "actor"), SystemClock()).start()
    device = SavingDevice(device)  # before the prompts read it
    if isinstance(env.cell.episodes, OperatorEpisodes):
        prompts = env.wire.publisher(graph.HUMAN_PROMPT)

        def show(text: str) -> None:
            show_here(text)
            if more is not None:
                more(text)
            prompts.publish(env.wire.make(graph.HUMAN_PROMPT.type, data=text))

        env.cell.episodes.prompt = partial(await_ready, device, SystemClock(), show=show)
        env.cell.episodes.await_release = partial(await_release, device, SystemClock(), show=show)
    return device


def far_terminal(env: Any) -> Callable[[str], None]:
    """Return what shows a text at the teleoperation nodes of an arm on the graph; nothing elsewhere."""
    from robot_rl.envs.graph import GraphEnv

    if not isinstance(env.unwrapped, GraphEnv):
        return lambda text: None
    wire = env.unwrapped.wire
    prompts = wire.publisher(graph.HUMAN_PROMPT)
    return lambda text: prompts.publish(wire.make(graph.HUMAN_PROMPT.type, data=text))


def refuse_without_a_person(text: str, then: str = "", hear: object = None) -> None:
    """Refuse an episode: an arm must not start before a person reports that the scene is set.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(
        f"operator: got no person's device, expected one for '{text}'; set human.kind or --by to keyboard or pendant, "
        "or to graph, with `robot-rl teleop TASK --to actor` in another terminal."
    )
