"""Image of recorded frames with an encoder's key points."""

import colorsys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from robot_rl.vision.architecture import EncoderFile
from robot_rl.vision.probe import key_points
from robot_rl.vision.recordings import Recording

FRAMES, POINTS, ZOOM = 8, 12, 2


def draw_key_points(path: Path, encoder: EncoderFile, recording: Recording) -> None:
    """Write frames spread over a recording, a row a camera, with the channels whose points move most, each a colour."""
    rows = np.linspace(0, len(recording.poses) - 1, FRAMES).astype(int)
    images = {camera: frames[rows] for camera, frames in recording.images.items()}
    lines = []
    for camera, points in key_points(encoder, images).items():
        moving = np.argsort(points.std(0).sum(-1))[-POINTS:]
        lines.append(np.hstack([_drawn(*pair) for pair in zip(images[camera], points[:, moving], strict=True)]))
    width = max(line.shape[1] for line in lines)
    Image.fromarray(np.vstack([np.pad(x, ((0, 0), (0, width - x.shape[1]), (0, 0))) for x in lines])).save(path)


def _drawn(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    canvas = Image.fromarray(image).resize((ZOOM * image.shape[1], ZOOM * image.shape[0]))
    draw = ImageDraw.Draw(canvas)
    for number, (x, y) in enumerate(ZOOM * points):
        red, green, blue = colorsys.hsv_to_rgb(number / len(points), 1.0, 1.0)
        colour = (round(255 * red), round(255 * green), round(255 * blue))
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), outline=colour, width=2)
    return np.asarray(canvas)
