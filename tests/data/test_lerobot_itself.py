"""LeRobot itself reads what `robot-rl export` writes.

LeRobot needs other versions of our own dependencies, so it is given as an interpreter of another environment:
`ROBOT_RL_LEROBOT=/path/to/python pytest tests/data/test_lerobot_itself.py`. Without it these tests are skipped.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.data.formats import Episode, make_format
from robot_rl.data.image_codec import decompress
from tests.data.test_lerobot_video import ERROR_MAX, seen

pytest.importorskip("pyarrow")
LEROBOT = os.environ.get("ROBOT_RL_LEROBOT", "")
"""Python of an environment with LeRobot, and, where it is there, lerobot-doctor."""
LEROBOT_DOCTOR = Path(LEROBOT).parent / "lerobot-doctor"
pytestmark = [
    pytest.mark.lerobot,
    pytest.mark.slow,
    pytest.mark.skipif(not LEROBOT, reason="LeRobot does not read our datasets here: ROBOT_RL_LEROBOT names no Python"),
]
EPISODES = [seen(9), seen(4, 1), seen(6, 2)]
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def episodes_of(folder: Path, video: str | None) -> list[Episode]:
    """Export episodes; return them."""
    for episode in EPISODES:
        make_format("episodes").write(folder / "demos", episode)
    words = ["export", str(folder / "demos"), "--out", str(folder / "out"), "--text", "plug the stick in"]
    assert main([*words, *(["--video", video] if video else [])]) == 0
    return EPISODES


def run(folder: Path, *words: str) -> str:
    caches = {"HF_HOME": str(folder / "hub"), "HF_DATASETS_CACHE": str(folder / "cache")}
    environment = os.environ | OFFLINE | caches
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=folder, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


COLUMNS: dict[str, Callable[[Any], Any]] = {
    "observation.state": lambda step: step.obs["state"],
    "action": lambda step: step.action,
    "next.reward": lambda step: step.reward,
    "next.done": lambda step: step.last,
    "next.terminated": lambda step: step.terminated,
    "next.truncated": lambda step: step.truncated,
    "next.success": lambda step: step.success,
    "observed": lambda step: step.observed,
    "source": lambda step: int(step.source),
    "stamp_ns": lambda step: step.stamp_ns,
    "policy_version": lambda step: step.policy_version,
}
CAMERAS: dict[str, Callable[[Any], np.ndarray]] = {
    "observation.images.wrist": lambda step: step.obs["wrist"],
    "observation.images.side": lambda step: decompress(step.frames["side"]),
}


@pytest.mark.parametrize("video", [None, "av1", "h264"])
def test_every_frame_is_as_recorded(video: str | None, tmp_path: Path) -> None:
    steps = [step for episode in episodes_of(tmp_path, video) for step in episode.steps]
    run(tmp_path, LEROBOT, str(Path(__file__).with_name("lerobot_reader.py")), "out", "read.npz")
    read = np.load(tmp_path / "read.npz")
    for name, value in COLUMNS.items():
        expected = np.array([value(step) for step in steps])
        assert read[name].dtype.kind == expected.dtype.kind, name
        np.testing.assert_array_equal(read[name], expected.astype(read[name].dtype), err_msg=name)
        assert read[f"stats/{name}"] == pytest.approx(expected.astype(np.float64).mean(0))
    assert read["quantiles"].shape == (5, 3)
    for name, image in CAMERAS.items():
        expected, bound = np.array([image(step) for step in steps]), ERROR_MAX if video else 0.0
        assert read[name].shape == expected.shape
        assert np.abs(read[name].astype(int) - expected.astype(int)).mean((1, 2, 3)).max() <= bound, name
    lengths = [len(episode.steps) for episode in EPISODES]
    np.testing.assert_array_equal(read["episode_index"], np.repeat([0, 1, 2], lengths))
    np.testing.assert_array_equal(read["frame_index"], np.concatenate([np.arange(n) for n in lengths]))
    assert set(read["task"].tolist()) == {"plug the stick in"}
    np.testing.assert_array_equal(read["batch"][0], np.stack([step.action for step in EPISODES[1].steps[:2]]))


@pytest.mark.parametrize("video", [None, "av1"])
def test_doctor_of_lerobot_finds_no_error(video: str | None, tmp_path: Path) -> None:
    if not LEROBOT_DOCTOR.is_file():
        pytest.skip(f"no lerobot-doctor beside {LEROBOT}")
    episodes_of(tmp_path, video)
    report = run(tmp_path, str(LEROBOT_DOCTOR), "out")
    assert "[FAIL]" not in report and "FAIL |" not in report
    for check in ("Metadata & Format Compliance", "Temporal Consistency", "Feature Consistency", "Video Integrity"):
        assert f"[PASS] {check}" in report


def test_stages_are_the_subtask_of_each_frame(tmp_path: Path) -> None:
    for number, stages in enumerate(([], [2, 3], [1])):
        steps, meta = seen(6, number)
        meta = {**meta, **({"stages": stages} if stages else {})}
        make_format("episodes").write(tmp_path / "demos", Episode(steps, meta))
    version = run(tmp_path, LEROBOT, "-c", "from importlib.metadata import version; print(version('lerobot'))")
    layout = "subtask_index" if version.startswith("0.4.") else "language_persistent"
    words = ["--stages", "reach", "grasp", "lift", "--stages-as", layout]
    assert main(["export", str(tmp_path / "demos"), "--out", str(tmp_path / "out"), *words]) == 0
    run(tmp_path, LEROBOT, str(Path(__file__).with_name("lerobot_reader.py")), "out", "read.npz")
    read = np.load(tmp_path / "read.npz")["subtask"].tolist()
    assert read[:6] == ["reach"] * 6
    assert read[6:12] == ["reach"] * 3 + ["grasp"] + ["lift"] * 2
    assert read[12:] == ["reach"] * 2 + ["grasp"] * 4
