"""Methods by name: what each changes, what is said about a conflict, and that each learns from what it may."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl import build
from robot_rl.cli import main
from robot_rl.cli.train_plan import plan_processes
from robot_rl.config import TrainConfig
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.records import Source, StepRecord
from robot_rl.core.schema import StepSchema
from robot_rl.core.settings import to_json
from robot_rl.data.batch import Batch
from robot_rl.data.episodes import write_episode
from robot_rl.methods import DEFAULT_METHOD, METHODS, overridden, with_method
from robot_rl.presets import preset
from robot_rl.runtime.runs.run_folder import RunFolder
from tests.data.builders import step_record
from tests.trainings import SMALL_AGENT

IMITATORS = ("bc", "hg-dagger", "filtered")
UNCLONED = {"agent.objective": "value", "agent.bc_weight": 0.0, "agent.bc_weight_final": 0.0}
HALF = {**UNCLONED, "learner.imitate": "none", "learner.demo_fraction": 0.5, "demonstrations": 20, "actors": 1}
SETTINGS: dict[str, dict[str, Any]] = {
    "hil": {"agent.objective": "value", "learner.imitate": "successes", "human.kind": "scripted"},
    "sac": {**UNCLONED, "demonstrations": 0, "human.kind": "none", "learner.demo_fraction": 0.0},
    "rlpd": {**HALF, "human.kind": "none"},
    "rlif": {**HALF, "human.kind": "scripted", "rewards": ["ground-truth", "human-label", "rlif"]},
    "rlif-mixed": {**HALF, "human.kind": "scripted", "reward_settings": {"rlif.task_reward": "true"}},
    "bc": {"agent.objective": "imitation", "actors": 0, "human.kind": "none", "learner.imitate": "none"},
    "iql": {"agent.objective": "iql", "learner.imitate": "none", "human.kind": "none", "learner.demo_fraction": 0.5},
    "cal-ql": {"agent.objective": "value", "learner.imitate": "successes", "agent.conservative_updates": 3000},
    "hg-dagger": {"agent.objective": "imitation", "learner.imitate": "all", "deterministic_fraction": 1.0},
    "filtered": {"agent.objective": "imitation", "learner.imitate": "episodes", "human.kind": "scripted"},
}


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[dict, str]:
    """Return the settings of a command line, and what was said about them."""
    assert main(["train", *words, "--print-config"]) == 0
    out, err = capsys.readouterr()
    return json.loads(out), err


def setting(config: TrainConfig, path: str) -> Any:
    value = to_json(config)
    for key in path.split("."):
        value = value[key]
    return value


@pytest.mark.parametrize("name", METHODS)
def test_a_method_sets_what_defines_it(name: str) -> None:
    config = with_method(preset("pick-lift"), name)
    assert {path: setting(config, path) for path in SETTINGS[name]} == SETTINGS[name]


@pytest.mark.parametrize(
    "task", ["pick-lift-state-only", "peg-insert-imperfect", "pick-lift-blind", "pick-lift-no-human"]
)
@pytest.mark.parametrize("name", METHODS)
def test_a_methods_settings_hold_over_any_preset(name: str, task: str) -> None:
    config = with_method(preset(task), name)
    assert config.method == name and overridden(config) == []
    assert with_method(config, name) == config


def test_the_default_method_is_the_preset_itself() -> None:
    assert with_method(preset("peg-insert"), DEFAULT_METHOD) == preset("peg-insert")
    assert TrainConfig().method == DEFAULT_METHOD


def test_a_method_and_a_preset_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    config, said = printed(capsys, "peg-insert-imperfect", "--method", "hg-dagger", "--seed", "3")
    assert config["method"] == "hg-dagger" and config["seed"] == 3 and said == ""
    assert config["human"] == to_json(preset("peg-insert-imperfect").human)
    assert config["budget"] == to_json(preset("peg-insert-imperfect").budget)


def test_a_flag_counts_more_than_the_method_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    config, said = printed(capsys, "pick-lift", "--method=hg-dagger", "--learner.imitate", "successes")
    assert config["learner"]["imitate"] == "successes" and config["agent"]["objective"] == "imitation"
    assert said == "method hg-dagger: learner.imitate is 'successes' instead of 'all', by a flag or file\n"
    config, said = printed(capsys, "pick-lift", "--method", "rlif", "--rewards", "ground-truth")
    assert config["rewards"] == ["ground-truth"]
    assert "rewards is ['ground-truth'] instead of ['ground-truth', 'rlif']" in said


def test_a_method_without_a_human_is_refused_where_only_labels_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "pick-lift-labels", "--method", "rlpd", "--runs", str(tmp_path)]) == 2
    assert "human: got 'none' by method 'rlpd' or a flag" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_method_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"method: got 'hg-dager', expected .* did you mean 'hg-dagger'"):
        with_method(preset("pick-lift"), "hg-dager")
    with pytest.raises(UnknownNameError, match="did you mean 'hil'"):
        TrainConfig(method="hill")


def test_a_file_keeps_its_method_and_takes_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(printed(capsys, "pick-lift", "--method", "hg-dagger")[0]))
    assert printed(capsys, "--config", str(file)) == (json.loads(file.read_text()), "")
    assert main(["train", "--config", str(file), "--method", "hil"]) == 2
    assert "--method: got 'hil' beside settings of 'hg-dagger'" in capsys.readouterr().err


def test_help_lists_the_methods(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = capsys.readouterr().out
    assert all(f"{name} " in text.partition("methods:")[2] for name in METHODS)


def test_cloning_starts_no_process_that_needs_a_robot(tmp_path: Path) -> None:
    config = with_method(preset("pick-lift"), "bc")
    learner, actors = plan_processes(RunFolder(tmp_path), config, "tcp://127.0.0.1:5555")
    assert actors == [] and "--demonstrations-from" in learner.command
    with pytest.raises(ConfigError, match="actors: got 0 without demonstrations"):
        replace(config, demonstrations=0)


# -- learning on a small task: its state only, made-up steps -----------------------------------------------------------

SMALL = {"hidden": (16, 16), "discrete_hidden": (8,), "projection": 8}


def small(name: str) -> TrainConfig:
    config = preset("pick-lift-state-only")
    return with_method(replace(config, agent=replace(config.agent, **SMALL)), name)


def made_up(
    schema: StepSchema, actor: str, success: bool, reward: float, human: range = range(0)
) -> Iterator[StepRecord]:
    """An episode of ten steps of random numbers; each action's first entry is the step's share of 20 (demonstrations:
    negative), so that a batch shows which steps it holds."""
    rng, demo = np.random.default_rng(len(actor) + success), actor == "demo"
    for step in range(10):
        frames = [{name: rng.standard_normal(spec.shape, np.float32) for name, spec in schema.observation.items()}] * 2
        action = rng.uniform(-1, 1, schema.action.size).astype(np.float32)
        action[0] = (-1 if demo else 1) * (step + 1 + 10 * success) / 20
        own = Source.HUMAN if step in human else Source.POLICY
        last = step == 9
        yield step_record(
            step, actor=actor, episode=0, step=step, obs=frames[0], next_obs=frames[1] if last else None, action=action,
            source=Source.DEMONSTRATION if demo else own, reward=reward * last, terminated=success and last,
            truncated=last and not success, success=success and last,
            policy_action=action, human_action=action,
        )  # fmt: skip


def learnt(name: str, reward: float) -> tuple[dict[str, np.ndarray], list[Batch]]:
    """Return the policy after some updates on a demonstration, a success and a failure, and the batches."""
    config = small(name)
    schema = build.make_schema(config, None)
    learner = build.make_agent(build.make_definition(schema, config), config).learner()
    replay = build.make_replay(schema, config)
    episodes = [("demo", True, range(0))] * bool(config.demonstrations)
    episodes += [("good", True, range(3, 5)), ("bad", False, range(6, 8))] * config.actors
    for actor, success, human in episodes:
        for record in made_up(schema, actor, success, reward, human):
            replay.append(record)
    batches = [replay.sample(64, 2, config.learner.demo_fraction, learner.horizon) for _ in range(2)]
    metrics = [learner.update(batch) for batch in batches]
    assert all(np.isfinite(value) for row in metrics for value in row.values())
    return learner.policy_parameters(), batches


def steps_in(batches: list[Batch]) -> set[int]:
    """Return the steps of batches by twenty times their action's first entry."""
    return {round(20 * float(value)) for batch in batches for value in batch.action[..., 0].ravel()}


