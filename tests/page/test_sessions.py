"""Recording and watching at the page, in a real browser."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from robot_rl.page.link import Page
from robot_rl.page.settings import PageSettings
from robot_rl.runtime.runs.process_record import read_record
from robot_rl.teleop.devices.browser_messages import Motion, Presence
from tests.page.browsing import chromium, needs_chromium, program, take_over, until, until_cleared
from tests.waiting import eventually

ADDRESS = ("--page-address", "127.0.0.1:0")


@pytest.mark.slow
@needs_chromium
def test_demonstration_is_recorded_at_the_page(tmp_path: Path) -> None:
    words = ("record", "pick-lift-state-only", "--out", "demos", "--episodes", "1", "--by", "browser", *ADDRESS)
    with program(tmp_path, *words) as recording, chromium() as browser:
        page = browser.new_page()
        page.goto(recording.url())
        until(page, "control", "yes")
        until_cleared(page, "#prompt:has-text('Episode 1 of 1: set the scene.')")
        page.keyboard.press("n")
        until_cleared(page, "#prompt:has-text('The episode runs')")
        take_over(page, "#lift", 0.0, -0.5)
        page.keyboard.press("Enter")
        assert recording.wait() == 0, recording.text
    assert "success after" in recording.text
    assert len(list((tmp_path / "demos").glob("episode*"))) == 1, list((tmp_path / "demos").iterdir())


@pytest.mark.slow
@needs_chromium
def test_expert_is_watched_paused_and_ended(tmp_path: Path) -> None:
    words = ("simulate", "pick-lift", "--episodes", "50", "--page", *ADDRESS)
    with program(tmp_path, *words) as running, chromium() as browser:
        page = browser.new_page()
        page.goto(running.url())
        until(page, "charge", "person")
        page.keyboard.press("p")
        until(page, "charge", "idle")
        page.keyboard.press("n")
        until(page, "charge", "person")
        page.click("#finish")
        page.click("dialog button[value=yes]")
        assert running.wait() == 0, running.text
    assert (tmp_path / "simulate.mp4").stat().st_size > 0


def test_address_that_is_taken_is_refused_with_the_flag_to_change() -> None:
    with Page(PageSettings("127.0.0.1:0")) as page:
        address = page.url.removeprefix("http://").rstrip("/")
        words = [sys.executable, "-m", "robot_rl", "simulate", "pick-lift", "--page", "--page-address", address]
        answer = subprocess.run(words, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "--page-address" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_page_of_a_program_that_is_killed_ends(tmp_path: Path) -> None:
    program = (
        "import os, signal; from robot_rl.page.link import Page; from robot_rl.page.settings import PageSettings\n"
        "page = Page(PageSettings('127.0.0.1:0')); print(page._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    answer = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=False)
    served = Path(f"/proc/{int(answer.stdout)}")
    eventually(lambda: not served.exists() or "Z" in (served / "stat").read_text().split(")")[1][:3])


@pytest.mark.parametrize("sole", [False, True])
def test_page_that_is_killed_comes_back_and_a_persons_only_page_stops_the_arm(tmp_path: Path, sole: bool) -> None:
    with Page(PageSettings("127.0.0.1:0", run=tmp_path)) as page, socket.create_connection(host_of(page)):
        page.input.sole = sole
        page.input.take(Presence(True))
        page.input.take(Motion(True))
        first = eventually(lambda: read_record(tmp_path / "page"))
        os.kill(first.pid, signal.SIGKILL)
        eventually(lambda: not page.input.peek().engaged and page.input.peek().stopped == sole)
        eventually(lambda: read_record(tmp_path / "page").pid != first.pid)
        eventually(lambda: answers(page))
        assert page.input.peek().stopped == sole, "only a person clears a stop"
    assert read_record(tmp_path / "page").state == "ended"


def host_of(page: Page) -> tuple[str, int]:
    host, _, port = page.url.removeprefix("http://").rstrip("/").rpartition(":")
    return host, int(port)


def answers(page: Page) -> bool:
    try:
        socket.create_connection(host_of(page)).close()
    except OSError:
        return False
    return True


def test_no_page_beside_page_is_refused() -> None:
    words = [sys.executable, "-m", "robot_rl", "teleop", "pick-lift", "--device", "browser", "--no-page"]
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (answer.returncode, "--no-page" in answer.stderr) == (2, True)
