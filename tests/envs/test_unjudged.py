"""Episodes of the simulator without its ground truth."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from robot_rl import build, build_human
from robot_rl.cli.arguments import check_settings
from robot_rl.config import evaluation_config, recording_config
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import changed
from robot_rl.presets import preset
from robot_rl.runtime.acting.record import RecordingConfig, collect_demonstrations

BLIND = changed(preset("pick-lift-labels"), {"vision": {"mode": "state"}})


def test_won_episode_goes_on_and_only_ground_truth_knows() -> None:
    with closing(build.make_env(BLIND)) as env:
        env.reset(seed=100)
        expert, won = build_human.make_expert(env), build_human.make_outcome(env)
        for _ in range(59):
            _, reward, terminated, truncated, info = env.step(expert.action())
            assert reward == 0.0 and not (terminated or truncated or info["success"] or info["failure"])
        assert won().success


def test_demonstrations_are_those_that_the_operator_labels(tmp_path) -> None:
    config = changed(BLIND, {"human": {"scripted": {"action_noise": {"delay_steps": 0, "gain": 1.0}}}})
    with closing(build.make_env(config)) as env:
        human = build_human.make_device(env, config, "scripted", np.random.default_rng(100))
        rollout = build.make_rollout(env, config, human=human)
        collect_demonstrations(rollout, RecordingConfig(tmp_path, 2, 100), progress=False)
    for steps, meta in RecordingConfig(tmp_path, 2).dataset.read(tmp_path):
        assert meta["success"] and steps[-1].terminated and steps[-1].reward == 1.0
        assert [step.reward for step in steps[:-1]] == [0.0] * (len(steps) - 1)


def test_ground_truth_as_a_reward_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"rewards: got ground-truth, human-label with unjudged episodes"):
        replace(BLIND, rewards=("ground-truth", "human-label"))


def test_evaluation_is_judged_by_ground_truth() -> None:
    config = evaluation_config(BLIND)
    assert (config.robot.episode_source, config.rewards) == ("simulated", ("ground-truth",))
    with closing(build.make_env(config)) as env:
        env.reset(seed=100)
        expert = build_human.make_expert(env)
        ends = [env.step(expert.action())[2] for _ in range(40)]
    assert any(ends)


def test_an_evaluation_that_ground_truth_does_not_judge_is_not_ended_by_it() -> None:
    assert evaluation_config(BLIND, ("human-label",)).robot.episode_source == "unjudged"
    assert evaluation_config(BLIND, ("ground-truth", "human-label")).robot.episode_source == "simulated"


def test_a_classifier_that_the_run_learns_judges_alone_and_the_human_labels_the_recordings() -> None:
    settings = {"classifier.adversarial": "true"}
    config = replace(BLIND, play=6, rewards=("classifier",), reward_settings=settings)
    check_settings(config)  # its file is yet to come
    recorded = recording_config(config)
    assert (recorded.rewards, recorded.reward_settings) == (("human-label",), {})
    learned = replace(config, reward_settings=settings | {"classifier.file": "judge.safetensors"})
    assert recording_config(learned) == learned and not learned.learns_classifier
    assert recording_config(replace(config, play=0)).rewards == ("classifier",)
    with pytest.raises(ConfigError, match=r"classifier.file: got none"):
        check_settings(replace(config, play=0))
