"""Benchmark of cameras: reading while they deliver and while one is lost, crop and resize, age.

Two videos of 640 x 480 at 30 Hz replace devices: decoding, threads and reads are real, the USB is not.
"""

import contextlib
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.bench.timing import percentiles, time_calls
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import DeviceLostError
from robot_rl.hardware.cameras.camera import Camera
from robot_rl.hardware.cameras.contact_sheet import save_png
from robot_rl.hardware.cameras.factory import close_cameras, make_cameras
from robot_rl.hardware.cameras.views import View, apply
from robot_rl.hardware.cameras.webcam import WebcamConfig, open_webcam

VIEW = View()
HEIGHT, WIDTH, RATE_HZ = 480, 640, 30.0
READS = 2000
AGE_MAX_S = 60.0  # an age is measured, not refused
POINTS = (50, 99, 100)
ABSENT = "/dev/video99"


def run(seconds: float = 10.0) -> dict[str, Any]:
    """Return `view_us_*`, `read_us_*` (both cameras), `absent_read_us_*` (an error), `age_ms_*` (when read) and
    `cpu_percent` of one core that two cameras take.
    """
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    metrics: dict[str, Any] = percentiles("view_us", time_calls(lambda: apply(VIEW, image), 500), 1e6)
    with tempfile.TemporaryDirectory() as folder:
        save_png(Path(folder) / "shot_0.png", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
        video = str(Path(folder) / "shot_%d.png")
        cameras = make_cameras(
            [WebcamConfig(name, video, rate_hz=RATE_HZ, max_age_s=AGE_MAX_S) for name in ("wrist", "side")]
        )
        try:
            metrics |= _present(cameras, seconds)
        finally:
            close_cameras(cameras)
    metrics |= _absent()
    return {name.replace("_p100", "_max"): value for name, value in metrics.items()}


def _present(cameras: Sequence[Camera], seconds: float) -> dict[str, Any]:
    """Yield at 10 Hz, at varying phases of the cameras' periods."""
    busy_s, start_s = time.process_time(), time.monotonic()
    ages_ns, reads_s = [], []
    while time.monotonic() - start_s < seconds:
        time.sleep(0.0973)
        began_ns = time.perf_counter_ns()
        frames = [camera.read() for camera in cameras]
        reads_s.append((time.perf_counter_ns() - began_ns) / NS_PER_S)
        ages_ns += [time.monotonic_ns() - frame.stamp_ns for frame in frames]
    share = (time.process_time() - busy_s) / (time.monotonic() - start_s)
    metrics: dict[str, Any] = percentiles("read_us", np.array(reads_s), 1e6, POINTS)
    metrics |= percentiles("age_ms", np.array(ages_ns) / NS_PER_S, 1e3, POINTS)
    return metrics | {"cpu_percent": round(100 * share, 1)}


def _absent() -> dict[str, Any]:
    camera = open_webcam(WebcamConfig("away", ABSENT))

    def read() -> None:
        with contextlib.suppress(DeviceLostError):
            camera.read()

    try:
        return percentiles("absent_read_us", time_calls(read, READS), 1e6, POINTS)
    finally:
        camera.close()
