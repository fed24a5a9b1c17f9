"""Metrics of a run, each declared once: row of the report, column of a comparison, line of the live view."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from robot_rl.runtime.runs.history import SUCCESS_WINDOW, History, human_share, steps_to_reach

GOOD = 0.9
"""Success rate whose first crossing is reported."""
START_STEPS = 2000
"""First environment steps in which the success of the policy alone should not fall."""
SHORT, LONG = SUCCESS_WINDOW, 50
"""Episodes of the success rates in the live view."""

WIRE_LOSSES = {
    "wire_gaps": "missing from spools",
    "wire_refused": "actors or records refused",
    "wire_unreadable": "records of the journal left out",
    "wire_not_stored": "times the learner's disk took no record",
    "journal_lost": "lost by a damaged journal",
}
"""Counter of the learner -> its meaning, shown where it is not 0."""


class RunData(NamedTuple):
    """Data from which metrics are computed."""

    history: History
    minutes: float
    """Wall time of training, the start of its processes included, summed over resumed sessions."""
    evaluation: Mapping[str, Any] | None = None
    """`evaluation/summary.json`, None when nothing was evaluated."""


class RunMetric(NamedTuple):
    """One metric of a run; where a name is empty the metric is left out."""

    value: Callable[[RunData], Any]
    """None: not known, shown as a dash."""
    text: Callable[[Any], str] = str
    row: str = ""
    """Name of the row in the report."""
    column: str = ""
    """Head of the column in a comparison."""
    live: str = ""
    """Name of the line in the live view."""
    short: Callable[[Any], str] | None = None
    """Text in a comparison, where it differs from `text`."""


def metric_rows(metrics: tuple[RunMetric, ...], data: RunData) -> list[tuple[str, str]]:
    """Return the report's rows: name and text."""
    return [(metric.row, _text(metric, metric.text, data)) for metric in metrics if metric.row]


def live_rows(data: RunData) -> list[tuple[str, str]]:
    """Return the live view's lines: name and text."""
    shown = TRAINING if not data.history.evaluations else (*CURVE, *TRAINING)
    return [(metric.live, _text(metric, metric.text, data)) for metric in shown if metric.live]


def columns(data: RunData) -> dict[str, str]:
    """Return a comparison's cells by the heads of their columns."""
    shown = [metric for metric in (*EVALUATION, *CURVE, *TRAINING) if metric.column]
    return {metric.column: _text(metric, metric.short or metric.text, data) for metric in shown}


def success_rate(success: np.ndarray, window: int) -> float | None:
    """Return the success rate of the last `window` episodes; None before the first."""
    last = success[-window:]
    return float(last.mean()) if last.size else None


def share_by_tenth(history: History) -> tuple[float, ...] | None:
    """Return the human's share of the steps in each tenth of the run, first to last; None without steps."""
    if not history.steps.size:
        return None
    tenth = np.minimum(9, (10 * (history.env_steps - history.steps) / history.env_steps[-1]).astype(int))
    human = np.bincount(tenth, history.human_steps, minlength=10)
    steps = np.bincount(tenth, history.steps, minlength=10)
    return tuple(float(share) for share in human / np.maximum(steps, 1))


def success_text(evaluation: Mapping[str, Any]) -> str:
    """Return `N/M` with the interval, and the mean return where rewards tell more than success; or the row's length."""
    if (bound := evaluation.get("success_rate_at_least_95")) is not None:
        return f"{evaluation['in_a_row']} in a row (95 %: at least {bound:.1%})"
    low, high = evaluation["interval_95"]
    text = f"{evaluation['successes']}/{evaluation['episodes']} (95 % interval {low:.1%} to {high:.1%})"
    mean = evaluation.get("mean_return")
    return text if mean in (None, evaluation.get("success_rate")) else f"{text}, mean return {mean:.1f}"


def _text(metric: RunMetric, text: Callable[[Any], str], data: RunData) -> str:
    value = metric.value(data)
    return "-" if value is None else text(value)


