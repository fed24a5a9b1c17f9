"""`robot-rl teleop`: a person moves the arm under a task's limits."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import tyro
from rich.progress import Progress, TextColumn

from robot_rl import build, build_human
from robot_rl.build_attended import attended
from robot_rl.build_human import PAGE_DEVICE
from robot_rl.cli.arguments import RunArguments
from robot_rl.cli.page_flags import PageFlags
from robot_rl.config import TrainConfig
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.core.records import Observation
from robot_rl.core.seeds import Purpose, generator
from robot_rl.runtime.acting.arm_reading import read_arm
from robot_rl.runtime.acting.monitor import StepView
from robot_rl.runtime.acting.recording_screen import charge_text
from robot_rl.runtime.acting.rollout import Environment, Rollout
from robot_rl.runtime.acting.step import Step
from robot_rl.runtime.acting.stepper import NO_VERSION
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.teleop.arbiter import Arbiter, ControlAuthority, Decision
from robot_rl.teleop.devices import DEVICE_HELP, check_device

UNBOUNDED_MS = 1e9
IMAGES_S = 10.0
"""Longest wait for cameras without which the arm is moved all the same [s]."""


@dataclass(frozen=True, kw_only=True)
class Arguments(PageFlags, RunArguments):
    """Move the arm by an input device under a task's limits: workspace, step, stiffness. Nothing is recorded but what
    you save: v at the keyboard or on the page keeps the last seconds (`--human.save-s`) as an episode.

    The screen shows who is in charge, rate, force and height. An arm on the graph starts where it is.
    With `--to actor` the device is that of an actor elsewhere, which decides who acts and records it.

    examples:
      robot-rl teleop pick-lift                                   the simulated arm, by keyboard
      robot-rl teleop pick-lift --device browser                  by the joystick of a web page, with images
      robot-rl teleop usb.toml --device pendant --robot.kind dds  an arm on the graph
      robot-rl teleop usb.toml --robot.kind dds --to actor        beside `robot-rl train ... --human.kind graph`
    """

    device: Annotated[str, tyro.conf.arg(help=f"Input device: {DEVICE_HELP}")] = "keyboard"
    seconds: float | None = None
    """End after this time of the task [s]; None: at Ctrl-C."""
    to: Literal["arm", "actor"] = "arm"
    """Receiver of the motion."""

    def __post_init__(self) -> None:
        check_device("--device", self.device)
        if self.to == "actor" and PAGE_DEVICE in (self.device, self.config.human.motion_device):
            raise ConfigError(
                "--device: got 'browser' with --to actor, expected another device: the actor serves its page itself; "
                "start it with --human.kind browser or --page."
            )


def run(arguments: Arguments) -> int:
    """Move the arm until Ctrl-C."""
    config = arguments.config
    if arguments.to == "actor":
        return _send(arguments)
    if config.robot.on_graph:  # no episodes: nothing is reset; a person's motion follows from no observation
        robot = replace(config.robot, episode_source="operator", reaction_ms=UNBOUNDED_MS)
        config = replace(config, robot=replace(robot, image_age_ms=UNBOUNDED_MS, skew_ms=UNBOUNDED_MS))
    rng, stop = generator(Purpose.HUMAN, config.seed), StopSignal().install()
    with (
        build_human.open_page(arguments.page_settings(arguments.config, arguments.device)) as page,
        closing(build_human.viewed(_make_env(config), arguments.view3d)) as env,
        closing(build_human.make_device(env, config, arguments.device, rng, page=page)) as device,
    ):
        build_human.follow(page, env, config, episodes=False)
        rollout = attended(build.make_rollout(env, config, human=device, monitor=page), config)
        print(move(rollout, arguments.seconds, stop))
    return 0


def _make_env(config: TrainConfig) -> Environment:
    """Return the environment, with the images that a person may save, if its cameras deliver."""
    if config.human.save_s:
        limit_s = min(IMAGES_S, config.robot.start_timeout_s)
        try:
            return build.make_env(replace(config, robot=replace(config.robot, start_timeout_s=limit_s)))
        except (DeviceLostError, ConfigError) as error:
            if not config.robot.on_graph:
                raise
            print(f"nothing is saved with images: {error}", flush=True)
    return build.make_env(config, cameras=())


def _send(arguments: Arguments) -> int:
    """Send the device's states to an actor until Ctrl-C."""
    from robot_rl.nodes.teleop import TeleopConfig, run_teleop

    config, human = arguments.config, arguments.config.human
    motion = "keyboard" if human.motion_device == "expert" else human.motion_device
    run_teleop(TeleopConfig(arguments.device, human.settings, motion, task=config.task, robot=config.robot))
    return 0


