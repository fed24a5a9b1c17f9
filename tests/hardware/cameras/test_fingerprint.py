"""Another set-up of cameras is noticed when a run goes on or is evaluated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.build_graph import compare_cameras
from robot_rl.core.errors import ConfigError
from robot_rl.hardware.cameras.camera import Frame
from robot_rl.hardware.cameras.fingerprint import check_cameras, identity, likeness
from robot_rl.hardware.cameras.webcam import Webcam, WebcamConfig
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.runtime.runs.run_folder import new_result
from tests.envs.test_graph_env import Bench
from tests.hardware.cameras.test_webcam import plug

NAMES = ("wrist", "side")
ON_AN_ARM = RobotConfig(kind="dds", episode_source="operator")


class Still:
    """A camera of one view, whose light and sensor noise differ from image to image."""

    def __init__(self, view: int, light: float = 1.0) -> None:
        self.name, self.height, self.width = "", 64, 64
        self._view, self._light, self._rng = view, light, np.random.default_rng()

    def read(self) -> Frame:
        coarse = np.random.default_rng(self._view).uniform(40.0, 200.0, (8, 8, 1))
        image = self._light * np.repeat(np.repeat(coarse, 8, 0), 8, 1) + self._rng.normal(0.0, 8.0, (64, 64, 3))
        return Frame(np.clip(image, 0, 255).astype(np.uint8), 0)

    def close(self) -> None:
        """Nothing to release."""


def check(folder: Path, wrist: Still, side: Still, **devices: str) -> list[str]:
    configs = [WebcamConfig(name, devices.get(f"{name}_device", "a.avi")) for name in NAMES]
    return list(check_cameras(folder, configs, {"wrist": wrist, "side": side}))


def test_the_same_cameras_in_another_light_pass(tmp_path: Path) -> None:
    assert check(tmp_path, Still(1), Still(2)) == []
    assert check(tmp_path, Still(1, 0.6), Still(2, 1.2)) == []


def test_a_camera_that_views_another_place_is_a_warning_with_its_name(tmp_path: Path) -> None:
    check(tmp_path, Still(1), Still(2))
    (line,) = check(tmp_path, Still(1), Still(3))
    assert line.startswith("camera side: its image is unlike") and str(tmp_path) in line


def test_two_cameras_that_changed_places_are_refused(tmp_path: Path) -> None:
    check(tmp_path, Still(1), Still(2))
    with pytest.raises(ConfigError, match="side and wrist in each other's place"):
        check(tmp_path, Still(2), Still(1))


def test_another_device_is_refused_and_a_removed_fingerprint_is_written_anew(tmp_path: Path) -> None:
    check(tmp_path, Still(1), Still(2))
    with pytest.raises(ConfigError, match=r"camera wrist: got .*b.avi.*, expected .*a.avi"):
        check(tmp_path, Still(1), Still(2), wrist_device="b.avi")
    for file in (tmp_path / "cameras").iterdir():
        file.unlink()
    assert check(tmp_path, Still(1), Still(2), wrist_device="b.avi") == []


def test_a_webcam_is_known_by_model_and_port_whatever_its_number(tmp_path: Path) -> None:
    plug(tmp_path, 0, "0:1.2")
    plug(tmp_path, 1, "0:1.4")
    numbers = [Webcam.identity(WebcamConfig("wrist", device), tmp_path) for device in ("0", "/dev/video0", "2")]
    assert numbers[0] == numbers[1] == {"model": "HD Cam", "port": "/dev/v4l/by-path/pci-usb-0:1.2-video-index0"}
    assert numbers[2] != numbers[0]


def test_each_kind_names_its_device() -> None:
    assert identity(WebcamConfig("side", "tape.avi")) == {"device": "tape.avi"}


def test_the_likeness_of_flat_images_is_that_they_are_equal() -> None:
    flat = np.full((64, 64, 3), 7, np.uint8)
    assert likeness(flat, flat) == 1.0 and abs(likeness(flat, Still(1).read().image)) < 0.01


def compare(run: Path, wrist: Still, side: Still, settings: RobotConfig = ON_AN_ARM) -> None:
    """Compare as an actor that starts or resumes, and as an evaluation."""
    env = Bench().env
    env.cell = replace(env.cell, cameras={"wrist": wrist, "side": side})
    compare_cameras(env, settings, run / "actor-0")


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_resumed_run_refuses_swapped_cameras_and_loses_nothing(tmp_path: Path) -> None:
    compare(tmp_path, Still(1), Still(2))
    (tmp_path / "actor-0" / "spool.log").write_bytes(b"records")
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match="in each other's place"):
        compare(tmp_path, Still(2), Still(1))
    assert contents(tmp_path) == before and len(before) == 3
    compare(tmp_path, Still(1), Still(2))
    assert contents(tmp_path) == before


def test_an_evaluation_with_swapped_cameras_keeps_the_result_that_was_there(tmp_path: Path) -> None:
    compare(tmp_path, Still(1), Still(2))
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "summary.json").write_text("{}")
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match="in each other's place"), new_result(tmp_path / "evaluation", again=True):
        compare(tmp_path, Still(2), Still(1))
    assert contents(tmp_path) == before and not (tmp_path / "evaluation.part").exists()


def test_a_resumed_run_prints_the_camera_whose_view_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare(tmp_path, Still(1), Still(2))
    compare(tmp_path, Still(1), Still(3))
    assert capsys.readouterr().out.startswith("camera side: its image is unlike the run's first one")


def test_a_served_simulation_has_no_fingerprint(tmp_path: Path) -> None:
    compare(tmp_path, Still(1), Still(2), replace(ON_AN_ARM, episode_source="simulated"))
    assert not contents(tmp_path)
