"""`robot-rl export`: the episodes of a run, or recorded ones, in another dataset format."""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.progress import track
from tyro.conf import Positional

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError, RobotRLError
from robot_rl.data.formats import (
    FORMAT_HELP,
    DatasetFormat,
    Episode,
    check_format,
    format_of,
    make_format,
    read_metas,
)
from robot_rl.data.stages import STAGES, SUBTASKS
from robot_rl.runtime.acting.pose_entries import PoseEntries
from robot_rl.tasks import check_task, find_task

if TYPE_CHECKING:
    from robot_rl.runtime.acting.posed_episodes import PosedEpisodes
    from robot_rl.runtime.bags.episodes import BagEpisodes


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Write episodes in another format: those of a run with the policy's, the human's and mixed steps, or recordings.

    A LeRobotDataset keeps what others have no column for in a folder of its own, so that it can be read back
    whole. What LeRobot itself sees is state, images, action, reward, success, and who acted.

    A recording of tool poses without actions, of an arm guided by hand or of another robot, gets them by --actions
    poses: each is what moves the target to the tool pose that followed, later by the arm's lag, in the task's scale,
    clipped to one step and caught up with. The gripper closes when its opening falls, opens when it rises. The share
    of clipped steps is printed: where it is large, take a larger step in the task.

    examples:
      robot-rl export runs/first --out first-successes --successes 100     the newest, for an imitation learner
      robot-rl export demos --out demos-lerobot
      robot-rl export demos --out demos-small --video av1                  cameras as video, with loss
      robot-rl export pushed-dataset --out demos --format episodes         from LeRobot
      robot-rl export bag --out demos --format episodes --task usb.toml    from a bag of raw ROS topics, in MCAP
      robot-rl export pushed-dataset --out demos --format episodes --task usb.toml --actions poses \\
        --poses.position 0 1 2 --poses.rotation 3 4 5 6 --poses.gripper 7 --poses.cameras wrist=hand_camera
      robot-rl export guided --out demos --format episodes --task usb.toml --actions poses    states of ours
    """

    source: Positional[Path]
    """Run, folder of episodes, or bag of raw topics."""
    out: Path
    """New folder."""
    format: Annotated[str, tyro.conf.arg(help=f"Format to write: {FORMAT_HELP}")] = "lerobot"
    source_format: Annotated[str, tyro.conf.arg(help="Format to read; by default what the folder looks like.")] = ""
    task: str = ""
    """Task of a bag of raw topics, or of --actions poses, by name or file: its schema, action and cameras."""
    actions: Literal["recorded", "poses"] = "recorded"
    """Actions as recorded, or those that would have made the motion of the tool; of one arm."""
    poses: PoseEntries = field(default_factory=PoseEntries)
    """Where the tool poses of another robot are, and the arm's lag, which alone counts for states of ours."""
    namespace: str = ""
    """Namespace of the arm in a bag that has several."""
    text: str = ""
    """The task in a sentence, for models that read language; by default the text of a task that is known here."""
    stages: tuple[str, ...] = ()
    """Names of the stages that a person labelled, first to last, as LeRobot's subtasks; by default `stage 1` ... Of
    `lerobot` only."""
    stages_as: Literal["subtask_index", "language_persistent"] = "subtask_index"
    """Column of the stages: numbers of subtasks, or texts, of which LeRobot 0.6 makes messages for models that read
    language. Of `lerobot` only."""
    video: Literal["av1", "h264"] | None = None
    """Codec of the cameras as video, with loss; None: images, without. Of `lerobot` only."""
    successes: int | None = None
    """Write that many of the newest successful episodes; None: all episodes."""

    def __post_init__(self) -> None:
        check_format(self.format)
        if self.source_format:
            check_format(self.source_format)
        if self.task:
            check_task(self.task)
        elif self.actions == "poses":
            raise ConfigError("actions: got poses without --task, expected both; its action's scale is needed.")
        if self.actions == "recorded" and self.poses != PoseEntries():
            raise ConfigError("poses: got settings without --actions poses, expected both; add it.")
        if self.namespace and (self.actions == "poses" or not self.task):
            raise ConfigError(f"namespace: got {self.namespace!r} without --task, expected both for a bag, or none.")
        if self.video and self.format != "lerobot":
            raise ConfigError(f"video: got {self.video!r} with format {self.format}, expected lerobot; leave one out.")
        if self.stages and self.format != "lerobot":
            raise ConfigError(f"stages: got names with format {self.format}, expected lerobot; leave one out.")
        if self.stages_as != "subtask_index" and self.format != "lerobot":
            raise ConfigError(f"stages_as: got it with format {self.format}, expected lerobot; leave one out.")
        if self.successes is not None:
            checks.at_least(self, 1, "successes")


