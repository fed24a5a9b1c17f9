"""`robot-rl episodes`: table, health, coverage, images and edits of recorded episodes, or of a run's."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import track
from tyro.conf import Positional

from robot_rl.core.errors import ConfigError, CorruptRecordError
from robot_rl.data.formats import FORMAT_HELP, check_format, format_of, make_format
from robot_rl.data.overview import Row, describe, read_each
from robot_rl.runtime.acting.edits import Edits, edit_folder, parse_pairs, undo
from robot_rl.runtime.runs.coverage import Bins, Gathered, coverage, described, quality

CLIPS_MAX = 64
HEADS = ("episode", "steps", "seconds", "success", "source", "human", "task", "cameras")
NUMBERS = ("episode", "steps", "seconds", "human")
"""Heads of columns that are aligned at their right."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Show recorded episodes, or those of a run: length, outcome, who acted, and what is wrong with them.

    Faults: gaps in the time stamps and wrong rates, saturated actions, frozen or black cameras, missing labels, another
    task or other cameras than the first episode, damaged files. Edits lose nothing: the folder before an edit is kept
    beside the new one as FOLDER-before-N, whole, and --undo exchanges both. Numbers are those of the table.

    Coverage counts unique pairs of a state and an action in bins: SACo is their number over that of a --reference, TQ
    the mean return between those of --random and --expert (Schweighofer et al. 2022: cloning needs a high TQ, learning
    from reward a high SACo). A state is the tool's pose and the gripper's opening, without velocities, forces, objects
    and images; of what is no arm of ours, each number in tenths of its range. SACo grows with the number of steps:
    compare sets of like size.

    examples:
      robot-rl episodes demos
      robot-rl episodes runs/first/demonstrations --thumbnails demos.png --video demos.mp4
      robot-rl episodes runs/first --only 0 1 2                 what the actors sent to the learner
      robot-rl episodes demos --delete 3 7 --split 4=30 --relabel 5=failure
      robot-rl episodes demos --undo
      robot-rl episodes demos --coverage --reference runs/first
      robot-rl episodes runs/first --coverage --random 0 --expert demos --json
    """

    folder: Positional[Path]
    """Folder of episodes, or of a run."""
    thumbnails: Path | None = None
    """PNG with the last images of the episodes, the newest 64 at most."""
    video: Path | None = None
    """MP4 in which they play at once."""
    only: tuple[int, ...] = ()
    """Show only these."""
    delete: tuple[int, ...] = ()
    """Delete these."""
    split: tuple[str, ...] = ()
    """Split episodes in two: NUMBER=STEP, the first step of the second part."""
    relabel: tuple[str, ...] = ()
    """Correct outcomes: NUMBER=success or NUMBER=failure, of the episode's last step."""
    undo: bool = False
    """Exchange the folder with its newest archive; twice: as before."""
    coverage: bool = False
    """Print unique state-action pairs, SACo and TQ of the episodes that are shown."""
    reference: Path | None = None
    """Folder, or run, whose unique pairs SACo is relative to; None: pairs are counted, without SACo."""
    random: str = ""
    """TQ's 0: mean return of a policy that knows nothing, as number or folder; empty: the lowest episode's return."""
    expert: str = ""
    """TQ's 1: mean return of the best policy, as number or folder; empty: the highest episode's return."""
    bins: Bins = field(default_factory=Bins)
    """Bins of states and actions."""
    json: bool = False
    """Print JSON instead: the rows, and coverage and quality where asked for."""
    format: Annotated[str, tyro.conf.arg(help=f"Format: {FORMAT_HELP} None: what it looks like.")] = ""

    def __post_init__(self) -> None:
        if self.format:
            check_format(self.format)
        self.edits  # noqa: B018  (checked before anything is read)
        if not self.coverage and (self.reference or self.random or self.expert):
            raise ConfigError("reference, random, expert: got one without --coverage, expected both; add --coverage.")
        if self.json and (self.undo or self.edits.numbers or self.thumbnails or self.video):
            raise ConfigError("json: got it with edits or images, expected it alone; run the command twice.")

    @property
    def edits(self) -> Edits:
        """The requested edits."""
        splits = {number: _step(text) for number, text in parse_pairs(self.split, "split")}
        relabel: dict[int, Any] = dict(parse_pairs(self.relabel, "relabel"))
        for number, verdict in relabel.items():
            if verdict not in ("success", "failure"):
                raise ConfigError(f"--relabel: got {number}={verdict}, expected {number}=success or {number}=failure.")
        return Edits(self.delete, splits, relabel)


def _step(text: str) -> int:
    if not text.isdigit():
        raise ConfigError(f"--split: got step {text!r}, expected a number; write NUMBER=STEP.")
    return int(text)