def _sum(name: str) -> Callable[[RunData], int]:
    return lambda data: int(data.history.column(name).sum())


def _success(data: RunData) -> tuple[float | None, ...]:
    history = data.history
    greedy = history.success[history.greedy > 0]
    return success_rate(history.success, SHORT), success_rate(history.success, LONG), success_rate(greedy, SHORT)


def _success_text(rates: tuple[float | None, ...]) -> str:
    short, long, greedy = ("-" if rate is None else f"{rate:.0%}" for rate in rates)
    return f"last {SHORT}: {short}   last {LONG}: {long}   without exploration: {greedy}"


def _mean_return(data: RunData) -> float | None:
    rewards = data.history.column("reward")[-SHORT:]
    return float(rewards.mean()) if rewards.size else None


def _success_alone(data: RunData) -> float | None:
    return success_rate(data.history.success[data.history.human_steps == 0], SUCCESS_WINDOW)


def _human_now(data: RunData) -> tuple[float, int]:
    share = human_share(data.history)
    return float(share[-1]) if share.size else 0.0, _sum("interventions")(data)


def _updates(data: RunData) -> int:
    return int(data.history.updates[-1].get("updates") or 0) if data.history.updates else 0


def _cycle(data: RunData) -> tuple[Mapping[str, float], float] | None:
    evaluation = data.evaluation or {}
    cycle = evaluation.get("cycle_steps")
    return None if cycle is None else (cycle, evaluation["period_s"])


def _cycle_text(value: tuple[Mapping[str, float], float]) -> str:
    cycle, period_s = value
    median = f"median {cycle['median']:.0f} steps ({period_s * cycle['median']:.1f} s)"
    return f"{median}, middle half {cycle['q25']:.0f} to {cycle['q75']:.0f}"


def _start(data: RunData) -> Mapping[str, Any] | None:
    """Return the evaluation of the policy before any step."""
    first = next(iter(data.history.evaluations), None)
    return first if first is not None and first["step"] == 0 else None


def _least(data: RunData) -> tuple[Mapping[str, Any], int] | None:
    """Return the worst evaluation of the first steps, and how many there were."""
    early = [line for line in data.history.evaluations if line["step"] <= START_STEPS]
    return (min(early, key=_rate), len(early)) if early else None


def _least_text(value: tuple[Mapping[str, Any], int]) -> str:
    worst, count = value
    return f"{_share(worst)} at step {worst['step']}, of {count} evaluations"


def _newest(data: RunData) -> Mapping[str, Any] | None:
    return data.history.evaluations[-1] if data.history.evaluations else None


def _newest_live(data: RunData) -> str | None:
    newest, start = _newest(data), _start(data)
    if newest is None:
        return None
    return f"{_share(newest)} at step {newest['step']}" + (f"   at step 0: {_share(start)}" if start else "")


def _all_won(data: RunData) -> tuple[Mapping[str, Any], float] | None:
    """Return the first evaluation whose episodes all succeeded, and the control period [s]."""
    won = [line for line in data.history.evaluations if line["successes"] == line["episodes"]]
    return (won[0], float(won[0].get("period_s") or 0.0)) if won else None


def _all_won_text(value: tuple[Mapping[str, Any], float]) -> str:
    line, period_s = value
    minutes = line["step"] * period_s / 60
    return f"{line['step']} steps, {minutes:.1f} minutes of robot time, to {line['successes']}/{line['episodes']}"


def _share(line: Mapping[str, Any]) -> str:
    return f"{line['successes']}/{line['episodes']}"


def _rate(line: Mapping[str, Any]) -> float:
    return float(line["successes"]) / max(int(line["episodes"]), 1)


