"""What is written as a video can be decoded, in the right number of frames and about the right colours."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from robot_rl.core.errors import ConfigError, SchemaMismatchError
from robot_rl.runtime.runs.animation import save_gif
from robot_rl.runtime.runs.captions import GREEN
from robot_rl.runtime.runs.video import VideoWriter

RED, BLUE = (np.full((33, 20, 3), color, np.uint8) for color in ((200, 20, 20), (20, 20, 200)))


def test_frames_round_trip_in_number_size_and_colour(tmp_path: Path) -> None:
    path = tmp_path / "new" / "video.mp4"
    with VideoWriter(path, rate_hz=10.0, scale=3) as video:
        for _ in range(12):
            video.add(np.concatenate([RED, BLUE], axis=1))
    with av.open(str(path)) as video:
        decoded = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        assert float(video.streams.video[0].average_rate) == pytest.approx(10.0)
    assert len(decoded) == 12
    assert decoded[0].shape == (100, 120, 3)  # 99 rows padded to an even number
    assert np.abs(decoded[5][50, 20].astype(int) - RED[0, 0]).max() < 25
    assert np.abs(decoded[5][50, 100].astype(int) - BLUE[0, 0]).max() < 25


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32)])
def test_what_is_no_image_is_refused(tmp_path: Path, image: np.ndarray) -> None:
    with VideoWriter(tmp_path / "video.mp4") as video, pytest.raises(SchemaMismatchError, match="video frame"):
        video.add(image)


def test_frames_of_two_sizes_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "video.mp4") as video:
        video.add(RED)
        with pytest.raises(SchemaMismatchError, match="as before"):
            video.add(RED[:10])


def test_gif_shows_the_beginning_of_a_video_at_its_rate(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "video.mp4", rate_hz=10.0, scale=1) as video:
        for i in range(30):
            frame = np.full((48, 64, 3), 40, np.uint8)
            frame[:, : 2 * i] = GREEN
            video.add(frame)
    path = tmp_path / "new" / "short.gif"
    save_gif(tmp_path / "video.mp4", path, 2.0, 32)
    with Image.open(path) as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"], gif.info["loop"]) == (20, (32, 24), 100, 0)
        gif.seek(19)
        pixel = np.array(gif.convert("RGB"))[12, 4]
    assert np.abs(pixel - np.array(GREEN)).max() < 24


def test_gif_of_a_run_without_a_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--video-episodes"):
        save_gif(tmp_path / "video.mp4", tmp_path / "x.gif", 2.0, 32)
