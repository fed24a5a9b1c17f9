"""The person of a run, from settings: input device, the operator's page beside it, and the simulator's experts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from robot_rl import build_graph
from robot_rl.config import TrainConfig
from robot_rl.core.clock import SystemClock
from robot_rl.core.tasks import ActionScale, Outcome
from robot_rl.envs.protocol import action_layout, expert_environment, robot_environment
from robot_rl.page.settings import PageSettings
from robot_rl.runtime.acting.arm_reading import read_arm
from robot_rl.runtime.acting.recent_steps import SavingDevice
from robot_rl.runtime.acting.rollout import Environment
from robot_rl.runtime.acting.takeovers import PERSON
from robot_rl.teleop.device import Device, Expert, JudgingDevice, ScriptedDevice
from robot_rl.teleop.devices import DeviceContext, no_page, open_enabled
from robot_rl.teleop.devices.browser import BesidePage, Browser
from robot_rl.teleop.devices.scripted import FunctionExpert

if TYPE_CHECKING:
    from controllers.ros.wire import Wire
    from robot_rl.page.images import Images
    from robot_rl.page.link import Page

PAGE_DEVICE = "browser"
"""Name of the page as an input device."""


def make_human(
    env: Environment, config: TrainConfig, rng: np.random.Generator, env_steps: int = 0, page: Page | None = None
) -> Device | None:
    """Return the device of the human in the loop, None without one.

    Args:
        env_steps: steps trained before, so that a resumed run continues tapering.
        page: stands beside the device.
    """
    if config.human.kind == "none":
        return None if page is None else watching(env, page)
    return make_device(env, config, config.human.kind, rng, env_steps, page)


def make_device(
    env: Environment,
    config: TrainConfig,
    name: str,
    rng: np.random.Generator,
    env_steps: int = 0,
    page: Page | None = None,
) -> Device:
    """Return an input device with the settings of `config.human`; a person is shown how to use it.

    Args:
        page: the operator's, which labels, stops and moves the arm beside the device, or is the device.

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
        outcome=lambda: make_outcome(env),
        wire=lambda: (wire or build_graph.make_wire(config.robot, "actor_human"), wire is None),
        scale=_scale(env),
        env_steps=env_steps,
        page=no_page if page is None else lambda: page.input,
    )
    human = config.human
    device = open_enabled(name, human.settings_of(name), human.motion_device, human.motion_settings, context)
    if page is not None and not page.input.sole:
        device = BesidePage(device, Browser(page.input, context.layout))
    return _attended(device, env, page)


def _scale(env: Environment) -> ActionScale | None:
    """Return the displacement of an action of 1 of the first arm; None where the environment has no arm."""
    cell = getattr(env.unwrapped, "cell", None)
    return None if cell is None else next(iter(cell.task.arms.values())).action


def watching(env: Environment, page: Page) -> Device:
    """Return the page of a person who labels, pauses and stops, and does not move the arm."""
    return _attended(JudgingDevice(BesidePage(None, Browser(page.input, action_layout(env)))), env, page)


def _attended(device: Device, env: Environment, page: Page | None) -> Device:
    from robot_rl.envs.graph import GraphEnv

    if isinstance(device, ScriptedDevice):
        return device
    if not isinstance(env.unwrapped, GraphEnv):
        return SavingDevice(device)
    return build_graph.attended(device, env.unwrapped, None if page is None else page.show)


def make_outcome(env: Environment) -> Callable[[], Outcome]:
    """Return what tells whether a simulated environment's episode is won or lost now.

    Raises:
        ConfigError: it is not simulated.
    """
    return expert_environment(env).true_outcome


def make_expert(env: Environment) -> Expert:
    """Return the scripted expert of a simulated environment.

    Raises:
        ConfigError: the environment has none.
    """
    return FunctionExpert(expert_environment(env).expert_action, action_layout(env))


def open_page(settings: PageSettings | None) -> AbstractContextManager[Page | None]:
    """Start the page's process and print its address; None without settings.

    Raises:
        ConfigError: the extra `page` is not installed, or the address is taken.
    """
    from robot_rl.page.link import Page

    if settings is None:
        return nullcontext()
    page = Page(settings)
    print(f"page: {page.url}", flush=True)
    return page


def viewed(env: Environment, port: int | None) -> Environment:
    """Return an environment that shows itself at a port, and print the address; itself without a port."""
    if port is None:
        return env
    from robot_rl.envs.viewed import Viewed

    try:
        shown = Viewed(env, port)
    except BaseException:
        env.close()
        raise
    print(f"3-D view: {shown.url}", flush=True)
    return shown


def follow(page: Page | None, env: Environment, config: TrainConfig, *, episodes: bool = True) -> None:
    """Show an environment on the page.

    Args:
        episodes: whether the task's time limit ends them; False: the arm moves without episodes.
    """
    from robot_rl.envs.arm_env import ArmEnv
    from robot_rl.page.step_report import StepReporter

    if page is None:
        return
    limit_s = env.unwrapped.time_limit_s if episodes and isinstance(env.unwrapped, ArmEnv) else None
    period_s = robot_environment(env).period_s
    reporter = StepReporter(SystemClock(), period_s, limit_s, partial(read_arm, env), takes_over(config))
    page.follow(reporter, _images(env, config))


def takes_over(config: TrainConfig) -> str:
    """Return who takes over from the policy, in words."""
    return PERSON if config.human.kind in ("none", PAGE_DEVICE) else config.human.kind


def _images(env: Environment, config: TrainConfig) -> Images:
    """Return what the page shows of an environment: the scene's views in the simulator, a real arm's cameras."""
    from robot_rl.envs.arm_env import ArmEnv
    from robot_rl.envs.graph import GraphEnv
    from robot_rl.page.images import CameraImages, RenderedImages

    unwrapped = env.unwrapped
    if isinstance(unwrapped, GraphEnv):
        return CameraImages(*build_graph.page_cameras(unwrapped, config.robot))
    if isinstance(unwrapped, ArmEnv):
        from robot_rl.envs.simulated import make_viewers

        return RenderedImages(make_viewers(unwrapped))
    return RenderedImages({"scene": lambda: np.asarray(env.render())} if env.render_mode == "rgb_array" else {})