CURVE = (
    RunMetric(_newest_live, live="alone"),
    RunMetric(_start, _share, row="success alone at step 0, before any", column="at step 0"),
    RunMetric(_least, _least_text, row=f"its minimum over the first {START_STEPS} steps"),
    RunMetric(
        _all_won,
        _all_won_text,
        row="until all episodes of an evaluation succeeded",
        column="all won at",
        short=lambda value: str(value[0]["step"]),
    ),
    RunMetric(_newest, lambda line: f"{_share(line)} at step {line['step']}", row="newest evaluation in training"),
)
"""Of evaluations of the policy alone in training, where the run has them."""
TRAINING = (
    RunMetric(
        _success_alone,
        lambda rate: f"{rate:.0%}",
        row=f"success without help (last {SUCCESS_WINDOW} training episodes without interventions)",
        column="unhelped",
        live="unhelped",
    ),
    RunMetric(
        lambda data: data.minutes,
        lambda m: f"{m:.1f} min",
        row="training",
        column="minutes",
        short=lambda m: f"{m:.1f}",
    ),
    RunMetric(_sum("steps"), row="environment steps", column="env steps", live="env steps"),
    RunMetric(
        lambda data: steps_to_reach(data.history, GOOD),
        row=f"environment steps to {GOOD:.0%} (last {SUCCESS_WINDOW} training episodes, human included)",
        column=f"to {GOOD:.0%}",
    ),
    RunMetric(
        lambda data: (data.history.steps.size, _sum("fault")(data)),
        lambda value: f"{value[0]}, {value[1]} ended by a fault",
        row="training episodes",
        live="episodes",
    ),
    RunMetric(_success, _success_text, live="success"),
    RunMetric(
        _mean_return, lambda mean: f"{mean:.2f}", row=f"mean return (last {SHORT} training episodes)", live="return"
    ),
    RunMetric(_updates, row="updates"),
    RunMetric(
        lambda data: (_sum("human_steps")(data), _sum("interventions")(data), _sum("steps")(data)),
        lambda value: f"{value[0]} in {value[1]} interventions",
        row="human steps",
        column="human",
        short=lambda value: f"{value[0]} ({value[0] / max(value[2], 1):.0%})",
    ),
    RunMetric(_human_now, lambda value: f"{value[0]:.1%} of the last steps, {value[1]} interventions", live="human"),
    RunMetric(
        lambda data: (_sum("classifier_disagreed")(data), _sum("classifier_judged")(data)),
        lambda value: "{} of {} episodes".format(*value) if value[1] else "-",
        row="classifier and operator disagreed",
    ),
    RunMetric(
        lambda data: (_sum("reference_steps")(data), _sum("steps")(data)),
        lambda value: f"{value[0]} ({value[0] / value[1]:.0%} of the steps)" if value[0] else "-",
        row="actions of the reference",
    ),
    RunMetric(
        lambda data: tuple(_sum(name)(data) for name in ("retreats", "retreat_steps", "retries", "help_requests")),
        lambda value: "{} of {} steps, {} tries after them, {} requests for help".format(*value) if any(value) else "-",
        row="retreats of a stuck arm",
    ),
    RunMetric(
        lambda data: share_by_tenth(data.history),
        lambda shares: " ".join(f"{share:.0%}" for share in shares),
        row="human share of the steps, by tenth of the run",
        column="first to last tenth",
        short=lambda shares: f"{shares[0]:.0%} to {shares[-1]:.0%}",
    ),
)
EVALUATION = (
    RunMetric(
        lambda data: data.evaluation,
        success_text,
        row="success",
        column="success",
        short=lambda evaluation: f"{evaluation['successes']}/{evaluation['episodes']}",
    ),
    RunMetric(
        lambda data: (data.evaluation or {}).get("interval_95"),
        column="95 %",
        short=lambda interval: f"{interval[0]:.0%} to {interval[1]:.0%}",
    ),
    RunMetric(
        lambda data: data.evaluation,
        lambda e: f"{e['failures']} failed, {e['truncated']} out of time, {e['faults']} faults",
        row="otherwise",
    ),
    RunMetric(
        _cycle,
        _cycle_text,
        row="cycle of the successes",
        column="cycle",
        short=lambda value: f"{value[0]['median']:.0f}",
    ),
)
