"""The operator's page in a real browser: its stop to the arm's, images a second, and what it costs the acting loop.

The arm is the served simulation: the controller of a real arm, at 1 kHz in real time. A stop's time begins before the
browser gets the key, and ends when the controller holds, and when the tool rests.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from controllers.ros import graph
from controllers.ros.wire import Wire
from robot_rl.bench.timing import percentiles
from robot_rl.core.clock import RateKeeper, SystemClock
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.hardware.cameras.camera import Frame

STOPS, STEPS, WATCH_S = 50, 300, 5.0
REST_M_PER_S = 0.005
"""Tool speed below which the arm rests [m/s]; a joystick moves it at ten times that."""
MOTION_S, PAUSE_S = 2.0, 0.3  # a held key's motion begins within; a released one is let go for
LIMIT_S = 60.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
IMAGE_SHAPE = (480, 640, 3)


def run(stops: int = STOPS) -> dict[str, Any]:
    """Return the times; target: stop p99 100 ms on two free cores.

    Args:
        stops: number of emergency stops.

    Raises:
        ConfigError: no browser, or no playwright.
    """
    metrics: dict[str, Any] = {"cpus": len(os.sched_getaffinity(0)), "load_1min": round(os.getloadavg()[0], 2)}
    with browser() as chromium, tempfile.TemporaryDirectory() as folder:
        metrics |= measure_stops(chromium, Path(folder), stops)
        metrics |= measure_cost(chromium)
    return metrics


@contextmanager
def browser() -> Iterator[Any]:
    """Yield a headless browser of this system.

    Raises:
        ConfigError: no browser, or no playwright.
    """
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        raise ConfigError("bench page: got no browser, expected chromium and playwright; apt-get install chromium.")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


def measure_stops(chromium: Any, folder: Path, stops: int) -> dict[str, Any]:
    """Stop the moving arm by the page's key, again and again, and count the images of the cameras meanwhile."""
    from robot_rl.hardware.graph.dds_wire import DdsWire

    domain_id = int(os.environ.get("ROS_DOMAIN_ID", 60 + os.getpid() % 40))
    wire = DdsWire("bench", "", domain_id)
    arm = ArmWatch(wire)
    teleop = ("teleop", "pick-lift", "--robot.kind", "dds", "--device", "browser", "--page-address", "127.0.0.1:0")
    try:
        with program(folder, domain_id, "serve", "pick-lift"):
            wait_for(lambda: arm.speed_m_per_s is not None)
            with program(folder, domain_id, *teleop) as lines:
                page = chromium.new_page()
                page.goto(wait_for(lambda: _link(lines)))
                images = images_per_s(page)
                times_s = np.array([stop_once(page, arm, upwards=number % 2 == 0) for number in range(stops)])
                page.close()
    finally:
        wire.close()
    return {
        **percentiles("stop_to_hold_ms", times_s[:, 0], 1e3),
        **percentiles("stop_to_rest_ms", times_s[:, 1], 1e3),
        "images_per_s": images,
    }


class ArmWatch:
    """What the controller publishes: who stops it, and how fast the tool moves."""

    def __init__(self, wire: Wire) -> None:
        self.speed_m_per_s: float | None = None
        self.held_s: float | None = None  # since when a stop is in force
        self.rested_s: float | None = None  # since when the tool rests
        wire.subscribe(graph.STATUS, self._on_status)
        wire.subscribe(graph.CURRENT_TWIST, self._on_twist)

    def _on_status(self, message: Any) -> None:
        stopped = {pair.key: pair.value for pair in message.values}.get("stopped by", "")
        self.held_s = (self.held_s or time.monotonic()) if stopped else None

    def _on_twist(self, message: Any) -> None:
        linear = message.twist.linear
        self.speed_m_per_s = float(np.linalg.norm([linear.x, linear.y, linear.z]))
        self.rested_s = (self.rested_s or time.monotonic()) if self.speed_m_per_s < REST_M_PER_S else None


def stop_once(page: Any, arm: ArmWatch, upwards: bool) -> tuple[float, float]:
    """Move the arm by a key, stop it by the page's, and clear the stop; return the times to hold and to rest [s]."""
    keys = ("r", "f") if upwards else ("f", "r")  # the other one at the end of the workspace
    page.wait_for_selector("body[data-charge=idle]", timeout=1e3 * LIMIT_S)
    key = wait_for(lambda: next((key for key in keys if moves(page, arm, key)), None))
    start_s = time.monotonic()
    page.keyboard.down("x")
    held_s = wait_for(lambda: arm.held_s) - start_s
    rested_s = wait_for(lambda: arm.rested_s) - start_s
    page.keyboard.up("x")
    page.keyboard.up(key)
    page.keyboard.press("c")
    wait_for(lambda: arm.held_s is None)
    return held_s, rested_s