DEMONSTRATED, GOOD, BAD = set(range(-20, -10)), set(range(11, 21)), set(range(1, 11))
SAMPLED = {
    "hil": DEMONSTRATED | GOOD | BAD,
    "sac": GOOD | BAD,
    "rlpd": DEMONSTRATED | GOOD | BAD,
    "rlif": DEMONSTRATED | GOOD | BAD,
    "rlif-mixed": DEMONSTRATED | GOOD | BAD,
    "bc": DEMONSTRATED,
    "iql": DEMONSTRATED | GOOD | BAD,
    "cal-ql": DEMONSTRATED | GOOD | BAD,
    "hg-dagger": DEMONSTRATED | {14, 15, 7, 8},  # the human's hand, in both episodes
    "filtered": DEMONSTRATED | GOOD,
}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_learns_from_its_steps_and_from_rewards_only_where_it_may(name: str) -> None:
    pytest.importorskip("jax")
    (one, batches), (other, _) = learnt(name, reward=1.0), learnt(name, reward=-3.0)
    assert steps_in(batches) == SAMPLED[name]
    if name in IMITATORS:
        assert all(batch.imitated.all() for batch in batches)
    same = all(np.array_equal(value, other[key]) for key, value in one.items())
    assert same == (name in IMITATORS)
    schema = build.make_schema(small(name), None)
    first = build.make_definition(schema, small(name)).init(0)
    assert not all(np.array_equal(value, first[key]) for key, value in one.items())


@pytest.mark.parametrize(("name", "paid"), [("hil", 1.0), ("rlif", 0.0), ("rlif-mixed", 1.0)])
def test_demonstrations_pay_what_the_method_pays(name: str, paid: float, tmp_path: Path) -> None:
    config = small(name)
    write_episode(tmp_path, list(made_up(build.make_schema(config, None), "demo", True, 1.0)), {"success": True})
    rewards = [record.reward for record in build.read_demonstrations(config, tmp_path, None)]
    assert rewards == [0.0] * 9 + [paid]


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_whole_training_by_each_method(name: str, tmp_path: Path) -> None:
    words = ["--runs", str(tmp_path), "--run-name", "run", "--method", name, "--seed", "100", *SMALL_AGENT]
    short = ["--env-steps", "150", "--minutes", "3", "--evaluation.episodes", "1", "--evaluation.video-episodes", "0"]
    demonstrations = [] if name == "sac" else ["--demonstrations", "2"]
    assert main(["train", "pick-lift-state-only", *words, *short, *demonstrations]) == 0
    folder = RunFolder(tmp_path / "run")
    assert f"method `{name}`" in folder.report.read_text()
    assert bool(folder.actors()) == (name != "bc")
    assert json.loads((folder.evaluation / "summary.json").read_text())["policy_version"] > 0
