"""`robot-rl teleop`: a person moves the arm under a task's limits."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import tyro
from rich.progress import Progress, TextColumn

from robot_rl import build
from robot_rl.cli.arguments import RunArguments
from robot_rl.core.seeds import Purpose, generator
from robot_rl.runtime.acting.recording_screen import AUTHORITY, arm_text, force_n
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.teleop.arbiter import Arbiter, ControlAuthority
from robot_rl.teleop.devices import DEVICE_HELP, check_device


@dataclass(frozen=True, kw_only=True)
class Arguments(RunArguments):
    """Move the arm by an input device under a task's limits: workspace, step, stiffness. Nothing is recorded.

    The screen shows who is in charge, rate, force and height. An arm on the graph starts where it is.
    With `--to actor` the device is that of an actor elsewhere, which decides who acts and records it.

    examples:
      robot-rl teleop pick-lift                                   the simulated arm, by keyboard
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


@dataclass
class Session:
    """Numbers of a session."""

    period_s: float
    steps: int = 0
    by_hand: int = 0
    faults: int = 0
    longest_s: float = 0.0
    """Longest time from step to step."""
    force_max_n: float = 0.0
    last_s: float = 0.0
    """Time of the last step."""

    def add(self, charge: ControlAuthority, fault: str, time_s: float, force: float) -> None:
        """Count a step."""
        self.by_hand += charge is ControlAuthority.HUMAN
        self.faults += bool(fault)
        self.longest_s = max(self.longest_s, time_s if self.steps else 0.0)  # the first one starts the arm
        self.force_max_n, self.last_s = max(self.force_max_n, force), time_s
        self.steps += 1

    def __str__(self) -> str:
        return (
            f"{self.steps} steps of {self.period_s:g} s, {self.by_hand} by hand, {self.faults} refused; longest "
            f"{self.longest_s:.2f} s, largest force {self.force_max_n:.1f} N"
        )


def run(arguments: Arguments) -> int:
    """Move the arm until Ctrl-C."""
    config = arguments.config
    if arguments.to == "actor":
        return _send(arguments)
    if config.robot.on_graph:  # no episodes: nothing is reset
        config = replace(config, robot=replace(config.robot, episode_source="operator"))
    rng, stop = generator(Purpose.HUMAN, config.seed), StopSignal().install()
    with (
        closing(build.make_env(config, cameras=())) as env,
        closing(build.make_device(env, config, arguments.device, rng)) as device,
    ):
        print(move(build.make_rollout(env, config, human=device), arguments.seconds, stop))
    return 0


def _send(arguments: Arguments) -> int:
    """Send the device's states to an actor until Ctrl-C."""
    from robot_rl.nodes.teleop import TeleopConfig, run_teleop

    config, human = arguments.config, arguments.config.human
    motion = "keyboard" if human.motion_device == "expert" else human.motion_device
    run_teleop(TeleopConfig(arguments.device, human.settings, motion, task=config.task, robot=config.robot))
    return 0


def move(rollout: Rollout, seconds: float | None, should_stop: Callable[[], bool]) -> Session:
    """Let the device move the arm and show its state; return the numbers of the session."""
    assert rollout.human is not None
    env, human, clock, pace = rollout.env, rollout.human, rollout.clock, rollout.make_pace()
    arbiter = rollout.arbiter or Arbiter(rollout.robot_env.action_layout, rollout.period_s)
    session, last_s = Session(rollout.period_s), clock.now_s()
    if not rollout.robot_env.real_time:
        env.reset(seed=0)  # places the scene
    human.reset()
    with Progress(TextColumn("{task.description}"), transient=True) as bar:
        row = bar.add_task("")
        while not should_stop() and (seconds is None or session.steps * rollout.period_s < seconds):
            decision = arbiter.decide(None, human.read(), False, clock.now_ns())
            info = env.step(decision.action)[-1]
            if pace is not None:
                pace.wait()
            now_s = clock.now_s()
            session.add(decision.charge, str(info.get("fault") or ""), now_s - last_s, force_n(env))
            last_s = now_s
            parts = (
                AUTHORITY[decision.charge],
                f"{1.0 / max(session.last_s, 1e-6):4.1f} Hz",
                arm_text(env),
                info.get("fault"),
            )
            bar.update(row, description="  |  ".join(filter(None, parts)))
    return session
