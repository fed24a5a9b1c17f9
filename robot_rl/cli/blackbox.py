"""`robot-rl blackbox`: plot of a black box: what the arm did in its last minute, with each fault marked."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tyro.conf import Positional

from controllers.arm import Mode, Reason
from controllers.host.recorder import DEFAULT_FOLDER, read_mcap
from robot_rl.core.errors import ConfigError


@dataclass(frozen=True)
class Arguments:
    """Plot a black box of the control process as PNG: joints, speeds, torques, tracking error, external force and mode
    over the time before its end; a red line is a fault, with its name.

    examples:
      robot-rl blackbox                                 the newest of ~/.local/state/robot-rl/black_box
      robot-rl blackbox FILE.mcap --png fault.png --last-s 5
    """

    file: Positional[Path | None] = None
    """MCAP file; None: the newest one."""
    png: Path | None = None
    """Path of the image, overwritten; None: beside the file."""
    last_s: float = 60.0
    """Time before the end of the file that is plotted [s]."""


def run(arguments: Arguments) -> int:
    """Plot, and print the faults."""
    path = arguments.file or max(DEFAULT_FOLDER.glob("*.mcap"), default=None)
    if path is None:
        raise ConfigError(f"black box: got none in {DEFAULT_FOLDER}, expected a file; call ~/dump, or name one.")
    png = arguments.png or path.with_suffix(".png")
    rows = last_rows(path, arguments.last_s)
    found = faults(rows)
    plot(png, path.stem, rows, found)
    for since_s, name in found:
        print(f"{since_s:8.3f} s  {name}")
    print(png)
    return 0


def last_rows(path: Path, last_s: float) -> dict[str, np.ndarray]:
    """Return the columns of a black box's end, with `since_s` (rows,), the time before its end [s].

    Raises:
        ConfigError: no black box, or an empty one.
    """
    from mcap.exceptions import McapError

    try:
        rows = read_mcap(path)
    except (McapError, struct.error) as error:  # shorter than the head of a file
        raise ConfigError(f"black box: got '{error}' from {path}, expected MCAP of the black box.") from error
    if "stamp_s" not in rows:
        raise ConfigError(f"black box: got no rows in {path}, expected those of a control process; name another file.")
    rows["since_s"] = rows["stamp_s"] - rows["stamp_s"][-1]
    return {name: column[rows["since_s"] >= -last_s] for name, column in rows.items()}


def faults(rows: dict[str, np.ndarray]) -> list[tuple[float, str]]:
    """Return time before the end [s] and name of each fault."""
    in_fault = rows["mode"] == Mode.FAULT
    begins = np.flatnonzero(in_fault & ~np.concatenate([[False], in_fault[:-1]]))
    return [(float(rows["since_s"][i]), Reason(int(rows["fault"][i])).name) for i in begins]


def plot(png: Path, title: str, rows: dict[str, np.ndarray], marks: list[tuple[float, str]]) -> None:
    """Plot the rows as PNG.

    Args:
        marks: time before the end [s] and name of each fault.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    error_mm = 1e3 * np.linalg.norm(rows["reference_p"] - rows["p"], axis=1)
    panels = (
        ("joints [rad]", rows["q"]), ("speeds [rad/s]", rows["dq"]), ("torque command [N m]", rows["tau"]),
        ("measured torque [N m]", rows["tau_measured"]), ("reference to tool [mm]", error_mm),
        ("external force [N]", rows["external_wrench"][:, :3]), ("mode", rows["mode"]),
    )  # fmt: skip
    figure, axes = pyplot.subplots(len(panels), 1, sharex=True, figsize=(12, 14), layout="constrained")
    for axis, (label, values) in zip(axes, panels, strict=True):
        lines = axis.plot(rows["since_s"], values, linewidth=0.8)
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
        _name_lines(axis, lines)
        for since_s, _ in marks:
            axis.axvline(since_s, color="red", linewidth=0.8)
    seen = sorted({int(mode) for mode in rows["mode"]})
    axes[-1].set_yticks(seen, [Mode(mode).name for mode in seen])
    axes[-1].set_xlabel("time before the end [s]")
    for since_s, name in marks:
        axes[0].annotate(name, (since_s, 1.02), xycoords=("data", "axes fraction"), color="red", ha="right")
    figure.suptitle(title)
    figure.savefig(png, dpi=100)
    pyplot.close(figure)


def _name_lines(axis: Any, lines: list[Any]) -> None:
    """Name the joints or axes of a panel with several lines."""
    if len(lines) > 1:
        names = "xyz" if len(lines) == 3 else range(1, len(lines) + 1)
        axis.legend(lines, names, loc="upper left", ncols=len(lines), fontsize="x-small")
