"""The plot of a black box: the newest file, its faults by name and time."""

from pathlib import Path

import numpy as np
import pytest

from controllers.arm import Mode, Reason
from controllers.host.black_box import row_dtype
from controllers.host.recorder import write_mcap
from robot_rl.cli.blackbox import Arguments, run
from robot_rl.core.errors import ConfigError


def black_box(path: Path) -> Path:
    """Ten seconds at 100 Hz that end in a second of fault."""
    rows = np.zeros(1000, row_dtype(7))
    rows["stamp_s"] = np.arange(1000) / 100.0
    rows["mode"] = Mode.ACTIVE
    rows["q"] = np.sin(rows["stamp_s"])[:, None] * np.arange(7)
    rows["mode"][900:], rows["fault"][900:] = Mode.FAULT, Reason.ROBOT_STOPPED
    write_mcap(path, rows, "a reflex", 0.0)
    return path


def test_the_plot_marks_the_fault_and_the_lines_name_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Arguments(black_box(tmp_path / "a.mcap"), last_s=5.0)) == 0
    assert capsys.readouterr().out.splitlines() == ["  -0.990 s  ROBOT_STOPPED", str(tmp_path / "a.png")]
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_file_that_is_no_black_box_is_refused(tmp_path: Path) -> None:
    for text in ("something else", "short"):
        (tmp_path / "a.mcap").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match="expected MCAP"):
            run(Arguments(tmp_path / "a.mcap"))
