"""Tables of a comparison of methods, in Markdown and LaTeX, and its decisions in words."""

from collections.abc import Sequence

from robot_rl.runtime.runs.method_comparison import Comparison, Interval, notes
from robot_rl.runtime.runs.sequential_test import Decision

Table = list[tuple[str, ...]]
"""Head and rows."""
LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def markdown(comparison: Comparison) -> str:
    """Return the tables, the notes and the decisions as Markdown."""
    parts = [f"Methods on {comparison.task}, success of the policy alone:", _markdown_table(_methods(comparison))]
    parts += ["\n".join(lines)] if (lines := notes(comparison)) else []
    parts += [_markdown_table(_improvements(comparison))] if comparison.improvements else []
    parts += ["\n".join(lines)] if (lines := decision_lines(comparison)) else []
    return "\n\n".join(parts)


def latex(comparison: Comparison) -> str:
    """Return the tables as LaTeX's `tabular`; notes and decisions are comments."""
    tables = [_methods(comparison), *([_improvements(comparison)] if comparison.improvements else [])]
    said = [f"% {line}" for line in (*notes(comparison), *decision_lines(comparison))]
    return "\n".join([f"% {comparison.task}", *map(_latex_table, tables), *said])


def decision_lines(comparison: Comparison) -> list[str]:
    """Return a line for each decision of the sequential test, and one about its error level."""
    if comparison.rule is None:
        return []
    rule = comparison.rule
    level = (
        f"AdaStop: error level {rule.error_level:g} over all pairs and looks, {rule.seeds_per_look} seeds a look, at "
        f"most {rule.looks} looks."
    )
    if not comparison.decisions:
        return ["not decided: one method only, nothing to compare it with", level]
    return [*map(_decision_line, comparison.decisions), level]


def _decision_line(decision: Decision) -> str:
    seeds = f"({decision.seeds} seeds each)"
    if decision.verdict == "better":
        return f"decided: {decision.first} better than {decision.second} {seeds}"
    if decision.verdict == "worse":
        return f"decided: {decision.second} better than {decision.first} {seeds}"
    if decision.verdict == "equal":
        return f"decided: equal: {decision.first} and {decision.second} {seeds}, no difference was found"
    more = ", ".join(f"{count} of {label}" for label, count in decision.missing.items())
    return (
        f"not decided: {decision.first} and {decision.second}: run {sum(decision.missing.values())} more seeds: {more}"
    )


def _methods(comparison: Comparison) -> Table:
    head = ("method", "seeds", "mean success", "95 %", "IQM", "95 %", "robot minutes", "human steps")
    rows = [
        (
            row.label,
            str(len(row.seeds)),
            f"{row.mean:.1%}",
            _interval(row.mean_interval, 1),
            f"{row.iqm:.1%}",
            _interval(row.iqm_interval, 1),
            f"{row.robot_minutes:.1f}",
            f"{row.human_steps:.0f}",
        )
        for row in comparison.methods
    ]
    return [head, *rows]


def _improvements(comparison: Comparison) -> Table:
    head = ("X", "Y", "probability that X improves on Y", "95 %")
    rows = [
        (pair.first, pair.second, f"{pair.probability:.0%}", _interval(pair.interval, 0))
        for pair in comparison.improvements
    ]
    return [head, *rows]


def _interval(interval: Interval, digits: int) -> str:
    return "-" if interval is None else f"{interval[0]:.{digits}%} to {interval[1]:.{digits}%}"


def _markdown_table(table: Table) -> str:
    head, *rows = table
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def _latex_table(table: Table) -> str:
    head, *rows = (_latex_row(row) for row in table)
    columns = "l" + "r" * (len(table[0]) - 1)
    lines = [f"\\begin{{tabular}}{{{columns}}}", r"\hline", head, r"\hline", *rows, r"\hline", r"\end{tabular}"]
    return "\n".join(lines)


def _latex_row(cells: Sequence[str]) -> str:
    escaped = ("".join(LATEX_SPECIAL.get(sign, sign) for sign in cell) for cell in cells)
    return f"{' & '.join(escaped)} \\\\"
