"""`robot-rl replay`: the motion of a recorded episode again, slowly."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_rl import build
from robot_rl.cli.arguments import RunArguments
from robot_rl.core.errors import ConfigError
from robot_rl.core.seeds import Purpose, generator
from robot_rl.data.episodes import read_episode
from robot_rl.envs.operator_episodes import go_to
from robot_rl.runtime.acting.replay_motion import check_motion, recorded_motion, replay_motion
from robot_rl.runtime.runs.stop import StopSignal


@dataclass(frozen=True, kw_only=True)
class Arguments(RunArguments):
    """Move the arm along a recorded episode, at reduced speed, as a check of an arm's set-up or of a demonstration.

    Before anything moves the whole motion is checked against the task's workspace and the speed. The arm rises, goes to
    the first pose and follows the recorded targets under the same law as ever; contact may differ, so the scene should
    be as it was or empty. Ctrl-C ends it, and the arm holds.

    examples:
      robot-rl replay pick-lift --episode demos/episode-000000.safetensors
      robot-rl replay usb.toml --episode demos/episode-000003.safetensors --replay-speed 0.25 --robot.kind ros
    """

    episode: Path
    """File of the episode, as `robot-rl record` writes it."""
    replay_speed: float = 0.5
    """Fraction of the recorded speed, at most 1; the time of each step is a multiple of the recorded one."""


def run(arguments: Arguments) -> int:
    """Check, replay and report the deviation."""
    config, stop = arguments.config, StopSignal().install()
    steps, _ = read_episode(arguments.episode)
    with closing(build.make_env(config, cameras=())) as env:
        arm_env: Any = env.unwrapped
        if not hasattr(arm_env, "cell"):
            raise ConfigError(f"replay: got {config.task}, expected a task of one arm; foreign environments have none.")
        task = arm_env.task
        motion = recorded_motion(task, steps)
        check_motion(task.arm, motion, arguments.replay_speed)
        if not config.robot.on_graph:
            env.reset(seed=int(generator(Purpose.DEMONSTRATION, config.seed, 0).integers(2**31)))
        (robot,) = arm_env.cell.robots.values()
        go_to(robot, task.arm, motion[0].T_base_tcp)
        done = replay_motion(robot, motion, arguments.replay_speed, stop)
    print(
        f"{done.steps} of {len(motion)} steps at {arguments.replay_speed:g} of the speed: deviation at most "
        f"{1e3 * done.largest_m:.1f} mm and {done.largest_rad:.3f} rad, on average {1e3 * done.mean_m:.1f} mm"
    )
    if done.stopped:
        print(f"ended early: {done.stopped}")
    return 1 if done.stopped else 0
