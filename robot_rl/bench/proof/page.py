"""Verification page: the table between two markers of docs/control.md, and its plots as PNG."""

from pathlib import Path
from typing import Any

import numpy as np

BEGIN, END = "<!-- proof: begin -->", "<!-- proof: end -->"
ROWS: tuple[tuple[str, str, str], ...] = (
    ("stiffness_error_pct", "Displacement under 10 N, 1 N m against F / K, worst of six axes [%]", "0"),
    ("overshoot_pct", "Overshoot of a 5 cm step, worst axis [%]", "0"),
    ("constant_damping_overshoot_pct", "... with constant damping 2 sqrt(K)", ""),
    ("serl_overshoot_pct", "... SERL's formula with that damping, x", ""),
    ("crisp_overshoot_pct", "... crisp's formula with that damping, x", ""),
    ("settle_s", "Settled within 2 % after [s]", ""),
    ("nullspace_leak_mm", "Tool motion while the posture moves [mm]", "0"),
    ("kinematic_nullspace_leak_mm", "... with the kinematic projector", ""),
    ("contact_force_n", "Force on a wall, 600 N/m clipped at 5 cm [N]", "30"),
    ("yielding_force_n", "... with a contact limit of 15 N", "15"),
    ("singular_speed_rad_per_s", "Fastest joint, pulled straight beyond its reach [rad/s]", "below 2.175"),
    ("singular_speed_bare_rad_per_s", "... without walls, slowing and damping", ""),
    ("random_inputs", "Random states and targets", "1,000,000"),
    ("bound_violations", "... that violate any of the bounds below", "0"),
    ("random_at_box", "... with the reference at a face of the box", ""),
    ("random_at_plane", "... at a plane", ""),
    ("random_at_cone", "... at the edge of the cone", ""),
    ("random_energy_spent", "... with less than 1 % left in the energy tank", ""),
    ("passivity_violations", "... torque that adds energy at a resting target", "0"),
    ("passivity_margin_per_s", "Weakest damping found, as a rate of the kinetic energy [1/s]", "above 0"),
)
_LABELS = {
    "step": ("time [s]", "distance covered [-]", "A step of 5 cm"),
    "delay": ("time [s]", "distance covered [-]", "A step with a delayed torque"),
    "contact": ("time [s]", "force on the wall [N]", "Contact with a wall"),
    "singular": ("time [s]", "fastest joint [rad/s]", "Pulled straight, beyond its reach"),
}


def table(metrics: dict[str, Any]) -> str:
    """Return the rows as Markdown."""
    lines = ["| quantity | measured | expected |", "|---|---|---|"]
    lines += [f"| {text} | {metrics[key]:,} | {goal} |" for key, text, goal in ROWS]
    delays = ", ".join(f"{key.split('_')[1]} {value}" for key, value in metrics.items() if key.startswith("delay_"))
    return "\n".join([*lines, f"| Overshoot with a torque delayed by [%] | {delays} | 0 |"])


def write_page(folder: Path, metrics: dict[str, Any], curves: dict[str, dict[str, np.ndarray]]) -> None:
    """Replace the table in `folder`/control.md and write one plot for each set of curves.


    Raises:
        ValueError: the page lacks its markers.
    """
    page = folder / "control.md"
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page}: got no markers {BEGIN} and {END}, expected both; restore them.")
    head, rest = text.split(BEGIN)
    page.write_text(f"{head}{BEGIN}\n{table(metrics)}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    for name, lines in curves.items():
        _plot(folder / "control" / f"{name}.png", *_LABELS[name], lines)


def _plot(path: Path, x: str, y: str, title: str, lines: dict[str, np.ndarray]) -> None:
    from matplotlib.figure import Figure  # without pyplot: no screen, no global state

    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for label, values in lines.items():
        style = "-" if label.startswith(("this", "walls", "the same")) or label.endswith("ms") else "--"
        axes.plot(1e-3 * np.arange(values.size), values, style, label=label, linewidth=1.3)
    axes.set(xlabel=x, ylabel=y, title=title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="best")
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
