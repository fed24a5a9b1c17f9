"""`robot-rl compare` over methods: groups, intervals, decisions, refusals, on run folders written as `train` does."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from robot_rl.cli import main
from robot_rl.cli.evaluate import save_result
from robot_rl.config import TrainConfig
from robot_rl.core.settings import changed, save_settings
from robot_rl.runtime.acting.evaluate import EpisodeResult, EvaluationResult
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.run_folder import new_run

Compare = Callable[..., tuple[int, str, str]]
EPISODES = 20
HIL, CLONES = {"method": "hil"}, {"method": "hg-dagger"}


def evaluation(successes: int) -> EvaluationResult:
    won = [i < successes for i in range(EPISODES)]
    results = tuple(EpisodeResult(i, 25, float(w), w, not w, False, False) for i, w in enumerate(won))
    return EvaluationResult(results, 10_000, True, 1, 0.1)


def write_run(root: Path, seed: int, successes: int | None, changes: Mapping[str, Any]) -> str:
    """Write a run of 20 training episodes of 30 steps, the human's share 3, at 10 Hz: one robot minute."""
    folder = new_run(root)
    save_settings(folder.config_file, changed(TrainConfig(seed=seed), changes))
    with MetricsWriter(folder.actor(0), tensorboard=False) as metrics:
        for i in range(20):
            metrics.write("episode", 30 * i, steps=30, success=True, human_steps=3)
    if successes is not None:
        folder.evaluation.mkdir()
        save_result(folder.evaluation, evaluation(successes))
    return str(folder.root)


def write_method(root: Path, successes: Sequence[int | None], changes: Mapping[str, Any]) -> list[str]:
    return [write_run(root / f"seed-{seed}", seed, count, changes) for seed, count in enumerate(successes)]


@pytest.fixture
def compare(capsys: pytest.CaptureFixture[str]) -> Compare:
    def call(*words: str) -> tuple[int, str, str]:
        code = main(["compare", *words])
        return code, *capsys.readouterr()

    return call


def test_runs_that_differ_in_the_seed_are_one_method(tmp_path: Path, compare: Compare) -> None:
    words = write_method(tmp_path / "a", [20, 16, 18, 12], HIL) + write_method(tmp_path / "b", [8, 10], CLONES)
    code, out, _ = compare(*words, "--json")
    result = json.loads(out)
    hil, clones = result["methods"]
    assert code == 0 and result["task"] == "pick-lift" and result["decisions"] == []
    assert (hil["label"], hil["seeds"], clones["label"], clones["seeds"]) == ("hil", [0, 1, 2, 3], "hg-dagger", [0, 1])
    # By hand: mean of 20, 16, 18, 12 of 20; the middle half is 16 and 18.
    assert (hil["mean"], hil["iqm"]) == pytest.approx((0.825, 0.85))
    assert (hil["robot_minutes"], hil["human_steps"]) == (1.0, 60.0)
    assert 0.6 <= hil["iqm_interval"][0] < 0.85 < hil["iqm_interval"][1] <= 1.0
    assert result["improvements"][0]["probability"] == 1.0


def test_settings_other_than_the_seed_part_methods_and_name_them(tmp_path: Path, compare: Compare) -> None:
    words = write_method(tmp_path / "a", [20, 19], {"human": {"kind": "scripted"}})
    words += write_method(tmp_path / "b", [20, 19], {"human": {"kind": "none"}})
    words += write_method(tmp_path / "c", [20, 19], {"evaluation": {"seed": 5}, "method": "hg-dagger"})
    words += [
        write_run(tmp_path / "c" / "seed-2", 2, 18, {"method": "hg-dagger"})
    ]  # as the others of c, but judged otherwise
    result = json.loads(compare(*words, "--json")[1])
    assert [method["label"] for method in result["methods"]] == [
        "hil, human.kind scripted",
        "hil, human.kind none",
        "hg-dagger",
    ]
    assert result["methods"][2]["seeds"] == [0, 1, 2]


def test_runs_with_encoders_and_classifiers_of_their_own_are_one_method(tmp_path: Path, compare: Compare) -> None:
    def own(run: Path) -> dict[str, Any]:
        files = {"vision": {"encoder": str(run / "encoder.safetensors"), "identity": run.name}}
        return {**files, "play": 60, "reward_settings": {"classifier.file": str(run / "classifier.safetensors")}}

    runs = [tmp_path / f"seed-{seed}" for seed in range(2)]
    words = [write_run(run, seed, 19, own(run)) for seed, run in enumerate(runs)]
    elsewhere = write_run(tmp_path / "b", 0, 19, own(tmp_path / "recordings"))
    labels = [(method["label"], method["seeds"]) for method in json.loads(compare(*words, "--json")[1])["methods"]]
    assert labels == [("hil", [0, 1])]
    assert len(json.loads(compare(*words, elsewhere, "--json")[1])["methods"]) == 2


def test_methods_that_differ_in_much_carry_a_runs_path(tmp_path: Path, compare: Compare) -> None:
    words = write_method(tmp_path / "a", [20], {"play": 1, "actors": 2, "speed": 2.0, "demonstrations": 3})
    words += write_method(tmp_path / "b", [20], {})
    labels = [method["label"] for method in json.loads(compare(*words, "--json")[1])["methods"]]
    assert labels == [f"hil as {words[0]}", f"hil as {words[1]}"]


