"""The first quarter of an hour at a terminal: the tutorial's commands in an empty folder, keys typed, a page used."""

import fcntl
import os
import re
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from robot_rl.core.records import LabelRecord, Source, StepRecord
from robot_rl.data.formats import make_format
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode_stored
from tests.end_to_end.test_tutorial import PAGE, commands
from tests.page.browsing import chromium, needs_chromium, open_page, take_over, until, until_cleared
from tests.trainings import SMALL_AGENT
from tests.waiting import eventually

HERE = {
    "--episodes 3 --out expert.mp4": "--episodes 1 --out expert.mp4",
    "--device browser": "--device keyboard",
    "--by browser --episodes 10": "--by keyboard --episodes 3",
    "--run-name mine --demonstrations-from demos --minutes 10 --evaluation.episodes 20": " ".join(
        (
            "--run-name mine --demonstrations-from demos --minutes 10 --evaluation.episodes 1",
            "--evaluation.video-episodes 0 --page-address 127.0.0.1:0",
            *SMALL_AGENT,
        )
    ),
    "evaluate runs/first --again --episodes 50": "evaluate runs/mine --again --episodes 1 --video-episodes 0",
}
"""Words of the tutorial -> those of this walk: fewer, and by the keyboard."""


class Terminal:
    """A `robot-rl` command at a terminal of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._far, near = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "robot_rl", *words],
            cwd=folder,
            stdin=near,
            stdout=near,
            stderr=near,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C reaches it
        )
        os.close(near)
        self._pieces: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while piece := os.read(self._far, 4096):
                self._pieces.append(piece.decode(errors="replace"))
        except OSError:  # the command has ended
            return

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def await_text(self, text: str, count: int = 1) -> None:
        """Wait until a text has stood on the screen so often."""

        def there() -> bool:
            assert self.text.count(text) >= count or self.process.poll() is None, self.text
            return self.text.count(text) >= count

        eventually(there, 180.0)

    def press(self, keys: str) -> None:
        os.write(self._far, keys.encode())

    def wait(self) -> int:
        code = self.process.wait(300)
        self._reader.join(10)
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        os.close(self._far)


@contextmanager
def terminal(folder: Path, words: list[str]) -> Iterator[Terminal]:
    running = Terminal(folder, *words)
    try:
        yield running
    finally:
        running.close()


def tutorial() -> dict[str, list[str]]:
    """Return the commands of the tutorial that a person starts with, by their first word."""
    found = commands(PAGE, HERE)
    training = next(words for words in found if words[0] == "train" and "mine" in words)
    firsts = {words[0]: words for words in reversed(found)}
    return {name: firsts[name] for name in ("simulate", "teleop", "record", "evaluate")} | {"train": training}


def correct_and_label(browser: Any, url: str) -> None:
    """Open the page of a training, take over, label a success, and end the run."""
    page = open_page(browser, url)
    until(page, "control", "yes")
    until_cleared(page, "body[data-charge=policy]")
    take_over(page, "#lift", 0.0, -0.5)
    page.keyboard.press("Enter")
    eventually(lambda: "success with help" in page.inner_text("#events"))
    page.mouse.up()
    page.click("#finish")
    page.click("dialog button[value=yes]")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@needs_chromium
def test_person_simulates_demonstrates_corrects_and_judges(tmp_path: Path) -> None:
    words = tutorial()
    with terminal(tmp_path, words["simulate"]) as screen:
        assert screen.wait() == 0, screen.text
    assert (tmp_path / "expert.mp4").stat().st_size > 1000

    with terminal(tmp_path, words["teleop"]) as screen:
        screen.await_text("EMERGENCY STOP")
        for _ in range(10):
            screen.press("r")
            threading.Event().wait(0.1)
        screen.press("\x03")
        assert screen.wait() in (0, 130) and "Traceback" not in screen.text, screen.text

    with terminal(tmp_path, words["record"]) as screen:
        for number in range(3):
            screen.await_text(f"Episode {number + 1} of 3: set the scene.")
            screen.press("n")
            screen.await_text("The episode runs", number + 1)
            for key in "ffaag":
                screen.press(key)
                threading.Event().wait(0.1)
            screen.press("\n")
            screen.await_text("success after", number + 1)
        assert screen.wait() == 0, screen.text
    demos = list(make_format("episodes").read(tmp_path / "demos"))
    assert [episode.meta["success"] for episode in demos] == [True] * 3
    assert all(any(abs(step.action).max() > 0 for step in episode.steps) for episode in demos)

    with terminal(tmp_path, words["train"]) as screen, chromium() as browser:
        link = eventually(lambda: re.search(r"page: (http\S+)\s", screen.text))  # whole, with what follows it
        correct_and_label(browser, link[1])
        assert screen.wait() == 0, screen.text
    with Journal(tmp_path / "runs" / "mine" / "learner" / "journal") as journal:
        records = [decode_stored(parts)[0] for _, parts in journal.read()]
    assert "success" in [record.label for record in records if isinstance(record, LabelRecord)]
    assert any(record.source is Source.HUMAN for record in records if isinstance(record, StepRecord))
    assert (tmp_path / "runs" / "mine" / "report.html").stat().st_size > 1000

    with terminal(tmp_path, words["evaluate"]) as screen:
        assert screen.wait() == 0, screen.text
    assert (tmp_path / "runs" / "mine" / "evaluation" / "summary.json").stat().st_size > 0
