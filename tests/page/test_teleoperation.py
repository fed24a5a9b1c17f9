"""The page in a real browser, over the simulated arm that it moves."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.page.browsing import (
    Program,
    attribute,
    chromium,
    frames,
    hold,
    needs_chromium,
    program,
    take_control,
    take_over,
    until,
    until_idle,
)
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, needs_chromium]
TELEOP = ("teleop", "pick-lift", "--device", "browser", "--page-address", "127.0.0.1:0")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def teleop(tmp_path: Path) -> Iterator[Program]:
    with program(tmp_path, *TELEOP) as running:
        yield running


@pytest.fixture
def page(browser: Any, teleop: Program) -> Iterator[Any]:
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(teleop.url())
    until(page, "control", "yes")
    yield page
    context.close()
    assert errors == []


def height_mm(page: Any) -> float:
    return float(page.inner_text("#height").split()[0])


def test_images_are_live_and_both_joysticks_move_the_arm_while_they_are_held(page: Any) -> None:
    eventually(lambda: len(frames(page)) == 2)
    before, start_s = frames(page), time.monotonic()
    take_over(page, "#lift", 0.0, -0.6)
    low = height_mm(page)
    eventually(lambda: height_mm(page) > low + 10)
    page.mouse.up()
    until(page, "charge", "idle")
    time_s = time.monotonic() - start_s
    counts = frames(page)
    assert all((counts[name] - before[name]) / time_s > 8.0 for name in counts), (before, counts, time_s)


def test_keys_move_the_arm_and_a_lost_focus_lets_go(page: Any) -> None:
    page.keyboard.down("r")
    until(page, "charge", "human")
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    until(page, "charge", "idle")
    page.keyboard.up("r")


def test_cancelled_pointer_lets_go(page: Any) -> None:
    take_over(page, "#plane", 0.5, 0.0)
    page.evaluate("document.querySelector('#plane').dispatchEvent(new PointerEvent('pointercancel', {pointerId: 1}))")
    until(page, "charge", "idle")
    page.mouse.up()


def test_stop_stays_until_it_is_cleared(page: Any) -> None:
    page.keyboard.press("x")
    until(page, "charge", "estop")
    hold(page, "#plane", 0.5, 0.0)
    page.wait_for_timeout(300)
    assert attribute(page, "charge") == "estop"
    page.mouse.up()
    box = page.locator("#clear").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    until(page, "charge", "idle")
    page.mouse.up()


def test_second_browser_watches_stops_and_takes_control_explicitly(page: Any, teleop: Program) -> None:
    second = page.context.new_page()
    second.goto(teleop.url())
    until(second, "link", "up")
    assert attribute(second, "control") == "no"
    take_over(page, "#lift", 0.0, -0.3, watching=second)
    take_control(second)
    until(page, "control", "no")
    until_idle(second)  # the first one's hand does not count any more
    page.mouse.up()
    page.locator("#stop").dispatch_event("pointerdown")  # without control, too
    until(second, "charge", "estop")


def test_closed_tab_releases_the_dead_man_and_stops_the_arm(page: Any, teleop: Program) -> None:
    watching = page.context.new_page()
    watching.goto(teleop.url())
    until(watching, "link", "up")
    take_over(page, "#lift", 0.0, -0.3, watching=watching)
    page.close()
    until(watching, "charge", "estop")
    take_control(watching)
    until_idle(watching)


def test_silent_page_lets_go_and_then_stops_the_arm(page: Any) -> None:
    take_over(page, "#lift", 0.0, -0.3)
    page.evaluate("() => { WebSocket.prototype.send = () => {} }")  # a network that swallows everything one way
    until(page, "charge", "estop")
    page.mouse.up()


def test_end_of_the_run_that_was_confirmed_without_a_connection_comes_with_the_next(page: Any, teleop: Program) -> None:
    page.evaluate(
        """() => {
            const send = WebSocket.prototype.send;
            WebSocket.prototype.send = function () { this.close(); };  // the connection ends, and all that is sent
            setTimeout(() => { WebSocket.prototype.send = send; }, 1000);
        }"""
    )
    page.click("#finish")
    page.click("dialog button[value=yes]")
    assert teleop.wait() == 0


def test_end_of_the_run_is_confirmed_and_ends_the_program(page: Any, teleop: Program) -> None:
    page.click("#finish")
    page.click("dialog button[value=yes]")
    assert teleop.wait() == 0
    assert "by hand" in teleop.text
    until(page, "link", "down")
