"""From recordings to a classifier that judges the next ones, command by command."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from robot_rl import build
from robot_rl.cli import main
from robot_rl.core.errors import ConfigError
from robot_rl.data.episodes import list_episodes, read_episode
from robot_rl.presets import preset
from robot_rl.rewards.success_model import load_model
from robot_rl.runtime.runs.run_folder import RunFolder
from tests.contracts.listings import listing

pytestmark = pytest.mark.slow
TASK = "pick-lift"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Recordings, and the classifier trained from them."""
    root = tmp_path_factory.mktemp("day")
    record = ["record", TASK, "--out", str(root / "demos"), "--episodes", "4", "--hold-success", "5"]
    assert main([*record, "--seed", "100"]) == 0
    train = ["classifier", "train", TASK, "--from", str(root / "demos"), "--out", str(root / "lifted.safetensors")]
    assert main([*train, "--png", str(root / "lifted.png"), "--training.steps", "150"]) == 0
    return root


def test_classifier_knows_its_views_and_its_score(folder: Path) -> None:
    model = load_model(folder / "lifted.safetensors")
    assert set(model.views.cameras) == {"wrist", "side"} and (folder / "lifted.png").stat().st_size > 5000
    assert model.card["task"] == TASK and model.card["positives"] == 4 * (1 + 5) and model.card["episodes"] == 4
    assert model.card["recall"] >= 0.8


def test_recording_that_it_judges_holds_features_and_images(folder: Path) -> None:
    # The simulator ends an episode on the first frame of success: that one alone must be seen.
    settings = ["classifier.file", str(folder / "lifted.safetensors"), "classifier.threshold", "0.1"]
    reward = ["--rewards", "classifier", "--reward-settings", *settings]
    assert main(["record", TASK, "--out", str(folder / "more"), "--episodes", "1", "--seed", "101", *reward]) == 0
    steps, meta = read_episode(list_episodes(folder / "more")[0])
    assert meta["success"] and steps[-1].reward == 1.0 and steps[-1].terminated
    assert steps[0].obs["wrist"].dtype == "float16" and set(steps[0].frames) == {"wrist", "side"}


def test_run_keeps_a_copy_and_refuses_another_encoder(folder: Path, tmp_path: Path) -> None:
    file = folder / "lifted.safetensors"
    config = replace(preset(TASK), rewards=("classifier",), reward_settings={"classifier.file": str(file)})
    pinned = build.pin_rewards(config, RunFolder(tmp_path))
    copy = Path(pinned.reward_settings["classifier.file"])
    assert copy.parent == tmp_path and copy.read_bytes() == file.read_bytes()
    (tmp_path / "lab_encoders.py").write_text(listing("lab_encoders.py"))
    other = replace(config.vision, kind=f"{tmp_path / 'lab_encoders.py'}:Grid")
    with pytest.raises(ConfigError, match=r"got one of encoder \w+, expected the run's, grid-4"):
        build.check_rewards(replace(config, vision=other))
    build.check_rewards(pinned)


def test_existing_file_is_never_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(folder / "lifted.safetensors")
    assert main(["classifier", "train", TASK, "--from", str(folder / "demos"), "--out", file]) == 2
    assert "which exists, expected a new file" in capsys.readouterr().err
    assert main(["classifier", TASK, "--from", "x", "--out", "y"]) == 2


def test_a_classifier_is_checked_on_recordings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--from", str(folder / "demos"), "--file", str(folder / "lifted.safetensors")]
    assert main(["classifier", "check", TASK, *words]) == 0
    assert re.search(r"at a recall of 95%, threshold [\d.]+: recall (9[5-9]|100)", capsys.readouterr().out)
    other_task = ["classifier", "check", "peg-insert", *words]
    assert main(other_task) == 2