def run(arguments: Arguments) -> int:
    """Write the episodes and print how many."""
    source, out, target = arguments.source, arguments.out, _target(arguments)
    if out.exists() and any(out.iterdir()):
        raise ConfigError(f"out: got {out}, which holds something, expected a new folder.")
    converted, count, episodes = _opened(arguments)
    if not count:
        bags = "" if arguments.task or not _is_bag(source) else " A bag of raw topics needs --task."
        raise ConfigError(
            f"source: got {source} without episodes, expected a run or a folder of recorded episodes.{bags}"
        )
    steps, written, task = 0, 0, _task_of(source)
    for episode in _chosen(episodes, arguments.successes, count):
        meta = {"task": task, **episode.meta}
        text = arguments.text or meta.get("text") or _text_of(str(meta["task"]))
        meta |= {"text": text} if text else {}
        target.write(
            out, Episode(episode.steps, meta | ({SUBTASKS: list(arguments.stages)} if arguments.stages else {}))
        )
        written, steps = written + 1, steps + len(episode.steps)
    print(f"{written} episodes, {steps} steps in {out} ({arguments.format})")
    for remark in () if converted is None else converted.remarks:
        print(f"! {remark}")
    if written < (arguments.successes or 0):
        print(f"fewer than {arguments.successes}: {source} has no more successes.")
    return 0


def _opened(arguments: Arguments) -> "tuple[BagEpisodes | PosedEpisodes | None, int, Iterator[Episode]]":
    """Return what makes the episodes of a bag or of poses, their number, and the episodes."""
    source = arguments.source
    if arguments.actions == "poses":
        from robot_rl.runtime.acting.posed_episodes import PosedEpisodes

        form = make_format(arguments.source_format or format_of(source))
        posed = PosedEpisodes(form, source, find_task(arguments.task), arguments.poses)
        return posed, posed.count() if source.is_dir() else 0, posed.read()
    if arguments.task:
        from robot_rl.runtime.bags.episodes import BagEpisodes

        bag = BagEpisodes(source, find_task(arguments.task), arguments.namespace)
        return bag, bag.count(), bag.read()
    dataset = make_format(arguments.source_format or format_of(source))
    return None, dataset.count(source) if source.is_dir() else 0, dataset.read(source)


def _is_bag(source: Path) -> bool:
    return source.suffix == ".mcap" or any(source.glob("*.mcap"))


def _target(arguments: Arguments) -> DatasetFormat:
    if arguments.format != "lerobot":
        return make_format(arguments.format)
    from robot_rl.data.lerobot.dataset import LeRobotDataset

    return LeRobotDataset(arguments.video, bool(arguments.stages) or _has_stages(arguments), arguments.stages_as)


def _has_stages(arguments: Arguments) -> bool:
    """Return whether an episode to export has a stage that a person labelled, which asks for a column."""
    source = arguments.source
    if arguments.task or not source.is_dir():
        return False
    dataset = make_format(arguments.source_format or format_of(source))
    return any(STAGES in meta for meta in read_metas(dataset, source))


def _task_of(source: Path) -> str:
    """Return the task of a run, whose episodes do not name it."""
    config = source / "config.json"
    return str(json.loads(config.read_text(encoding="utf-8")).get("task", "")) if config.is_file() else ""


@lru_cache
def _text_of(task: str) -> str:
    """Return a task's text up to what is about its training; empty for a task that is not known here."""
    try:
        return find_task(task).text.partition(";")[0]
    except RobotRLError:
        return ""


def _chosen(episodes: Iterator[Episode], successes: int | None, count: int) -> Iterator[Episode]:
    """Yield all episodes, or the newest successful ones in their order."""
    shown = track(episodes, "episodes", total=count)
    if successes is None:
        yield from shown
        return
    yield from deque((episode for episode in shown if any(step.success for step in episode.steps)), successes)
