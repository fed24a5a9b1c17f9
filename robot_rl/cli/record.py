"""`robot-rl record`: demonstrations by the scripted expert or by a person at an input device."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated

import tyro

from robot_rl import build, build_human
from robot_rl.build_attended import attended
from robot_rl.cli.arguments import RunArguments
from robot_rl.cli.page_flags import PageFlags
from robot_rl.config import TrainConfig, recording_config
from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.core.seeds import Purpose, generator
from robot_rl.envs.arm_env import ArmEnv
from robot_rl.runtime.acting.record import RecordingConfig, collect_demonstrations, remove_newest
from robot_rl.runtime.acting.recording_screen import RecordingSummary
from robot_rl.runtime.acting.recordings import check_recordings
from robot_rl.runtime.acting.rollout import Environment, Rollout
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.teleop.device import Device
from robot_rl.teleop.devices import DEVICE_HELP, check_device

if TYPE_CHECKING:
    from robot_rl.page.link import Page

PERSONS_PATIENCE = 5.0
"""Factor of the time limit for a person, who is slower than a policy and ends an attempt by a label."""


@dataclass(frozen=True, kw_only=True)
class Arguments(PageFlags, RunArguments):
    """Record successful episodes with their images; they serve any encoder and any agent.

    examples:
      robot-rl record pick-lift --out demos                   20 episodes by the scripted expert
      robot-rl record peg-insert --out demos --by keyboard    by you; the terminal shows the keys
      robot-rl record pick-lift --out demos --by browser      by you, at a web page with images and a joystick
      robot-rl record peg-insert --out demos --remove-last    take the newest episode away

    A person starts each episode (n at the keyboard), labels its end, and takes the newest episode back by `undo` (u).
    An interrupted session goes on where it was: episodes in the folder count.
    """

    out: Path
    """Folder of the episodes."""
    episodes: int | None = None
    """Number of episodes in the folder at the end; None: `--demonstrations`."""
    by: Annotated[str, tyro.conf.arg(help=f"Input device: {DEVICE_HELP}")] = "expert"
    keep_failures: bool = False
    """Keep episodes without success, too: training skips them, a reward classifier needs them."""
    hold_success: int = 0
    """Steps that go on after success, with the arm holding or moved by you: more successes for a reward classifier."""

    time_limit_s: float | None = None
    """Longest attempt [s]; None: the task's limit, five times as long where a person demonstrates."""

    remove_last: bool = False
    """Only move the newest episode of the folder to its folder `removed`."""

    def __post_init__(self) -> None:
        check_device("--by", self.by)
        checks.positive(self, "time_limit_s")


def run(arguments: Arguments) -> int:
    """Record demonstrations and print their number."""
    config, out = recording_config(arguments.config), arguments.out
    if arguments.remove_last:
        number = remove_newest(out, config.demonstrations_format)
        print(f"{out}: {'no episodes' if number is None else f'episode {number} is in {out}/removed now'}")
        return 0
    episodes = config.demonstrations if arguments.episodes is None else arguments.episodes
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=out):  # a folder that takes nothing is refused before anything is demonstrated
        pass
    recording = RecordingConfig(
        out,
        episodes,
        config.seed,
        build.make_origin(config),
        arguments.keep_failures,
        arguments.hold_success,
        config.demonstrations_format,
    )
    present = recording.dataset.count(out)
    if present >= episodes > 0:
        check_recordings([out], recording.format, recording.origin)
        print(f"{out} holds {present} episodes, {episodes} suffice: nothing recorded; raise --episodes for more")
        return 0
    stop = StopSignal().install()
    with (
        build_human.open_page(arguments.page_settings(config, arguments.by)) as page,
        closing(build_human.viewed(build.make_env(config), arguments.view3d)) as env,
        closing(_device(env, config, arguments.by, page)) as human,
    ):
        rollout = attended(build.make_rollout(env, config, human=human, monitor=page), config)
        set_time_limit(rollout, arguments.time_limit_s)
        build_human.follow(page, env, config)
        summary = collect_demonstrations(rollout, recording, should_stop=stop, ends_wait=stop.ends_wait)
    print(_line(summary, out, rollout.reward.names))
    if summary.total < episodes:
        print(f"stopped before {episodes}; start the same command again to go on")
        return 130
    return 0


def set_time_limit(rollout: Rollout, limit_s: float | None) -> None:
    """Set how long an attempt may take [s]; None: the task's limit, longer for a person.

    Raises:
        ConfigError: of a Gymnasium environment.
    """
    env = rollout.env.unwrapped
    if not isinstance(env, ArmEnv):
        if limit_s is not None:
            raise ConfigError(f"--time-limit-s: got {limit_s:g} for a Gymnasium environment, expected --env.max-steps.")
    else:
        env.time_limit_s = limit_s or env.time_limit_s * (PERSONS_PATIENCE if rollout.person_acts else 1.0)


def _line(summary: RecordingSummary, out: Path, judges: tuple[str, ...]) -> str:
    counts = f"{summary.recorded} recorded now, {summary.discarded} attempts discarded, {summary.removed} taken back"
    return f"{summary.total} demonstrations in {out} ({counts}; judged by {' and '.join(judges)})"


def _device(env: Environment, config: TrainConfig, kind: str, page: Page | None) -> Device:
    rng = generator(Purpose.DEMONSTRATION, config.seed, 2)
    return build_human.make_device(env, config, kind, rng, page=page)
