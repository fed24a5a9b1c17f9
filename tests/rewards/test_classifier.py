"""The reward classifier: trained on held-out episodes, strict about its views, k of n online, corrected by labels."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError
from robot_rl.rewards.classifier import FILE, HARD, Classifier, ClassifierSettings
from robot_rl.rewards.classifier_training import (
    TrainingConfig,
    _first_weights,
    _gradient,
    _penalty_gradient,
    choose_threshold,
    train_model,
)
from robot_rl.rewards.combined import make_reward
from robot_rl.rewards.source import StepOutcome
from robot_rl.rewards.success_model import Frames, SuccessModel, Views, load_model, logits, save_model

VIEWS = Views("weights-1", {"wrist": "8 x 8, crop none"}, {"state": (0, 2)})
CONFIG = TrainingConfig(steps=60, hidden=8, batch=32, learning_rate=0.02, noise=0.0, dropout=0.0)


def frames(episodes: int = 12, seed: int = 0) -> Frames:
    """Episodes of five frames whose last two are successes: their inputs are 3, the others' 0, with noise of 0.3."""
    rng, success = np.random.default_rng(seed), np.tile([False, False, False, True, True], episodes)
    inputs = 3.0 * success[:, None, None] + rng.normal(0.0, 0.3, (len(success), 2, 4))
    return Frames(inputs.astype(np.float16), success, np.repeat(np.arange(episodes), 5))


@cache
def model() -> SuccessModel:
    return train_model(frames(), VIEWS, CONFIG, np.random.default_rng(0), {"task": "unit"})


def saved(folder: Path) -> Path:
    save_model(folder / "c.safetensors", model())
    return folder / "c.safetensors"


def outcome(value: float, *labels: str) -> StepOutcome:
    obs = {"wrist": np.full((1, 2), value, np.float16), "state": np.full(3, value, np.float32)}
    return StepOutcome(0.0, False, False, obs=obs, labels=labels)


def classifier(tmp_path: Path, **more: float) -> Classifier:
    return Classifier(ClassifierSettings(saved(tmp_path), training=CONFIG, **more))


@pytest.mark.parametrize("of", ["cross-entropy", "penalty"])
def test_gradient_is_that_of_the_loss(of: str) -> None:
    rng = np.random.default_rng(0)
    weights = {name: w.astype(np.float64) for name, w in _first_weights(2, 3, 4, rng).items()}
    x, labels = rng.normal(size=(2, 6, 3)), rng.uniform(size=(2, 6))

    def loss() -> float:
        if of == "cross-entropy":
            z = logits(weights, x)
            return float((np.logaddexp(0.0, z) - labels * z).mean(1).sum())
        moves = 1e-6 * np.eye(3)
        slopes = np.stack([(logits(weights, x + move) - logits(weights, x - move)) / 2e-6 for move in moves], -1)
        return float(np.square(np.linalg.norm(slopes, axis=-1) - 1.0).mean(1).sum())

    gradient = _gradient(weights, x, labels, 0.0, rng) if of == "cross-entropy" else _penalty_gradient(weights, x)
    for name, array in weights.items():
        for index in np.ndindex(array.shape):
            before, values = array[index], []
            for step in (1e-4, -1e-4):
                array[index] = before + step
                values.append(loss())
            array[index] = before
            assert gradient[name][index] == pytest.approx((values[0] - values[1]) / 2e-4, abs=1e-5)


@given(st.integers(0, 10**6), st.floats(0.0, 0.5), st.floats(0.0, 4.0), st.floats(0.05, 1.0))
@settings(max_examples=50, deadline=None)
def test_threshold_keeps_the_recall_and_if_it_can_the_rate_of_false_positives(
    seed: int, rate: float, distance: float, recall: float
) -> None:
    rng = np.random.default_rng(seed)
    success = rng.random(200) < 0.3
    scores = rng.normal(distance * success)
    threshold = choose_threshold(scores, success, rate, recall)
    assert (scores[success] > threshold).mean() >= recall - 1e-9
    if (scores[~success] > threshold).mean() > rate:  # lowered no further than the recall demands
        assert (scores[success] > threshold).mean() <= recall + 2 / success.sum()


