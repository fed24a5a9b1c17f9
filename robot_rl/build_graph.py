"""The arm on the ROS graph, from settings: connection, robot, cameras, and where its episodes come from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from robot_rl.config import TrainConfig
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.core.settings import load_settings
from robot_rl.core.tasks import PERIOD_S, ArmTask, TaskCamera, TaskSpec
from robot_rl.hardware.robot_config import RobotConfig

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
            start_timeout_s=settings.reset_timeout_s,
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
    return dict(zip(names, make_cameras(configs, wire, settings.reset_timeout_s, clock), strict=True))


def _seen_by(config: Any, camera: TaskCamera) -> CameraConfig:
    """Return a camera's settings with what a task sees of it: the task's crop, else the device's; the task's size."""
    from robot_rl.hardware.cameras.views import View

    return replace(config, view=View(camera.crop or config.view.crop, (camera.height, camera.width)))


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
