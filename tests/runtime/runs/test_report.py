"""The report says what the files say, also when half of them are missing."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.config import TrainConfig
from robot_rl.core.errors import RunFolderError
from robot_rl.core.settings import to_json
from robot_rl.data.episodes import write_episode
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.report import closing_lines, read_run, write_report
from robot_rl.runtime.runs.report_page import INLINE_BYTES_MAX
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_metrics import TRAINING, metric_rows, share_by_tenth
from tests.data.builders import step_record
from tests.runtime.runs.test_history import history

EVALUATION = {
    "episodes": 100,
    "successes": 98,
    "interval_95": [0.93, 0.995],
    "failures": 1,
    "truncated": 1,
    "faults": 0,
    "cycle_steps": {"median": 14.0, "q25": 12.0, "q75": 17.0},
    "period_s": 0.1,
}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "pick")
    with MetricsWriter(folder.actor(0), tensorboard=False) as metrics:
        for i in range(40):
            human_steps = 10 if i < 10 else 0
            metrics.write(
                "episode", i, steps=25, success=i >= 5, human_steps=human_steps, interventions=human_steps > 0
            )
    with MetricsWriter(folder.root, tensorboard=False) as metrics:
        for minutes in (2.0, 1.5):
            metrics.write("session", 0, minutes=minutes)
    with MetricsWriter(folder.learner, tensorboard=False) as metrics:
        metrics.write("update", 400, updates=400)
    return folder


@pytest.fixture
def learnt(run: RunFolder) -> RunFolder:
    """The run with curves of its learner, which take longer to draw than the others."""
    with MetricsWriter(run.learner, tensorboard=False) as metrics:
        for i in range(5):
            metrics.write("update", 100 * i, updates=100 * i, critic_loss=1.0 / (i + 1), temperature=0.01)
    return run


def test_report_counts_what_the_metrics_files_hold(run: RunFolder) -> None:
    rows = dict(metric_rows(TRAINING, read_run(run)))
    assert (rows["environment steps"], rows["training episodes"]) == ("1000", "40, 0 ended by a fault")
    assert (rows["human steps"], rows["updates"], rows["training"]) == ("100 in 10 interventions", "400", "3.5 min")
    assert str(23 * 25) in rows.values()  # of the last 20 episodes, 18 succeeded
    assert rows["human share of the steps, by tenth of the run"].split()[::9] == ["40%", "0%"]


def test_report_sums_the_retreats_of_a_stuck_arm(run: RunFolder) -> None:
    counts = {"retreats": 2, "retreat_steps": 9, "retries": 2, "help_requests": 1}
    with MetricsWriter(run.actor(0), tensorboard=False) as metrics:
        for i in (40, 41):
            metrics.write("episode", i, steps=25, success=False, **counts)
    rows = dict(metric_rows(TRAINING, read_run(run)))
    assert rows["retreats of a stuck arm"] == "4 of 18 steps, 4 tries after them, 2 requests for help"


def test_records_that_a_damaged_journal_lost_are_reported_by_file_and_terminal(run: RunFolder) -> None:
    assert not any("lost" in line for line in closing_lines(run))
    with MetricsWriter(run.learner, tensorboard=False) as metrics:
        for lost in (2, 5):  # two sessions; the journal counts all that it lacks
            metrics.write("journal", 0, lost_records=lost)
    assert "records lost, since the learner's journal is damaged: 5" in closing_lines(run)
    assert "| records lost, since the learner's journal is damaged: | 5 |" in write_report(run, {}).read_text()


def test_what_the_wire_refused_and_dropped_is_reported_over_all_sessions(run: RunFolder) -> None:
    assert not any("wire:" in line for line in closing_lines(run))
    with MetricsWriter(run.learner, tensorboard=False) as metrics:
        for refused in (0, 1, 2, 0, 3):  # a second session begins at 0
            metrics.write("update", 0, wire_refused=refused, wire_gaps=0)
    with MetricsWriter(run.actor(0), tensorboard=False) as metrics:
        metrics.write("episode", 0, steps=1, success=True, dropped=4)
    lines = closing_lines(run)
    assert "wire: actors or records refused 5" in lines
    assert "wire: dropped, since an actor's disk or spool was full 4" in lines


def test_report_is_written_with_curves_and_evaluation(learnt: RunFolder) -> None:
    run = learnt
    run.evaluation.mkdir()
    (run.evaluation / "summary.json").write_text(json.dumps(EVALUATION))
    (run.evaluation / "video.mp4").write_bytes(b"")
    text = write_report(run, {"task": "pick-lift", "seed": 3}).read_text()
    assert "98/100 (95 % interval 93.0% to 99.5%)" in text
    assert "median 14 steps (1.4 s), middle half 12 to 17" in text
    for name in ("success.png", "human.png", "learning.png"):
        assert f"]({name})" in text and (run.root / name).stat().st_size > 1000
    assert "(evaluation/video.mp4)" in text
    lines = closing_lines(run)
    assert lines[0].startswith("success 98/100")
    assert f"report {run.report}" in lines and f"video {run.evaluation / 'video.mp4'}" in lines
    assert "env steps 1000" in lines and "human steps 100 (10.0%)" in lines


def test_run_without_any_episode_still_has_a_report(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    text = write_report(folder, {"task": "pick-lift"}).read_text()
    assert "None yet: `robot-rl evaluate" in text and "| training | 0.0 min |" in text


def test_broken_evaluation_is_named(run: RunFolder) -> None:
    run.evaluation.mkdir()
    (run.evaluation / "summary.json").write_text("{")
    with pytest.raises(RunFolderError, match="evaluate"):
        read_run(run)


def test_tenths_are_of_steps_not_of_episodes() -> None:
    run = history([1, 1], steps=[90, 10], human_steps=[0, 10])
    assert share_by_tenth(run) == (0.0,) * 9 + (1.0,)


def test_run_over_the_graph_reports_its_loop(run: RunFolder) -> None:
    with MetricsWriter(run.actor(0), tensorboard=False) as metrics:
        loop = {"command_to_state_ms_p50": 8.0, "command_to_state_ms_p99": 12.0, "missed": 4}
        metrics.write("episode", 41, steps=25, success=True, targets_withheld=1, **loop)
        for start in (0, 50):
            metrics.write("timing", 41, act_to_obs_ms=[100.0 + i for i in range(start, start + 50)], skew_ms=[])
    text = write_report(run, {"task": "pick-lift"}).read_text()
    assert "next observation, at the actor | 149.5 ms, 99 % below 198.0, at most 199.0 |" in text
    assert "the first state stamped after it | 8.0 ms, 99 % below 12.0 |" in text
    assert "a whole period late | 4 |" in text and "not sent because the state was refused | 1 |" in text
    assert "](timing.png)" in text and (run.root / "timing.png").stat().st_size > 1000


def test_run_in_the_simulators_own_time_reports_no_loop(run: RunFolder) -> None:
    assert "over the graph" not in write_report(run, {"task": "pick-lift"}).read_text()


def test_other_evaluations_are_listed_and_unfinished_ones_are_not(run: RunFolder) -> None:
    for name in ("evaluation-clone", "evaluation-expert.part"):
        (run.root / name).mkdir()
        (run.root / name / "summary.json").write_text(json.dumps(EVALUATION))
    text = write_report(run, {}).read_text()
    assert "| evaluation-clone | 98/100" in text and "evaluation-expert" not in text


class Addresses(HTMLParser):
    """Collects what a page loads, and checks that its elements close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "data", "xlink:href")]
        self.open += [tag] if tag not in ("meta", "html") else []

    def handle_endtag(self, tag: str) -> None:
        assert tag == "html" or self.open.pop() == tag


