"""What is learned from recordings is refused where they do not fit, before any work and with both sides named."""

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.cli.classifier import find_fault
from robot_rl.cli.classifier_check import describe
from robot_rl.cli.record import set_time_limit
from robot_rl.core.errors import ConfigError
from robot_rl.data.episodes import list_episodes, read_episode, write_episode
from robot_rl.envs.simulated import make_simulated_env
from robot_rl.rewards.classifier_training import TrainingConfig, train_model
from robot_rl.rewards.success_model import Frames, Views
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from robot_rl.vision.architecture import load_encoder
from robot_rl.vision.frozen import SHIPPED_ENCODER
from tests.contracts.listings import listing


@pytest.fixture(scope="module")
def demos(tmp_path_factory) -> Path:
    """A demonstration of a task of a file, seen by one camera."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "lift.toml").write_text(listing("gentle_lift.toml"))
    assert main(["record", str(folder / "lift.toml"), "--out", str(folder / "demos"), "--episodes", "1"]) == 0
    return folder / "demos"


def refused(capsys, *words: str) -> str:
    """Return the error of a command that must be refused."""
    assert main(list(words)) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("command", ["record", "eyes", "classifier train", "train"])
def test_recordings_of_another_task_camera_or_crop_are_refused(demos: Path, tmp_path: Path, command, capsys) -> None:
    source = listing("gentle_lift.toml")
    texts = {
        "of task 'gentle-lift', expected 'other'": source.replace('"gentle-lift"', '"other"'),
        "camera side: not recorded, expected 128 x 128": source + "\n[cameras.side]\n",
        "camera wrist: 96 x 96, crop none, expected 96 x 96, crop Crop(left=0": source.replace(
            "width = 96", "width = 96\ncrop = {left = 0, top = 0, width = 90, height = 90}"
        ),
    }
    words = {
        "record": ["--out", str(demos)],
        "train": ["--demonstrations-from", str(demos), "--runs", str(tmp_path)],
    }.get(command, ["--from", str(demos), "--out", str(tmp_path / "x.safetensors")])
    for expected, text in texts.items():
        (tmp_path / "task.toml").write_text(text)
        assert expected in refused(capsys, *command.split(), str(tmp_path / "task.toml"), *words)
    assert len(list_episodes(demos)) == 1 and [path.name for path in tmp_path.iterdir()] == ["task.toml"]


@pytest.mark.parametrize(("person", "given_s", "limit_s"), [(False, None, 6.0), (True, None, 30.0), (True, 4.0, 4.0)])
def test_a_person_has_more_time_than_a_policy(person: bool, given_s: float | None, limit_s: float) -> None:
    with closing(make_simulated_env(PICK_LIFT, cameras=())) as env:
        set_time_limit(SimpleNamespace(env=env, person_acts=person), given_s)
        assert env.unwrapped.time_limit_s == limit_s


def test_time_limit_of_a_gymnasium_environment_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected --env\.max-steps"):
        set_time_limit(SimpleNamespace(env=SimpleNamespace(unwrapped=None)), 4.0)


def test_folder_that_takes_nothing_is_refused_before_anything_is_demonstrated(capsys) -> None:
    assert main(["record", "pick-lift", "--out", "/proc/self", "--episodes", "1"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("robot-rl: file: got '") and printed.out == ""


def test_full_folder_does_not_read_like_a_new_recording(demos: Path, capsys) -> None:
    assert main(["record", str(demos.parent / "lift.toml"), "--out", str(demos), "--episodes", "1"]) == 0
    assert "holds 1 episodes, 1 suffice: nothing recorded" in capsys.readouterr().out


def test_recording_names_its_judges_and_gives_the_newest_episode_back(demos: Path, tmp_path: Path, capsys) -> None:
    (meta,) = (read_episode(path)[1] for path in list_episodes(demos))
    assert meta["judges"] == ["human-label", "ground-truth"] and meta["cameras"] == {"wrist": "96 x 96, crop none"}
    write_episode(tmp_path, read_episode(list_episodes(demos)[0])[0], meta)
    assert main(["record", "pick-lift", "--out", str(tmp_path), "--remove-last"]) == 0
    assert "episode 0 is in" in capsys.readouterr().out and not list_episodes(tmp_path)


@pytest.mark.parametrize("command", ["eyes", "classifier train"])
def test_image_of_another_kind_is_refused_before_any_work(command: str, tmp_path: Path, capsys) -> None:
    words = [*command.split(), "pick-lift", "--from", str(tmp_path), "--out", str(tmp_path / "x")]
    assert "--png: got curves.pdf, expected a path that ends in .png" in refused(capsys, *words, "--png", "curves.pdf")
    (tmp_path / "file").touch()
    assert main([*words, "--png", str(tmp_path / "file" / "x.png")]) == 1 and "file: got" in capsys.readouterr().err


def test_encoder_of_a_task_without_images_is_refused(tmp_path: Path, capsys) -> None:
    words = ["--from", str(tmp_path), "--out", str(tmp_path / "x")]
    text = refused(capsys, "eyes", "pick-lift-state-only", *words)
    assert "got task 'pick-lift' with --vision.mode state, expected images" in text


@pytest.mark.slow
def test_a_kept_encoder_gets_a_read_out_and_is_otherwise_the_same(tmp_path: Path, capsys) -> None:
    demos, out = str(tmp_path / "demos"), tmp_path / "goal.safetensors"
    assert main(["record", "pick-lift", "--out", demos, "--episodes", "4"]) == 0
    words = ["eyes", "pick-lift", "--from", demos, "--keep", "simulator", "--goal.steps", "2", "--goal.members", "1"]
    main([*words, "--write-refused", "--out", str(out)])
    kept, shipped = load_encoder(out), load_encoder(SHIPPED_ENCODER)
    assert kept.goal is not None and kept.identity != shipped.identity
    assert all(np.array_equal(kept.params[name], shipped.params[name]) for name in shipped.params)
    (tmp_path / "other.safetensors").write_bytes(b"no encoder")
    words[words.index("simulator")] = str(tmp_path / "other.safetensors")
    assert "other.safetensors" in refused(capsys, *words, "--out", str(tmp_path / "new.safetensors"))


def model(separation: float) -> object:
    """A classifier of frames whose one input differs by so many standard deviations."""
    rng = np.random.default_rng(0)
    success, episode = np.tile([False] * 9 + [True], 40), np.repeat(np.arange(40), 10)
    inputs = (separation * success + rng.standard_normal(400))[:, None, None]
    config = TrainingConfig(steps=60, hidden=8)
    return train_model(Frames(inputs, success, episode), Views("tiny"), config, rng, {"task": "point"})


def test_classifier_that_knows_nothing_is_refused_and_a_good_one_is_not() -> None:
    assert "of the held-out successes, expected 50% or more" in find_fault(model(0.0), 0.01)
    assert find_fault(model(8.0), 0.01) == ""


def test_a_check_counts_what_a_classifier_gets_wrong_and_where() -> None:
    success = np.array([False, False, False, False, True, True, True, True])
    frames = Frames(np.zeros((8, 1, 1)), success, np.array([0, 0, 3, 3, 0, 0, 3, 3]))
    lines = list(describe(frames, np.array([0.1, 0.2, 0.6, 0.8, 0.7, 0.9, 0.9, 0.3]), 0.5, recall=0.75))
    assert lines == [
        "4 frames of success, 4 without, of 2 episodes",
        "at its threshold 0.500: recall 75.0%, false positives 50.00% of the frames",
        "at a recall of 75%, threshold 0.700: recall 75.0%, false positives 25.00% of the frames",
        "episode 3: 2 false positives",
    ]


def test_a_check_without_a_classifier_or_with_another_word_is_refused(demos: Path, tmp_path: Path, capsys) -> None:
    task = str(demos.parent / "lift.toml")
    words = ("--from", str(demos), "--file", str(tmp_path / "none"))
    assert "expected a file" in refused(capsys, "classifier", "check", task, *words)
    assert "expected 'train' or 'check'" in refused(capsys, "classifier", "judge", task)