def run(arguments: Arguments) -> int:
    """Edit where asked, print the table, write images; return 1 where an episode has a fault."""
    folder, form = arguments.folder, arguments.format or format_of(arguments.folder)
    if arguments.undo:
        print(f"{folder} is as before the last edit; its later state is {undo(folder)}")
    if not folder.is_dir() or not make_format(form).count(folder):
        raise ConfigError(
            f"folder: got {folder} without episodes, expected recordings or a run; see `robot-rl record`."
        )
    if arguments.edits.numbers:
        print(f"{folder} is edited; before it was {edit_folder(folder, form, arguments.edits)}, --undo brings it back")
    found = Gathered() if arguments.coverage else None
    rows = _rows(arguments, form, found)
    measured = {} if found is None else _measured(arguments, found)
    if arguments.json:
        print(json.dumps({"episodes": [asdict(row) for row in rows], **measured}, indent=2))
        return int(any(row.faults for row in rows))
    print(table(rows))
    print(_summary(rows))
    for line in described(measured) if measured else ():
        print(line)
    return int(any(row.faults for row in rows))


def _measured(arguments: Arguments, found: Gathered) -> dict[str, Any]:
    """Return coverage and quality, JSON-ready, with the bins and names that they are relative to."""
    reference = None if arguments.reference is None else _gather(arguments.reference)
    ends = {name: _return(getattr(arguments, name)) for name in ("random", "expert")}
    names = {
        "reference": None if reference is None else str(arguments.reference),
        "random": arguments.random or "lowest episode",
        "expert": arguments.expert or "highest episode",
    }
    explored = asdict(coverage(found, arguments.bins, reference)) | {"state": found.state_text}
    return {"coverage": explored, "quality": asdict(quality(found, **ends)), "bins": asdict(arguments.bins)} | {
        "relative_to": names
    }


def _gather(folder: Path) -> Gathered:
    """Return the states, actions and returns of a folder's whole episodes."""
    dataset, found = make_format(format_of(folder)), Gathered()
    if not folder.is_dir() or not dataset.count(folder):
        raise ConfigError(f"coverage: got {folder} without episodes, expected recordings or a run; check the path.")
    for episode in read_each(dataset, folder):
        if not isinstance(episode, CorruptRecordError):
            found.add(episode)
    return found


def _return(text: str) -> float | None:
    """Return a number, or the mean return of a folder."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return quality(_gather(Path(text))).mean


def _rows(arguments: Arguments, form: str, found: Gathered | None) -> list[Row]:
    """Return the rows of the table, write the images of their episodes, and gather what coverage needs."""
    from robot_rl.runtime.runs.episode_grid import Clip, cell_height, make_clip, save_thumbnails, save_video

    dataset, folder = make_format(form), arguments.folder
    count = dataset.count(folder)
    shown = [number for number in range(count) if not arguments.only or number in arguments.only]
    clips: list[Clip] = []
    rows: list[Row] = []
    wanted = set(shown[-CLIPS_MAX:]) if arguments.thumbnails or arguments.video else set()
    episodes, screen = enumerate(read_each(dataset, folder)), Console(stderr=True)
    for number, episode in track(episodes, "reading", total=count, transient=True, console=screen):
        if number not in shown:
            continue
        whole = (row for row in rows if row.steps)
        rows.append(describe(number, episode, next(whole, None)))
        if found is not None and not isinstance(episode, CorruptRecordError):
            found.add(episode)
        if number in wanted and not isinstance(episode, CorruptRecordError):
            clip = make_clip(rows[-1], episode, cell_height(len(wanted)), arguments.video is not None)
            clips += [clip] if clip else []
    for path, save in ((arguments.thumbnails, save_thumbnails), (arguments.video, save_video)):
        if path is not None:
            if not clips:
                raise ConfigError(f"images: got none in {folder}, expected episodes with cameras; leave {path} out.")
            save(path, clips)
            print(f"{path}: {len(clips)} episodes")
    return rows


def table(rows: Sequence[Row]) -> str:
    """Return the rows below their heads, each fault on a line of its own below its episode."""
    cells = [HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEADS))]
    lines: list[str] = []
    for row, line in zip([None, *rows], cells, strict=True):
        aligned = (
            f"{text:>{width}}" if head in NUMBERS else f"{text:<{width}}"
            for head, text, width in zip(HEADS, line, widths, strict=True)
        )
        lines.append("  ".join(aligned).rstrip())
        lines += [f"{'':>{widths[0]}}  ! {fault}" for fault in (row.faults if row else ())]
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    measures = (str(row.number), str(row.steps), f"{row.seconds:.1f}", "yes" if row.success else "no")
    return (*measures, row.source, f"{row.human:.0%}", row.task, " ".join(row.cameras) or "-")


def _summary(rows: list[Row]) -> str:
    successes, faulty = sum(row.success for row in rows), sum(bool(row.faults) for row in rows)
    minutes = sum(row.seconds for row in rows) / 60
    return f"{len(rows)} episodes, {minutes:.1f} minutes, {successes} successes, {faulty} with faults"
