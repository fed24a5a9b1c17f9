"""The live view shows what the metrics say, however they are cut into reads."""

from pathlib import Path

from rich.console import Console

from robot_rl.runtime.runs.live import Budget, Progress, ProgressReader, draw, line, rows
from robot_rl.runtime.runs.metrics import MetricsWriter


def episode(success: bool, steps: int = 10, human_steps: int = 0, **more: float) -> dict:
    return {"kind": "episode", "success": success, "steps": steps, "human_steps": human_steps, **more}


def test_success_is_averaged_over_two_windows() -> None:
    progress = Progress()
    assert progress.success(20) is None
    for success in [True] * 40 + [False] * 10:
        progress.add("actor-0", episode(success))
    assert progress.success(20) == 0.5
    assert progress.success(50) == 0.8


def test_counts_add_up_over_actors_and_rates_use_the_latest() -> None:
    progress = Progress()
    for rate, age_s in ((5.0, 1.0), (20.0, 0.5)):
        progress.add("actor-0", episode(True, human_steps=5, interventions=1, steps_per_s=rate, weights_age_s=age_s))
    progress.add("actor-1", episode(False, fault=True, steps_per_s=10.0, weights_age_s=3.0))
    shown = dict(rows(progress, 1.0, Budget()))
    assert (shown["env steps"], shown["episodes"]) == ("30", "3, 1 ended by a fault")
    assert shown["human"] == "33.3% of the last steps, 2 interventions"
    assert progress.actors_total("steps_per_s") == 30.0
    assert progress.actors_worst("weights_age_s") == 3.0


def test_what_the_wire_lost_and_a_disk_that_fills_are_shown_and_nothing_while_all_is_well() -> None:
    progress = Progress()
    progress.add("actor-0", episode(True, backlog=2, dropped=0, disk_left_mb=50_000.0))
    progress.add("learner", {"kind": "update", "wire_gaps": 0, "wire_refused": 0, "disk_left_mb": 9000.0})
    assert not {"wire", "disk"} & dict(rows(progress, 1.0, Budget())).keys()
    progress.add("actor-0", episode(True, dropped=7, disk_left_mb=130.4))
    progress.add("learner", {"kind": "update", "wire_gaps": 3, "wire_refused": 2, "journal_lost": 1})
    shown = dict(rows(progress, 1.0, Budget()))
    assert shown["disk"] == "130 MB left"
    lost = ("3 missing from spools", "2 actors or records refused", "1 lost by a damaged journal")
    assert shown["wire"] == ", ".join((*lost, "7 dropped by full disks of actors"))


def test_success_without_exploration_is_counted_by_itself() -> None:
    progress = Progress()
    progress.add("actor-0", episode(True))
    assert "without exploration: -" in line(progress, 1.0, Budget())
    for success in (True, True, False, True):
        progress.add("actor-0", episode(success, greedy=True))
    assert "without exploration: 75%" in line(progress, 1.0, Budget())


def test_nearer_limit_of_the_budget_counts() -> None:
    assert Budget(minutes=10).fraction(5.0, 10_000) == 0.5
    assert Budget(minutes=10, env_steps=1000).fraction(1.0, 900) == 0.9
    resumed = Budget(minutes=10, env_steps=1000, earlier_steps=16_000)  # of a run whose budget was spent
    assert resumed.fraction(0.0, 16_000) == 0.0 and resumed.spent(0.0, 17_000)
    assert Budget(minutes=10).spent(10.0, 0) and not Budget().spent(1e9, 10**9)


def test_reader_follows_files_that_appear_later(tmp_path: Path) -> None:
    reader = ProgressReader([tmp_path / "learner", tmp_path / "actor-0"])
    assert reader.read().episodes == 0
    with MetricsWriter(tmp_path / "actor-0", tensorboard=False) as metrics:
        metrics.write("episode", 0, success=True, steps=12)
    with MetricsWriter(tmp_path / "learner", tensorboard=False) as metrics:
        metrics.write("update", 100, updates=100, updates_per_s=51.26)
    progress = reader.read()
    assert progress.env_steps == 12 and progress.update["updates"] == 100
    assert reader.read().episodes == 1


def test_view_is_drawn_before_and_after_the_first_event() -> None:
    progress = Progress()
    console = Console(width=100, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as empty:
        console.print(draw(progress, 0.0, Budget(minutes=8), "pick-lift"))
    assert "of 8" in empty.get() and "last 20: -" in empty.get()
    progress.add("actor-0", episode(True))
    progress.add("learner", {"kind": "update", "updates_per_s": 51.26})
    assert "51.3 updates/s" in line(progress, 1.0, Budget()) and "last 20: 100%" in line(progress, 1.0, Budget())


def test_loop_over_the_graph_is_shown_where_there_is_one() -> None:
    progress = Progress()
    progress.add("actor-0", episode(True))
    assert "loop" not in line(progress, 1.0, Budget())
    times = {"act_to_obs_ms_p50": 101.0, "act_to_obs_ms_p99": 130.0, "state_age_ms_p99": 12.0, "skew_ms_p99": 31.0}
    progress.add("actor-0", episode(True, missed=7, image_age_ms_p99=40.0, **times))
    shown = line(progress, 1.0, Budget())
    assert "101 ms from action to observation (p99 130), 7 steps late" in shown
    assert "state 12, image 40, skew 31" in shown


def test_success_of_episodes_without_help_is_shown_by_itself() -> None:
    progress = Progress()
    for success, human_steps in ((True, 5), (False, 0), (True, 0), (True, 3)):
        progress.add("actor-0", episode(success, human_steps=human_steps))
    assert dict(rows(progress, 1.0, Budget()))["unhelped"] == "50%"


def test_phase_names_the_present_wait() -> None:
    progress = Progress()
    assert "starting" in dict(rows(progress, 0.1, Budget()))["phase"]
    progress.add("actor-0", episode(True))
    assert "acting" in dict(rows(progress, 0.5, Budget()))["phase"]
    progress.add("learner", {"kind": "update", "updates_per_s": 51.26})
    assert dict(rows(progress, 1.0, Budget()))["phase"] == "learning"