def page_of(run: RunFolder, config: dict | None = None) -> str:
    write_report(run, config or {"task": "pick-lift", "rewards": ["classifier"], "human": {"kind": "pendant"}})
    return run.report_page.read_text(encoding="utf-8")


def test_page_holds_everything_itself_and_begins_with_the_policy_alone(learnt: RunFolder) -> None:
    run = learnt
    run.evaluation.mkdir()
    (run.evaluation / "summary.json").write_text(json.dumps(EVALUATION))
    lines = [json.dumps({"seed": i, "steps": 9, "success": i > 1}) for i in range(100)]
    (run.evaluation / "episodes.jsonl").write_text("\n".join(lines))
    (run.evaluation / "video.mp4").write_bytes(b"video")
    text = page_of(run)
    addresses = Addresses(text)
    assert addresses.open == []
    assert [source for source in addresses.sources if not source.startswith(("#", "data:video/mp4;base64,"))] == []
    assert text.index(">98<small>") < text.index("human time") < text.index("temperature: weight")
    assert "95 % interval (Wilson): 93.0 to 99.5 %" in text and text.count('class="no"') == 2
    assert "a classifier of images" in text and "pendant" in text


def test_page_of_a_run_without_evaluation_estimates_from_episodes_without_help(run: RunFolder) -> None:
    text = page_of(run)
    assert "<strong>30 of 30</strong> of the newest training episodes without help" in text
    assert "95 % interval (Wilson): 88.6 to 100.0 %" in text


def test_page_counts_the_demonstrations_of_another_folder_while_it_is_there(run: RunFolder, tmp_path: Path) -> None:
    given = tmp_path / "demos"
    for success in (True, True, False):
        write_episode(given, [step_record(n) for n in range(4)], {"success": success, "steps": 4})
    config = {"task": "pick-lift", "demonstrations_from": str(given)}
    text = page_of(run, config)
    assert "2 demonstrations, 10 corrections" in text and "8 of demonstrations" in text
    assert "0 demonstrations, 10 corrections" in page_of(run, config | {"demonstrations_from": str(tmp_path / "gone")})


def test_page_of_an_empty_run_says_so_and_escapes_names(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a<b")
    folder.root.mkdir()
    text = page_of(folder)
    assert "Not evaluated yet" in text and "<h1>a&lt;b</h1>" in text and Addresses(text).open == []


def test_large_video_stays_beside_the_page(run: RunFolder) -> None:
    run.evaluation.mkdir()
    with (run.evaluation / "video.mp4").open("wb") as file:
        file.truncate(INLINE_BYTES_MAX + 1)
    assert "evaluation/video.mp4" in Addresses(page_of(run)).sources


def test_report_command_writes_both_files_again(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run.root)]) == 1
    run.config_file.write_text(json.dumps(to_json(TrainConfig())))
    assert main(["report", str(run.root)]) == 0
    assert run.report_page.is_file() and str(run.report_page) in capsys.readouterr().out
