"""`robot-rl report`: the report of runs again, from their files."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.config import load_config
from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import to_json
from robot_rl.runtime.runs.animation import save_gif
from robot_rl.runtime.runs.report import VIDEO_FILE, write_report
from robot_rl.runtime.runs.run_folder import existing_run


@dataclass(frozen=True)
class Arguments:
    """Write report.md and report.html of runs again, also while they are in training. The page holds curves and video
    itself, so that it can be sent as it is; a video of more than 6 MB stays beside it.

    examples:
      robot-rl report runs/first
      robot-rl report runs/first --gif lift.gif --gif-s 12
    """

    runs: Positional[tuple[Path, ...]]
    """Folders of runs."""
    gif: Path | None = None
    """GIF of the beginning of the first run's video, for a document; None: none."""
    gif_s: float = 10.0
    """Its length [s]."""
    gif_width: int = 640
    """Its width [pixels]."""

    def __post_init__(self) -> None:
        checks.positive(self, "gif_s", "gif_width")


def run(arguments: Arguments) -> int:
    """Write the reports and print their places."""
    if not arguments.runs:
        raise ConfigError("runs: got none, expected run folders; for example `robot-rl report runs/a`.")
    for path in arguments.runs:
        folder = existing_run(path)
        write_report(folder, to_json(load_config(folder.config_file)))
        print(folder.report_page)
    if arguments.gif is not None:
        save_gif(
            existing_run(arguments.runs[0]).evaluation / VIDEO_FILE, arguments.gif, arguments.gif_s, arguments.gif_width
        )
        print(arguments.gif)
    return 0
