"""A whole short training at the page, in a real browser: take over, label, undo, pause, go on, end."""

import time
from pathlib import Path
from typing import Any

import pytest

from robot_rl.core.records import LabelRecord, Source, StepRecord
from robot_rl.data.episodes import list_episodes, read_episode
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode_stored
from tests.page.browsing import chromium, needs_chromium, open_page, program, take_over, until, until_cleared
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, needs_chromium]
TRAIN = (
    "train", "pick-lift-state-only", "--human.kind", "browser", "--page-address", "127.0.0.1:0", "--run-name", "run",
    "--minutes", "10", "--demonstrations", "3", "--evaluation.episodes", "0",
)  # fmt: skip
REACTION_S = 1.0
"""Longest time from a press to the label at the learner."""


def labels_at(journal: Path, label: str) -> int:
    """Return how often a label stands in the learner's journal, which is written before the replay changes."""
    return sum(path.read_bytes().count(label.encode()) for path in journal.glob("*") if path.is_file())


def events(page: Any) -> str:
    return str(page.inner_text("#events"))


def test_training_is_corrected_labelled_paused_and_ended_at_the_page(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "run"
    with program(tmp_path, *TRAIN) as training, chromium() as browser:
        page = open_page(browser, training.url())
        until(page, "control", "yes")
        until_cleared(page, "body[data-charge=policy]")

        take_over(page, "#lift", 0.0, -0.5)
        before, pressed_s = labels_at(run / "learner" / "journal", "stage"), time.monotonic()
        page.keyboard.press("t")
        eventually(lambda: labels_at(run / "learner" / "journal", "stage") > before)
        delay_s = time.monotonic() - pressed_s
        page.keyboard.press("Enter")
        eventually(lambda: "success with help" in events(page))
        page.mouse.up()
        until_cleared(page, "body[data-charge=policy]")
        page.keyboard.press("u")
        eventually(lambda: "label taken: undo" in events(page))
        page.keyboard.press("v")
        eventually(lambda: "saved the last" in events(page))
        assert "takeover by a person" in events(page)

        page.keyboard.press("p")
        until(page, "charge", "idle")
        assert page.inner_text("#charge-name") == "Paused"
        page.keyboard.press("n")
        until_cleared(page, "body[data-charge=policy]")
        page.keyboard.press("x")
        until(page, "charge", "estop")
        page.keyboard.press("c")
        until_cleared(page, "body[data-charge=policy]")
        assert page.inner_text("#numbers").count("\n") >= 9
        page.click("#finish")
        page.click("dialog button[value=yes]")
        assert training.wait() == 0, training.text
    assert "training ended (actors ended)" in training.text
    assert "actor-0: takeover by a person: " in training.text and "actor-0: saved the last " in training.text
    assert all(read_episode(path)[0][-1].last for path in list_episodes(run / "saved")) and list_episodes(run / "saved")
    with Journal(run / "learner" / "journal") as journal:
        records = [decode_stored(parts)[0] for _, parts in journal.read()]
    labels = [record.label for record in records if isinstance(record, LabelRecord)]
    assert labels[:3] == ["stage", "success", "undo"]
    steps = [record for record in records if isinstance(record, StepRecord)]
    assert any(step.source is Source.HUMAN and step.success for step in steps)
    print(f"label at the learner after {1e3 * delay_s:.0f} ms")
    assert delay_s < REACTION_S