def moves(page: Any, arm: ArmWatch, key: str) -> bool:
    """Hold a key and return whether the arm moves; else let go, since a silence of the page locks a held joystick."""
    page.keyboard.down(key)
    end_s = time.monotonic() + MOTION_S
    while time.monotonic() < end_s:
        if arm.rested_s is None and (arm.speed_m_per_s or 0.0) > 2 * REST_M_PER_S:
            return True
        page.wait_for_timeout(10)
    page.keyboard.up(key)
    page.wait_for_timeout(1e3 * PAUSE_S)
    return False


def images_per_s(page: Any) -> float:
    """Return the images a second of the slowest camera."""
    script = "[...document.querySelectorAll('figure')].map(figure => figure.frames)"
    wait_for(lambda: len(page.evaluate(script)))
    before, start_s = page.evaluate(script), time.monotonic()
    page.wait_for_timeout(1e3 * WATCH_S)
    after, passed_s = page.evaluate(script), time.monotonic() - start_s
    return round(float(min(np.subtract(after, before)) / passed_s), 2)


class NoiseCamera:
    """A camera of noise, with a new image at each reading."""

    height, width = IMAGE_SHAPE[:2]

    def __init__(self, name: str) -> None:
        self.name = name
        self._image = np.random.default_rng(0).integers(0, 255, IMAGE_SHAPE, np.uint8)

    def read(self) -> Frame:
        """Return the image with the present time."""
        return Frame(self._image, time.monotonic_ns())

    def close(self) -> None:
        """Do nothing."""


def measure_cost(chromium: Any, steps: int = STEPS) -> dict[str, Any]:
    """Return the acting loop's period without and with a page that a browser shows, and the time of a report."""
    from robot_rl.page.images import CameraImages
    from robot_rl.page.link import Page
    from robot_rl.page.settings import PageSettings
    from robot_rl.page.step_report import StepReporter
    from robot_rl.runtime.acting.monitor import NoMonitor

    clock = SystemClock()
    without = acting_periods(NoMonitor(), steps)
    with Page(PageSettings("127.0.0.1:0")) as page:
        page.follow(
            StepReporter(clock, 0.1, 6.0), CameraImages({name: NoiseCamera(name) for name in ("front", "wrist")}, clock)
        )
        view = chromium.new_page()
        view.goto(page.url)
        beside = acting_periods(page, steps)
        view.close()
    return {
        **percentiles("period_without_ms", without[:, 0], 1e3),
        **percentiles("period_with_ms", beside[:, 0], 1e3),
        **percentiles("report_us", beside[:, 1], 1e6),
    }


def acting_periods(monitor: Any, steps: int) -> np.ndarray:
    """Return period and time of a report [s] of each step of a paced simulated arm, (steps, 2)."""
    from robot_rl.envs.simulated import make_simulated_env
    from robot_rl.runtime.acting.monitor import StepView
    from robot_rl.teleop.arbiter import ControlAuthority

    env = make_simulated_env("pick-lift", cameras=())
    env.reset(seed=0)
    monitor.begin()
    times_s, still = np.zeros((steps + 1, 2)), np.zeros(env.action_layout.size, np.float32)
    pace = RateKeeper(1.0 / env.period_s, SystemClock())
    for i in range(steps + 1):
        env.step(still)
        start_s = time.monotonic()
        monitor.step(StepView(ControlAuthority.POLICY))
        times_s[i, 1] = time.monotonic() - start_s
        pace.wait()
        times_s[i, 0] = time.monotonic()
    env.close()
    return np.column_stack([np.diff(times_s[:, 0]), times_s[1:, 1]])


@contextmanager
def program(folder: Path, domain_id: int, *words: str) -> Iterator[list[str]]:
    """Run a command of this package; yield the lines that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "robot_rl", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"ROS_DOMAIN_ID": str(domain_id), "PYTHONUNBUFFERED": "1"},
    )
    lines: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lines.extend, args=(process.stdout,), daemon=True)
    reader.start()
    try:
        yield lines
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        reader.join()
        process.stdout.close()


def _link(lines: list[str]) -> str:
    found = re.search(r"page: (http\S+)", "".join(lines))
    return found[1] if found else ""


def wait_for(condition: Callable[[], Any]) -> Any:
    """Return the condition's first true value.

    Raises:
        DeviceLostError: there was none.
    """
    end_s = time.monotonic() + LIMIT_S
    while not (value := condition()):
        if time.monotonic() > end_s:
            raise DeviceLostError(f"bench page: got nothing for {LIMIT_S:g} s, expected an answer; run it again.")
        time.sleep(0.001)
    return value
