"""`robot-rl report`: the report of runs again, from their files."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.config import load_config
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import to_json
from robot_rl.runtime.runs.report import write_report
from robot_rl.runtime.runs.run_folder import existing_run


@dataclass(frozen=True)
class Arguments:
    """Write report.md and report.html of runs again, also while they are in training. The page holds curves and video
    itself, so that it can be sent as it is; a video of more than 6 MB stays beside it.

    example:
      robot-rl report runs/first
    """

    runs: Positional[tuple[Path, ...]]
    """Folders of runs."""


def run(arguments: Arguments) -> int:
    """Write the reports and print their places."""
    if not arguments.runs:
        raise ConfigError("runs: got none, expected run folders; for example `robot-rl report runs/a`.")
    for path in arguments.runs:
        folder = existing_run(path)
        write_report(folder, to_json(load_config(folder.config_file)))
        print(folder.report_page)
    return 0
