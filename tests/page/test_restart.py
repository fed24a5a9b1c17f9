"""The page after a death: of its process, which is killed or stands still, and of the browser."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robot_rl.page.link import Page
from robot_rl.page.settings import PageSettings
from tests.page.browsing import Program, chromium, needs_chromium, program, until, until_cleared
from tests.waiting import eventually

ADDRESS = ("--page-address", "127.0.0.1:0")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def page_process(program: Program) -> int:
    """Return the process that serves the page of a program; 0 while there is none."""
    for children in Path(f"/proc/{program.process.pid}/task").glob("*/children"):
        for child in children.read_text().split():
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if b"robot_rl.page.serve" in words:
                return int(child)
    return 0


def events(page: Any) -> str:
    return str(page.inner_text("#events"))


@pytest.mark.slow
@needs_chromium
def test_arm_stops_while_a_persons_only_page_is_away_and_the_page_goes_on(tmp_path: Path, browser: Any) -> None:
    with program(tmp_path, "teleop", "pick-lift", "--device", "browser", *ADDRESS) as running:
        page = browser.new_page()
        page.goto(running.url())
        until(page, "control", "yes")
        page.keyboard.down("r")
        first = page_process(running)
        os.kill(first, signal.SIGKILL)
        until(page, "link", "down")
        until(page, "charge", "estop")  # latched, though the page is there again
        until(page, "control", "yes")
        assert page_process(running) not in (0, first)
        assert "the page was started again" in events(page)
        assert "SIGKILL" in running.text
        until_cleared(page, "body[data-charge=idle]")  # the key is still down, which does not count
        page.keyboard.up("r")
        page.close()


@pytest.mark.slow
@needs_chromium
def test_run_goes_on_without_its_page_and_its_events_stay_on_it(tmp_path: Path, browser: Any) -> None:
    with program(tmp_path, "simulate", "pick-lift", "--episodes", "50", "--page", *ADDRESS) as running:
        page = browser.new_page()
        page.goto(running.url())
        eventually(lambda: "a person moves the arm" in events(page))
        os.kill(page_process(running), signal.SIGKILL)
        until(page, "link", "down")
        until(page, "control", "yes")
        until(page, "charge", "person")  # the expert acts
        assert "the page was started again" in events(page)
        assert "a person moves the arm" in events(page)
        assert "emergency stop" not in events(page)
        page.close()


@pytest.mark.slow
@needs_chromium
def test_browser_that_crashes_stops_the_arm_and_a_new_one_shows_that(tmp_path: Path, browser: Any) -> None:
    with program(tmp_path, "teleop", "pick-lift", "--device", "browser", *ADDRESS) as running:
        page = browser.new_page()
        page.goto(running.url())
        until(page, "control", "yes")
        with pytest.raises(Exception, match=r"crash|Timeout|ERR_ABORTED"):
            page.goto("chrome://crash", timeout=2000)
        again = browser.new_page()
        again.goto(running.url())
        until(again, "charge", "estop")
        again.close()
        last = browser.new_page()
        last.goto(running.url())
        until(last, "control", "yes")
        until_cleared(last, "body[data-charge=idle]")
        last.close()


@pytest.mark.slow
def test_page_whose_process_stands_still_is_started_again(tmp_path: Path) -> None:
    with Page(PageSettings("127.0.0.1:0"), silence_s=1.0) as page:
        os.kill(page.pid, signal.SIGSTOP)
        first = page.pid
        eventually(lambda: page.pid != first)