def test_held_out_episodes_are_separated_and_the_card_says_how_well() -> None:
    card = model().card
    assert card["recall"] > 0.9 and card["false_positive_rate"] <= 0.05 and card["precision"] > 0.9
    assert (card["task"], card["positives"], card["negatives"], card["episodes"]) == ("unit", 24, 36, 12)


def test_episodes_of_one_kind_only_are_refused() -> None:
    few = frames(1)
    for wrong in (few, Frames(few.inputs, ~few.success & few.success, few.episode)):
        with pytest.raises(ConfigError, match="expected 2 or more of either; record with"):
            train_model(wrong, VIEWS, CONFIG, np.random.default_rng(0), {})


def test_file_keeps_everything(tmp_path: Path) -> None:
    again = load_model(saved(tmp_path))
    x = np.random.default_rng(1).normal(size=(7, 4))
    assert np.array_equal(model().probability(x), again.probability(x))
    assert (again.views, again.threshold, again.card) == (VIEWS, model().threshold, model().card)
    assert all(np.array_equal(one, two) for one, two in zip(model().frames, again.frames, strict=True))


def test_what_is_no_classifier_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no weights")
    for name, message in (("text", "expected a classifier's safetensors"), ("none", "expected a file; train it with")):
        with pytest.raises(ConfigError, match=message):
            make_reward(["classifier"], {"classifier.file": str(tmp_path / name)}).check(VIEWS)
    with pytest.raises(ConfigError, match=r"classifier\.file: got none"):
        make_reward(["classifier"])


@pytest.mark.parametrize(
    ("run", "both_sides"),
    [
        (Views("weights-2", VIEWS.cameras, VIEWS.state), "got one of encoder weights-1, expected the run's, weights-2"),
        (Views("weights-1", VIEWS.cameras, VIEWS.state, "usb"), "got one of task '', expected the run's, 'usb'"),
        (Views("weights-1", {"side": "8 x 8"}, VIEWS.state), r"wrist \(8 x 8, crop none\), expected .*no such view"),
        (Views("weights-1", {"wrist": "8 x 8, crop 1"}, VIEWS.state), r"crop none\), expected the run's \(8 x 8, crop"),
        (Views("weights-1", VIEWS.cameras, {"state": (0, 1)}), r"state \(\(0, 2\)\), expected the run's \(\(0, 1\)\)"),
    ],
)
def test_other_views_are_refused_with_both_sides(tmp_path: Path, run: Views, both_sides: str) -> None:
    reward = make_reward(["classifier", "human-label"], {"classifier.file": str(saved(tmp_path))})
    reward.check(Views("weights-1", {**VIEWS.cameras, "more": "9 x 9"}, VIEWS.state))
    with pytest.raises(ConfigError, match=both_sides):
        reward.check(run)


