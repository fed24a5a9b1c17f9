"""The page of an arm lists all arms of the run: who needs help, stuck ones first, with the way to each one's page."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from robot_rl.page.progress import RunProgress
from robot_rl.page.settings import write_port
from robot_rl.runtime.acting.go import MARK
from robot_rl.runtime.acting.stuck import STUCK
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.process_record import recorded
from robot_rl.runtime.runs.run_folder import RunFolder
from tests.page.browsing import chromium, needs_chromium, open_page
from tests.processes import launched
from tests.waiting import eventually

STANDS = f"{STUCK}, also after 2 retreats: help it, or end the episode."
PORTS = {"actor-left": 8511, "actor-right": 8512}


def episodes(folder: RunFolder, name: str, *successes: bool, **values: object) -> None:
    with MetricsWriter(folder.root / name, tensorboard=False) as metrics:
        for number, success in enumerate(successes):
            metrics.write(
                "episode", 0, episode=number, success=success, steps=10, human_steps=1, backlog=number, **values
            )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    """A run with three arms, whose processes live: one works, one is stuck, one awaits its person."""
    folder = RunFolder(tmp_path / "runs" / "cell")
    with ExitStack() as stack:
        for name, *successes in (("actor-left", True, False), ("actor-mid", True, True), ("actor-right", True, True)):
            episodes(folder, name, *successes)
            stack.enter_context(recorded(folder.root / name, name, "cell"))
        for name, port in PORTS.items():
            write_port(folder.root / name, port)
        (folder.root / "actor-left" / "log.txt").write_text(f"{MARK}set the scene\n")
        (folder.root / "actor-right" / "log.txt").write_text(f"{MARK}{STANDS}\n")
        yield folder


def test_stuck_arms_come_first_then_those_that_need_a_person(folder: RunFolder) -> None:
    rows = RunProgress(folder.root).read([])["actors"]
    found = [(row["name"], row["need"], row["stuck"], row["success"], row["port"]) for row in rows]
    assert found == [
        ("actor-right", STANDS, True, 1.0, 8512),
        ("actor-left", "set the scene", False, 0.5, 8511),
        ("actor-mid", "", False, 1.0, None),
    ]


def test_an_arm_that_joins_later_is_listed(folder: RunFolder) -> None:
    progress = RunProgress(folder.root)
    before = progress.read([])
    episodes(folder, "actor-late", True, dropped=3)
    after = progress.read([])
    assert (len(before["actors"]), len(after["actors"])) == (3, 4)
    assert (before["losses"], after["losses"]) == ({}, {"dropped by full disks of actors": 3})
    assert after["episodes"] == before["episodes"] + 1


@pytest.mark.slow
@needs_chromium
@pytest.mark.timeout(120)
def test_the_list_is_on_the_page_with_links_to_the_others(folder: RunFolder, tmp_path: Path) -> None:
    words = ["--folder", str(tmp_path), "--address", "127.0.0.1:0", "--title", "cell", "--run", str(folder.root)]
    command, pipe = [sys.executable, "-m", "robot_rl.page.serve", *words], subprocess.PIPE
    with launched(command, stdin=pipe, stdout=pipe, text=True) as serving, chromium() as browser:
        assert serving.stdin is not None and serving.stdout is not None
        port = int(serving.stdout.readline().removeprefix("port "))
        write_port(folder.root / "actor-left", port)
        page = open_page(browser, f"http://127.0.0.1:{port}/")
        eventually(lambda: page.inner_text("#arms-verdict") == "▲ 2 need help")
        assert page.inner_text("#arms-list").split("\n") == [
            *("actor-right", STANDS, "100 %"),
            *("actor-left", "set the scene", "50 %"),
            *("actor-mid", "running", "100 %"),
        ]
        assert page.inner_text("#calling") == "▲ actor-right and 1 more"
        links = page.eval_on_selector_all("#arms-list a", "links => links.map(link => link.href)")
        assert links == ["http://127.0.0.1:8512/"], "no link to this page itself"
        page.set_viewport_size({"width": 1400, "height": 1250})
        page.screenshot(path=str(tmp_path / "arms.png"))
        (folder.root / "actor-right" / "log.txt").write_text(f"{MARK}\n")
        eventually(lambda: page.inner_text("#calling") == "▲ actor-left")
        serving.stdin.close()
