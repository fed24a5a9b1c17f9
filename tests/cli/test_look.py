"""A task's cameras are shown, and their crops chosen into its file."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from controllers.ros import graph
from robot_rl.cli import main
from robot_rl.cli.look import proportioned
from robot_rl.core.settings import save_settings
from robot_rl.hardware.cameras.config import CameraSet
from robot_rl.hardware.cameras.contact_sheet import LABEL_HEIGHT, ROW_HEIGHT
from robot_rl.hardware.cameras.views import Crop, View
from robot_rl.hardware.cameras.webcam import WebcamConfig
from robot_rl.hardware.graph.dds_wire import DdsWire
from robot_rl.hardware.graph.messages import image_message
from robot_rl.tasks import find_task
from tests.contracts.listings import listing
from tests.domains import domain_id


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task with two cameras of its own names, and their file."""
    monkeypatch.delenv("DISPLAY", raising=False)
    cv2.imwrite(str(tmp_path / "shot_0.png"), np.zeros((480, 640, 3), np.uint8))
    webcams = (
        WebcamConfig(name, str(tmp_path / "shot_%d.png"), auto_exposure=name == "top") for name in ("top", "hand")
    )
    save_settings(tmp_path / "cameras.json", CameraSet(tuple(webcams)))
    (tmp_path / "lift.toml").write_text(
        listing("gentle_lift.toml").replace("[cameras.wrist]", "[cameras.top]  # above\n\n[cameras.hand]")
    )
    return tmp_path


def look(lab: Path, *words: str) -> int:
    files = [str(lab / "lift.toml"), "--cameras", str(lab / "cameras.json"), "--png", str(lab / "look.png")]
    return main(["look", *files, *words])


def test_crops_are_written_into_the_tasks_file_and_its_comments_stay(lab: Path, capsys) -> None:
    assert look(lab, "--crop", "top=80,0,400,400", "hand=0,0,480,480") == 0
    task = find_task(str(lab / "lift.toml"))
    assert task.cameras["top"].crop == Crop(80, 0, 400, 400) and task.cameras["hand"].crop == Crop(0, 0, 480, 480)
    assert "[cameras.top]  # above" in (lab / "lift.toml").read_text() and (lab / "look.png").stat().st_size > 1000
    assert "top: auto_exposure is on" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("crop", "text"),
    [
        ("tp=0,0,9,9", "did you mean 'top'"),
        ("top=0,0,9", "expected NAME=LEFT,TOP"),
        ("top=0,0,0,9", "width: got 0"),
        ("top=300,0,400,400", "within the 640 x 480 image"),
    ],
)
def test_crop_that_is_none_is_refused_and_the_file_stays(lab: Path, crop: str, text: str, capsys) -> None:
    before = (lab / "lift.toml").read_text()
    assert look(lab, "--crop", crop) == 2 and text in capsys.readouterr().err
    assert (lab / "lift.toml").read_text() == before


def test_camera_that_the_file_lacks_is_named(lab: Path, capsys) -> None:
    (lab / "lift.toml").write_text(listing("gentle_lift.toml"))
    assert look(lab) == 2 and "camera in" in capsys.readouterr().err


def test_simulated_task_is_shown_as_it_is_rendered(tmp_path: Path, capsys) -> None:
    assert main(["look", "pick-lift", "--png", str(tmp_path / "look.png")]) == 0
    assert cv2.imread(str(tmp_path / "look.png")).shape[0] == 2 * (LABEL_HEIGHT + ROW_HEIGHT)
    assert main(["look", "pick-lift", "--crop", "wrist=0,0,9,9"]) == 2
    assert "expected a TOML file" in capsys.readouterr().err


def test_dragged_crop_gets_the_policys_proportions() -> None:
    assert proportioned(Crop(100, 50, 200, 150), View(size=(128, 128))) == Crop(100, 50, 150, 150)
    assert proportioned(Crop(0, 0, 200, 150), View(size=None)) == Crop(0, 0, 200, 150)


@pytest.mark.dds
def test_cameras_of_a_graph_are_shown_whole_with_the_tasks_crop(lab: Path, monkeypatch) -> None:
    """Topics named by the task's cameras, and those of a file; the task's own `robot.kind` says which wire."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain_id("look")))
    server, over = DdsWire("cameras", ""), threading.Event()
    publishers = {name: server.publisher(graph.image_topic(name)) for name in ("top", "hand")}
    image = np.full((240, 320, 3), (0, 0, 200), np.uint8)

    def publish() -> None:
        while not over.wait(0.05):
            for name, publisher in publishers.items():
                publisher.publish(image_message(server, image, server.now_ns(), name))

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        words = ["--robot.kind", "dds", "--crop", "top=0,0,100,100", "--png", str(lab / "look.png")]
        assert main(["look", str(lab / "lift.toml"), *words]) == 0
        (lab / "topics.json").write_text('{"cameras": [{"kind": "topic", "name": "top"}]}')
        assert main(["look", str(lab / "topics.json"), "--png", str(lab / "top.png")]) == 0
    finally:
        over.set()
        thread.join()
        server.close()
    whole, top = (cv2.imread(str(lab / name)) for name in ("look.png", "top.png"))
    assert whole.shape[0] == 2 * top.shape[0] and (top[..., 0] > 150).any()