def test_neither_order_of_folders_nor_of_seeds_changes_the_estimates(tmp_path: Path, compare: Compare) -> None:
    counts = [20, 16, 18, 12]
    words = write_method(tmp_path / "a", counts, HIL) + write_method(tmp_path / "b", [8, 10, 14], CLONES)
    first = compare(*words, "--json", "--until-decided")[1]
    shuffled = [words[i] for i in (2, 0, 3, 1, 5, 6, 4)]
    assert compare(*shuffled, "--json", "--until-decided")[1] == first
    other = write_method(tmp_path / "c", counts[::-1], HIL)
    estimates = [json.loads(out)["methods"][0] for out in (first, compare(*other, "--json")[1])]
    assert estimates[0] == estimates[1]


def test_one_seed_has_no_interval_and_says_so(tmp_path: Path, compare: Compare) -> None:
    words = write_method(tmp_path / "a", [18], HIL) + write_method(tmp_path / "b", [8, 10], CLONES)
    _, out, _ = compare(*words)
    assert "| hil | 1 | 90.0% | - | 90.0% | - | 1.0 | 60 |" in out
    assert "One seed, no interval: hil." in out and "interval is too narrow: hg-dagger." in out
    assert "| hil | hg-dagger | 100% | - |" in out
    result = json.loads(compare(*words, "--json")[1])
    assert result["methods"][0]["mean_interval"] is result["improvements"][0]["interval"] is None


def test_decision_names_the_better_method(tmp_path: Path, compare: Compare) -> None:
    words = write_method(tmp_path / "a", [20, 19, 18, 20, 19], HIL)
    words += write_method(tmp_path / "b", [8, 10, 14, 5, 9], CLONES)
    code, out, _ = compare(*words, "--until-decided")
    assert code == 0 and "decided: hil better than hg-dagger (5 seeds each)" in out
    assert "AdaStop: error level 0.05 over all pairs and looks, 5 seeds a look, at most 5 looks." in out


def test_one_method_has_nothing_to_decide(tmp_path: Path, compare: Compare) -> None:
    code, out, _ = compare(*write_method(tmp_path / "a", [20, 18], HIL), "--until-decided")
    assert code == 0 and "not decided: one method only" in out


def test_same_outcomes_are_equal_or_not_decided(tmp_path: Path, compare: Compare) -> None:
    counts = [20, 16, 18, 12]
    words = write_method(tmp_path / "a", counts, HIL) + write_method(tmp_path / "b", counts, CLONES)
    _, out, _ = compare(*words, "--until-decided")
    assert "not decided: hil and hg-dagger: run 2 more seeds: 1 of hil, 1 of hg-dagger" in out
    _, out, _ = compare(*words, "--until-decided", "--seeds-per-look", "2", "--looks", "2")
    assert "decided: equal: hil and hg-dagger (4 seeds each), no difference was found" in out


def test_latex_table_is_complete_and_escaped(tmp_path: Path, compare: Compare) -> None:
    words = write_method(tmp_path / "a", [18, 20], {"updates_per_step": 1.0}) + write_method(tmp_path / "b", [9], {})
    code, out, _ = compare(*words, "--latex")
    assert code == 0 and out.count(r"\begin{tabular}") == out.count(r"\end{tabular}") == 2
    assert r"hil, updates\_per\_step 1.0 & 2 & 95.0\% & 90.0\% to 100.0\% &" in out
    assert out.startswith("% pick-lift\n") and "| run |" not in out


def test_what_cannot_be_compared_is_refused_and_why(tmp_path: Path, compare: Compare) -> None:
    done, unfinished = write_method(tmp_path / "a", [20, None], HIL)
    other = write_run(tmp_path / "other", 0, 20, {"task": "peg-insert"})
    again = write_run(tmp_path / "again", 0, 20, HIL)
    (tmp_path / "empty").mkdir()
    cases = [
        ([done, unfinished], 1, f"got {unfinished}, which is not finished"),
        ([done, other], 2, "got the tasks pick-lift (seed-0), peg-insert (other), expected one task"),
        ([done, again], 2, f"got seed 0 of hil in {done} and {again}, expected each seed once"),
    ]
    for words, code, text in cases:
        plain, out, _ = compare(*words)  # the runs' own table is still of use
        assert plain == 0 and "| run |" in out and "Methods are not compared. run" in out and text in out
        for flag in ("--json", "--latex", "--until-decided"):
            refused, _, error = compare(*words, flag)
            assert refused == code and text in error
    assert compare(str(tmp_path / "empty"))[0] == 1
    assert compare(done, "--json", "--latex")[0] == 2


def test_damaged_settings_are_named(tmp_path: Path, compare: Compare) -> None:
    run = write_run(tmp_path / "a", 0, 20, HIL)
    for content, text in (("{", "expected settings in JSON"), ('{"task": "pick-lift"}', "without seed")):
        (Path(run) / "config.json").write_text(content)
        code, _, error = compare(run, "--json")
        assert code == 1 and text in error