def move(rollout: Rollout, seconds: float | None, should_stop: Callable[[], bool]) -> str:
    """Let the device move the arm and show its state; return a summary."""
    assert rollout.human is not None
    env, human, clock, pace = rollout.env, rollout.human, rollout.clock, rollout.make_pace()
    arbiter = rollout.arbiter or Arbiter(rollout.robot_env.action_layout, rollout.period_s)
    steps = by_hand = refused = 0
    force_max_n, last_s = 0.0, clock.now_s()
    seen = SeenSteps(rollout)
    if not rollout.robot_env.real_time:
        seen.raw = env.reset(seed=0)[0]  # places the scene
    human.reset()
    rollout.monitor.begin()
    with Progress(TextColumn("{task.description}"), transient=True) as bar:
        row = bar.add_task("")
        while not should_stop() and (seconds is None or steps * rollout.period_s < seconds):
            state = human.read()
            decision = arbiter.decide(None, state, False, clock.now_ns())
            fault = seen.add(decision, env.step(decision.action))
            if pace is not None:
                pace.wait()
            steps, refused = steps + 1, refused + bool(fault)
            missed = 0 if pace is None else pace.missed
            rollout.monitor.step(StepView(decision.charge, decision.labels, fault=fault, missed=missed))
            by_hand += decision.charge is ControlAuthority.HUMAN
            arm = read_arm(env)
            force_max_n = max(force_max_n, arm.force_n if arm else 0.0)
            rate, last_s = 1.0 / max(clock.now_s() - last_s, 1e-6), clock.now_s()
            charge = charge_text(decision.charge, human, state)
            parts = (charge, f"{rate:4.1f} Hz", str(arm or ""), fault)
            bar.update(row, description="  |  ".join(filter(None, parts)))
    return f"{steps} steps, {by_hand} by hand, {refused} refused; largest force {force_max_n:.1f} N"


class SeenSteps:
    """Steps of a motion without episodes, for the last seconds: a success or failure ends one. Steps while it lasts
    belong to none.
    """

    def __init__(self, rollout: Rollout) -> None:
        self.raw: Observation = {}
        self._rollout, self._over = rollout, False

    def add(self, decision: Decision, result: tuple[Observation, Any, bool, bool, dict[str, Any]]) -> str:
        """Take in what the environment returned for a decision; return its fault, empty without one."""
        raw, info = self.raw, result[-1]
        self.raw, fault = result[0], str(info.get("fault") or "")
        success = bool(info.get("success")) or "success" in decision.labels
        failure = not success and (bool(info.get("failure")) or "failure" in decision.labels)
        over, self._over = self._over, success or failure
        if self._rollout.recent is not None and raw and self.raw and not (over and self._over):
            step = Step(
                obs=raw,
                next_obs=self.raw,
                decision=decision,
                reward=float(success),
                terminated=self._over,
                truncated=False,
                success=success,
                failure=failure,
                fault=fault,
                policy_version=NO_VERSION,
                stamp_ns=self._rollout.clock.now_ns(),
                observed=not info.get("refused"),
            )
            self._rollout.recent.add(step, raw, self.raw)
        return fault