@given(st.lists(st.booleans(), max_size=20), st.integers(1, 4), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_k_of_the_last_n_frames_make_a_success(tmp_path_factory, looks: list[bool], k: int, more: int) -> None:
    source = classifier(tmp_path_factory.mktemp("k"), k=k, n=k + more)
    for i, _ in enumerate(looks):
        verdict = source.judge(outcome(3.0 * looks[i]))
        assert verdict.success == verdict.terminated == (sum(looks[: i + 1][-(k + more) :]) >= k)
        assert verdict.reward == float(verdict.success or 0)


def test_labels_before_the_first_frame_of_an_episode_say_nothing_of_it(tmp_path: Path) -> None:
    source = classifier(tmp_path)
    source.late_labels(("success",))
    episode(source, [0.0] * 3)
    assert source.metrics() == {"classifier_judged": 0, "classifier_disagreed": 0}


def test_last_frame_decides_where_the_environment_ends_the_episode(tmp_path: Path) -> None:
    for value in (0.0, 3.0):
        source = classifier(tmp_path, k=2, n=3)
        assert source.judge(replace(outcome(value), terminated=True)).success == (value > 0.0)


def episode(source: Classifier, values: list[float], *labels: str) -> None:
    for value in values:
        source.judge(outcome(value))
    source.late_labels(labels)
    source.reset()


def test_labels_are_compared_with_the_classifier(tmp_path: Path) -> None:
    source = classifier(tmp_path, k=1, n=1)
    for values, labels in (
        ([0.0, 3.0], ()),  # unchallenged
        ([0.0, 3.0], ("undo",)),  # taken back
        ([0.0, 3.0], ("failure",)),
        ([0.0, 3.0], ("success",)),
        ([0.0, 0.0], ("success",)),  # missed
        ([0.0, 0.0], ("failure",)),
        ([0.0, 0.0], ()),  # neither judged
    ):
        episode(source, values, *labels)
    assert source.metrics() == {"classifier_judged": 6, "classifier_disagreed": 3}
    assert source.metrics() == {"classifier_judged": 0, "classifier_disagreed": 0}
    assert not list(tmp_path.glob(f"*/{FILE}"))  # without a folder it does not learn


def test_frames_that_the_operator_takes_back_are_learnt_and_kept_for_the_next_session(tmp_path: Path) -> None:
    source = classifier(tmp_path, k=1, n=1)
    source.open(tmp_path / "actor-0")
    wrong = outcome(1.9)  # looks more like success than not
    before = source.model
    assert source.judge(wrong).success
    episode(source, [1.9] * 3, "undo")
    source.wait()
    assert len(source.model.frames.success) == len(before.frames.success) + 4
    assert not source.judge(wrong).success and source.judge(outcome(3.0)).success
    later = Classifier(ClassifierSettings(tmp_path / "c.safetensors"))
    later.open(tmp_path / "actor-0")
    assert len(later.model.frames.success) == len(source.model.frames.success)


def test_a_success_that_was_missed_adds_its_last_frames_and_the_hardest_before(tmp_path: Path) -> None:
    source = classifier(tmp_path)
    source.open(tmp_path / "actor-0")
    known = len(source.model.frames.success)
    episode(source, [0.0] * 40, "success")
    source.wait()
    added = source.model.frames.success[known:]
    assert added.sum() == 2 and (~added).sum() == HARD


def test_vice_learns_without_labels_that_what_the_policy_does_is_no_success(tmp_path: Path) -> None:
    source = classifier(tmp_path, adversarial=True, adversarial_window=40)
    source.open(tmp_path)
    cheat = outcome(2.3)  # neither recorded nor a success, but nearer to those
    assert source.model.probability(source.model.views.read(cheat.obs))[0] > 0.5
    for _ in range(4):
        source.reset()
        for _ in range(10):
            source.judge(cheat)
    source.reset()
    source.wait()
    source.reset()
    source.wait()
    model = load_model(tmp_path / FILE)
    fooled, won = (model.probability(VIEWS.read(outcome(value).obs))[0] for value in (2.3, 3.2))
    assert fooled < model.threshold < won
    assert len(model.frames.success) <= len(frames().success) + 40  # the window
    assert model.card["recorded"] == len(frames().success)


def test_vice_goes_on_from_its_own_file_and_keeps_the_recordings(tmp_path: Path) -> None:
    for _ in range(2):
        source = classifier(tmp_path, adversarial=True, adversarial_window=20)
        source.open(tmp_path)
        for _ in range(10):
            source.judge(outcome(0.0))
        source.reset()
        source.wait()
    kept = load_model(tmp_path / FILE).frames
    assert len(kept.success) == len(frames().success) + 20
    assert np.array_equal(kept.success[: len(frames().success)], frames().success)
