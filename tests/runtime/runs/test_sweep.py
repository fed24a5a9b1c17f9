"""A grid of settings over seeds: names, states, seeds, processes some at a time, what is left of a budget."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.live import Budget
from robot_rl.runtime.runs.metrics import METRICS_FILE
from robot_rl.runtime.runs.processes import LOST, ProcessPlan
from robot_rl.runtime.runs.rest import rest_of, trained_minutes
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.sweep import check_seeds, parse_grid, plan_runs
from robot_rl.runtime.runs.sweep_launch import HELD_S, LOSSES_MAX, LocalLauncher, run_all
from robot_rl.testing import FakeClock


def test_values_are_json_or_texts_and_lists_keep_their_commas() -> None:
    words = [
        "agent.bc-weight=0.1,2",
        "method=rlpd,sac",
        "agent.hidden=[64,64],[8]",
        "budget.env_steps=None",
        "a.b=true",
    ]
    assert parse_grid(words) == {
        "agent.bc_weight": [0.1, 2],
        "method": ["rlpd", "sac"],
        "agent.hidden": [[64, 64], [8]],
        "budget.env_steps": [None],
        "a.b": [True],
    }


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["agent.bc-weight"], "NAME=VALUE"),
        (["agent.bc-weight="], "NAME=VALUE"),
        (["a=1,,2"], "NAME=VALUE"),
        (["a=1,1"], "each of its values once"),
        (["a=1", "a=2"], "each setting"),
        (["seed=100,101"], "use --seeds"),
        (["task=pick-lift,peg-insert"], "another sweep"),
    ],
)
def test_words_that_are_no_grid_are_refused(words: list[str], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        parse_grid(words)


def test_runs_have_names_of_their_own_which_a_larger_grid_keeps(tmp_path: Path) -> None:
    grid = parse_grid(["agent.hidden=[64,64],[6,464]", "b.x=1", "c.x=a/b,ab"])
    runs = plan_runs(tmp_path, grid, [100, 101])
    names = [run.folder.name for run in runs]
    assert len(set(names)) == len(runs) == 8 and not any("/" in name for name in names)
    larger = plan_runs(tmp_path, {**grid, "c.x": ["a/b", "ab", "c"]}, [100, 101, 102])
    assert set(names) < {run.folder.name for run in larger}
    assert [run.seed for run in runs] == [100] * 4 + [101] * 4  # each cell once before any twice
    assert [run.folder.name for run in plan_runs(tmp_path, {"agent.bc_weight": [0.1]}, [7])] == ["bc_weight-0.1-seed-7"]


def test_long_and_many_values_fit_into_a_name(tmp_path: Path) -> None:
    grid = parse_grid([f"x.{'y' * 60}{i}={'z' * 80}" for i in range(4)])
    (run,) = plan_runs(tmp_path, grid, [100])
    assert len(run.folder.name) < 160


def test_state_is_that_of_the_folder(tmp_path: Path) -> None:
    (run,) = plan_runs(tmp_path, {}, [100])
    assert run.state == "new" and run.label == "as given"
    run.folder.root.mkdir()
    assert run.state == "new"
    run.folder.config_file.write_text("{}")
    assert run.state == "unfinished"
    run.folder.evaluation.mkdir()
    (run.folder.evaluation / "summary.json").write_text("{}")
    assert run.state == "finished"


def test_seeds_of_reports_are_refused_unless_forced() -> None:
    with pytest.raises(ConfigError, match="would flatter those results"):
        check_seeds([2, 100], forced=False)
    check_seeds([0, 1, 2], forced=True)
    check_seeds([3, 100], forced=False)
    for seeds in ([], [100, 100]):
        with pytest.raises(ConfigError, match="different seeds"):
            check_seeds(seeds, forced=True)


def program(folder: Path, name: str, text: str) -> ProcessPlan:
    return ProcessPlan(name, (sys.executable, "-S", "-c", text), folder / "logs" / f"{name}.txt")


def test_so_many_run_at_a_time_and_a_failure_ends_no_other(tmp_path: Path) -> None:
    at_once: list[int] = []
    plans = [program(tmp_path, f"run-{i}", f"import sys; print('hello'); sys.exit({i})") for i in range(4)]

    def show(running, codes):
        at_once.append(len(running))

    codes = run_all(plans, LocalLauncher(2), SystemClock(), lambda: False, show, 5.0)
    assert codes == {f"run-{i}": i for i in range(4)} and max(at_once) <= 2
    assert (tmp_path / "logs" / "run-3.txt").read_text() == "hello\n"


def test_stop_ends_those_that_run_and_starts_no_other(tmp_path: Path) -> None:
    end = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))"
    wait = f"import signal, sys; {end}; print(1, flush=True); signal.pause()"
    plans, seen = [program(tmp_path, f"run-{i}", wait) for i in range(2)], []

    def show(running, codes):
        log = tmp_path / "logs" / "run-0.txt"
        seen.extend([1] if log.exists() and log.read_text() else [])

    assert run_all(plans, LocalLauncher(1), SystemClock(), lambda: bool(seen), show, 30.0) == {}
    assert not (tmp_path / "logs" / "run-1.txt").exists()


class Cluster:
    """A place whose processes end with scripted codes, in the order in which they are started."""

    slots = 2

    def __init__(self, *codes):
        self.codes, self.started = list(codes), []

    def start(self, slot, plan):
        self.started.append(plan.command)
        return Ended(plan, self.codes.pop(0))

    def close(self):
        pass


@dataclass
class Ended:
    """A process that has ended."""

    plan: ProcessPlan
    exit_code: int

    def ask_to_stop(self):
        pass

    def wait(self, timeout_s, clock):
        pass


def outcome(cluster, again):
    plans, clock = [ProcessPlan(name, ("first", name)) for name in ("a", "b")], FakeClock()
    return run_all(plans, cluster, clock, lambda: False, lambda *_: None, 1.0, again)


def test_run_whose_computer_was_lost_goes_on_elsewhere_once_its_folder_is_free() -> None:
    cluster, answers = Cluster(LOST, 3, 0), ["held", "held", ProcessPlan("a", ("resume", "a"))]
    assert outcome(cluster, lambda _: answers.pop(0)) == {"a": 0, "b": 3}
    assert cluster.started == [("first", "a"), ("first", "b"), ("resume", "a")]


def test_lost_run_without_anything_left_to_do_has_ended_well() -> None:
    assert outcome(Cluster(LOST, 0), lambda _: "done") == {"a": 0, "b": 0}


def test_run_is_reported_lost_when_it_is_lost_too_often_or_its_folder_stays_held_or_none_is_placed_again() -> None:
    often = Cluster(LOST, 0, *[LOST] * LOSSES_MAX)
    assert outcome(often, lambda name: ProcessPlan(name, ())) == {"a": LOST, "b": 0} and not often.codes
    held: list[str] = []
    assert outcome(Cluster(LOST, 0), lambda name: held.append(name) or "held") == {"a": LOST, "b": 0}
    assert len(held) > HELD_S
    assert outcome(Cluster(LOST, 0), None) == {"a": LOST, "b": 0}


def write_lines(folder: Path, times_s: list[float], **values: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"wall_s": time_s, "kind": "update", "step": 0, **values}) for time_s in times_s]
    with (folder / METRICS_FILE).open("a") as file:
        file.write("\n".join(lines) + "\n")


def test_rest_of_a_budget_counts_a_killed_session_and_no_break(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert rest_of(run, Budget(3.0, 1000), 0) == Budget(3.0, 1000)
    write_lines(run.learner, [0.0, 30.0, 60.0, 5000.0, 5030.0])
    assert trained_minutes(run) == pytest.approx(1.5)
    rest = rest_of(run, Budget(3.0, 1000), 400)
    assert (
        rest is not None and rest.minutes == pytest.approx(1.5) and not rest.spent(0.0, 999) and rest.spent(0.0, 1000)
    )
    assert rest_of(run, Budget(1.5, None), 400) is None
    assert rest_of(run, Budget(None, 400), 400) is None


def test_training_that_ended_by_itself_has_no_rest(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write_lines(run.learner, [0.0, 30.0])
    write_lines(run.root, [31.0], kind="session", why="stopped", minutes=1.0)
    assert rest_of(run, Budget(3.0), 10) is not None
    write_lines(run.root, [32.0], kind="session", why="success", minutes=1.0)
    assert rest_of(run, Budget(3.0), 10) is None
    write_lines(run.learner, [40.0])  # trained again, and was killed
    assert rest_of(run, Budget(3.0), 10) is not None
