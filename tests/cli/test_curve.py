"""Success of the policy alone over a training: from kept policies to the report, live view and page."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.cli.curve import _await_another
from robot_rl.cli.status import summary
from robot_rl.cli.train_stages import evaluate_policies
from robot_rl.config import EvaluationConfig, TrainConfig, load_config
from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.core.seeds import EPISODE_BITS, Purpose
from robot_rl.core.settings import save_settings
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.page.progress import RunProgress
from robot_rl.presets import preset
from robot_rl.runtime.runs.history import read_history
from robot_rl.runtime.runs.live import Budget, ProgressReader, rows
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.process_record import read_record
from robot_rl.runtime.runs.processes import ProcessFailedError, ProcessPlan, beside
from robot_rl.runtime.runs.report import closing_lines
from robot_rl.runtime.runs.run_folder import RunFolder, new_run
from robot_rl.runtime.runs.status import run_status
from robot_rl.runtime.runs.stop import StopSignal
from tests.diagnosis.short_runs import CORRIDOR, SMALL, short_config, short_run
from tests.waiting import eventually

NO_LEARNING = ("--learner.update-ratio.learning-starts", "100000", "--learner.update-ratio.pretrain-updates", "0")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    words = ("--env.kwargs", '{"length": 0.3}', "--evaluation.every", "100", "--evaluation.every-episodes", "4")
    config = short_config("Corridor", words)
    return short_run(tmp_path_factory.mktemp("curve") / "run", config, 250, updates_per_step=1.0)


def test_each_kept_policy_is_evaluated_once_and_shown_first(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curve", str(run.root)]) == 0
    printed = capsys.readouterr().out.splitlines()
    history = read_history(run)
    steps = [line["step"] for line in history.evaluations]
    assert steps[0] == 0 and len(steps) == 3 and [100 <= step < 130 for step in steps] == [False, True, False]
    assert len(printed) == 3 and printed[0].startswith("step 0: ")
    assert all(line["episodes"] == 4 and line["deterministic"] for line in history.evaluations)
    assert main(["curve", str(run.root)]) == 0 and capsys.readouterr().out == ""

    first, last = (f"{line['successes']}/4" for line in (history.evaluations[0], history.evaluations[-1]))
    shown = rows(ProgressReader([run.curve, run.actor(0)]).read(), 1.0, Budget())
    assert shown[2] == ("alone", f"{last} at step {steps[-1]}   at step 0: {first}")
    assert f"success alone at step 0, before any: {first}" in closing_lines(run)
    assert f"of {len(steps)} evaluations" in run.report.read_text() and "evaluated alone" in run.report_page.read_text()
    progress = RunProgress(run.root).read([])
    assert progress["evaluated"]["step"] == steps[-1] and len(progress["curves"]["evaluated"]) == 3

    newest = {"successes": history.evaluations[-1]["successes"], "episodes": 4, "step": steps[-1]}
    status = run_status(run, "corridor")
    assert status.evaluated == newest and f"alone {last} at step {steps[-1]}" in summary(status)

    assert main(["curve", str(run.root), "--episodes", "2"]) == 0
    assert [line["episodes"] for line in read_history(run).evaluations] == [2, 2, 2]


def test_seeds_of_the_curve_are_its_own_and_those_of_each_policy(run: RunFolder) -> None:
    assert len(Purpose) << EPISODE_BITS <= 2**31 and len({*Purpose}) == len(Purpose)
    assert {line["seed"] for line in read_metrics(run.curve, kind="evaluation")} == {10_000}


OTHER = """
import sys, time
from pathlib import Path
from robot_rl.runtime.runs.process_record import recorded
with recorded(Path(sys.argv[1]), "curve", "run"):
    print("here", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def other_curve(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another process that evaluates the policies of a run, until it gets a line."""
    command = [sys.executable, "-c", OTHER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "here\n"
        yield other


def test_a_second_curve_is_refused_or_waits(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(1) as pool, other_curve(run.curve) as other:
        assert main(["curve", str(run.root)]) == 1
        assert f"whose policies process {other.pid} evaluates now" in capsys.readouterr().err
        waiting = pool.submit(_await_another, run, True, StopSignal())
        assert f"waiting for process {other.pid} (running)" in eventually(lambda: capsys.readouterr().out)
        assert not waiting.done()
        other.communicate("end\n")
        waiting.result(timeout=40)


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curve", str(run.root)]) == 0
    capsys.readouterr()

    def interrupt() -> None:
        eventually(lambda: capsys.readouterr().out)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as pool, other_curve(run.curve) as other:
        pool.submit(interrupt)
        try:
            assert main(["curve", str(run.root), "--wait"]) == 130
        finally:
            signal.signal(signal.SIGINT, before)
        other.communicate("end\n")
    kept = f"stopped: 3 of 3 policies are evaluated and in {run.report}; go on with: robot-rl curve {run.root}\n"
    assert capsys.readouterr().out.endswith(kept)


@pytest.mark.slow
def test_a_curve_that_fails_does_not_cost_the_last_policy_its_evaluation(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run")
    config = preset("pick-lift-state-only")
    save_settings(folder.config_file, replace(config, evaluation=replace(config.evaluation, every=500)))
    with pytest.raises(ProcessFailedError, match="evaluate: ") as raised:  # neither has a policy here
        evaluate_policies(folder, load_config(folder.config_file), StopSignal(), ())
    assert isinstance(raised.value.__context__, ProcessFailedError) and "curve: " in str(raised.value.__context__)


def test_a_run_without_kept_policies_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = short_run(tmp_path / "run", short_config("Corridor", NO_LEARNING), 20)
    assert main(["curve", str(folder.root)]) == 2
    assert "--evaluation.every" in capsys.readouterr().err


def test_a_real_arm_is_refused() -> None:
    with pytest.raises(ConfigError, match="no second arm to evaluate on; --deterministic-fraction"):
        TrainConfig(robot=RobotConfig(kind="dds"), evaluation=EvaluationConfig(every=500))


def test_a_process_beside_that_fails_ends_nothing_else(tmp_path: Path) -> None:
    plan = ProcessPlan("curve", (sys.executable, "-c", "raise SystemExit(3)"), tmp_path / "log.txt")
    with beside(plan, 20.0, SystemClock()):
        pass
    with beside(None, 20.0, SystemClock()):
        pass


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_training_evaluates_beside_itself_and_completes_the_curve(tmp_path: Path) -> None:
    words = (*SMALL, "--env.kwargs", '{"length": 0.3}', "--evaluation.every", "100", "--evaluation.every-episodes", "4")
    limits = ("--env-steps", "300", "--updates-per-step", "1", "--runs", str(tmp_path), "--run-name", "run")
    command = [sys.executable, "-m", "robot_rl", "train", f"{CORRIDOR}:Corridor", *words, *limits]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=380)
    folder = RunFolder(tmp_path / "run")
    steps = [line["step"] for line in read_history(folder).evaluations]
    assert steps[0] == 0 and len(steps) >= 3
    record = read_record(folder.curve)
    assert record is not None and record.state == "ended" and (folder.curve / "log.txt").exists()
    assert "success alone at step 0, before any: " in done.stdout
