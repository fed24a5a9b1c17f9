"""The hub of the page: control by one browser, the newest state for all, and nothing malformed passed on."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.core.errors import BadMessageError
from robot_rl.page.channel import DEVICE, IMAGE, LAST, NOTE, VIEW
from robot_rl.page.hub import Browser, Hub
from robot_rl.page.session_log import SessionLog
from robot_rl.page.step_report import StepReporter
from robot_rl.runtime.acting.monitor import StepView
from robot_rl.teleop.arbiter import ControlAuthority
from robot_rl.teleop.devices.browser_messages import (
    Control,
    Message,
    Motion,
    Ping,
    Presence,
    Press,
    read_message,
    write_message,
)
from robot_rl.testing import FakeClock

PUSH = Motion(True, (1.0, 0.0, 0.0))


class Program:
    """Keeps what is sent to the program that acts."""

    def __init__(self) -> None:
        self.received: list[Message] = []

    def send(self, message: bytes) -> None:
        self.received.append(read_message(message))

    def take(self) -> list[Message]:
        taken, self.received = self.received, []
        return taken


def state(browser: Browser) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(browser.due["state"])
    return content


def give(hub: Hub, browser: Browser, message: Message) -> None:
    hub.receive(browser, write_message(message))


def test_first_browser_has_control_and_the_second_watches() -> None:
    program = Program()
    hub = Hub(program, "task")
    first, second = hub.join(), hub.join()
    assert program.take() == [Presence(True)]
    assert (state(first)["control"], state(second)["control"]) == (True, False)
    give(hub, second, PUSH)
    give(hub, second, Press("success"))
    assert program.take() == []
    give(hub, first, PUSH)
    assert program.take() == [PUSH]


def test_stop_of_a_browser_that_watches_is_passed_on_and_its_clear_is_not() -> None:
    program = Program()
    hub = Hub(program, "task")
    hub.join()
    watching = hub.join()
    program.take()
    give(hub, watching, Press("stop"))
    give(hub, watching, Press("clear"))
    assert program.take() == [Press("stop")]


def test_control_is_taken_explicitly_and_the_hand_before_lets_go() -> None:
    program = Program()
    hub = Hub(program, "task")
    first, second = hub.join(), hub.join()
    give(hub, first, PUSH)
    program.take()
    give(hub, second, Control(True))
    assert program.take() == [Presence(True), Motion(False)]
    give(hub, first, PUSH)
    assert program.take() == []
    assert (state(first)["control"], state(first)["held_by_another"]) == (False, True)


def test_control_is_lost_with_its_browser_and_does_not_pass_to_one_that_watches() -> None:
    program = Program()
    hub = Hub(program, "task")
    first, second = hub.join(), hub.join()
    program.take()
    hub.leave(first)
    assert program.take() == [Presence(False)]
    assert state(second)["control"] is False
    hub.leave(second)
    assert program.take() == []


@pytest.mark.parametrize("data", ["{}", b"\x00", '{"type": "presence", "present": true}'])
def test_what_is_no_message_of_a_browser_is_refused(data: str | bytes) -> None:
    program = Program()
    hub = Hub(program, "task")
    browser = hub.join()
    program.take()
    with pytest.raises(BadMessageError):
        hub.receive(browser, data)
    assert program.take() == []


def test_late_browser_gets_the_newest_state_only() -> None:
    hub, reporter = Hub(Program(), "task"), StepReporter(FakeClock(), 0.1)
    browser = hub.join()
    reporter.begin()
    for _ in range(50):
        report = reporter.step(StepView(ControlAuthority.POLICY))
        hub.take_in([VIEW, json.dumps(report).encode()])
    texts = browser.take()
    assert [json.loads(text)["view"]["step"] for text in texts if '"state"' in str(text)] == [50]
    assert browser.take() == []


def test_late_browser_gets_the_newest_image_of_each_camera_only() -> None:
    hub = Hub(Program(), "task")
    browser = hub.join()
    for value in range(10):
        image = np.full((8, 6, 3), value, np.uint8)
        for name in ("side", "wrist"):
            hub.take_in([IMAGE, json.dumps({"name": name, "shape": image.shape}).encode(), image.tobytes()])
    asyncio.run(hub.send_images())
    packets = [packet for packet in browser.take() if isinstance(packet, bytes)]
    assert [packet[1 : 1 + packet[0]] for packet in packets] == [b"side", b"wrist"]
    assert all(packet[1 + packet[0] :].startswith(b"\xff\xd8") for packet in packets)


def test_ends_of_episodes_and_labels_become_events() -> None:
    hub, reporter = Hub(Program(), "task"), StepReporter(FakeClock(), 0.1)
    reporter.begin()
    for view in (
        StepView(ControlAuthority.POLICY),
        StepView(ControlAuthority.HUMAN, labels=("success",), last=True, success=True),
    ):
        hub.take_in([VIEW, json.dumps(reporter.step(view)).encode()])
    texts = [event.text for event in hub.log.events]
    assert texts[-3:] == [
        "label taken: success",
        "takeover by a person: 1 step, 0.1 s; success",
        "episode 1: success with help",
    ]
    assert hub.log.episodes[-1]["human_steps"] == 1


def test_each_takeover_from_the_policy_is_summed_up_in_one_line_and_a_recording_is_none() -> None:
    hub, reporter = Hub(Program(), "task"), StepReporter(FakeClock(), 0.1)

    def episode(charges: str) -> list[str]:
        reporter.begin()
        for number, letter in enumerate(charges):
            charge = {"p": ControlAuthority.POLICY, "h": ControlAuthority.HUMAN, "i": ControlAuthority.IDLE}[letter]
            report = reporter.step(StepView(charge, last=number == len(charges) - 1))
            hub.take_in([VIEW, json.dumps(report).encode()])
        texts = [event.text for event in hub.log.events if event.kind == "correction"]
        hub.log.events.clear()
        return texts

    by, goes_on = "takeover by a person:", "the policy goes on"
    assert episode("pphhhhppphhp") == [f"{by} 4 steps, 0.4 s; {goes_on}", f"{by} 2 steps, 0.2 s; out of time"]
    assert episode("hhph") == [f"{by} 2 steps, 0.2 s; {goes_on}", f"{by} 1 step, 0.1 s; out of time"]
    assert episode("hhhh") == [] and episode("iihhii") == [] and episode("pppp") == []


def test_prompt_is_an_event_once() -> None:
    hub = Hub(Program(), "task")
    device = {"stopped": False, "paused": False, "prompt": "set the scene"}
    hub.take_in([DEVICE, json.dumps(device).encode()])
    hub.take_in([DEVICE, json.dumps(device | {"paused": True}).encode()])
    assert [event.text for event in hub.log.events] == ["set the scene"]


def test_note_of_the_program_is_an_event() -> None:
    hub = Hub(Program(), "task")
    hub.take_in([NOTE, json.dumps({"text": "saved the last 12 steps"}).encode()])
    assert [(event.kind, event.text) for event in hub.log.events] == [("note", "saved the last 12 steps")]


def test_ping_is_answered_to_its_browser() -> None:
    hub = Hub(Program(), "task")
    first, second = hub.join(), hub.join()
    give(hub, second, Ping(12.5))
    assert json.loads(second.due["pong"])["sent"] == 12.5
    assert "pong" not in first.due


@pytest.mark.parametrize(("steps", "end"), [(2, "ended early"), (3, "out of time")])
def test_episode_that_a_pause_ends_is_not_out_of_time(steps: int, end: str) -> None:
    log, reporter = SessionLog(), StepReporter(FakeClock(), 0.1, time_limit_s=0.3)
    reporter.begin()
    for step in range(steps):
        log.step(reporter.step(StepView(ControlAuthority.POLICY, last=step + 1 == steps)), 0.0)
    assert log.newest("end") == f"episode 1: {end}"


def test_page_that_was_started_again_knows_what_was_and_leaves_control_open(tmp_path: Path) -> None:
    file, reporter, program = tmp_path / "session.jsonl", StepReporter(FakeClock(), 0.1), Program()
    hub = Hub(program, "task", SessionLog(file))
    hub.join()
    reporter.begin()
    end = reporter.step(StepView(ControlAuthority.POLICY, last=True, success=True))
    hub.take_in([VIEW, json.dumps(end).encode()])
    with file.open("a") as torn:
        torn.write('{"wall_s": 1.0, "ki')  # a process that was killed as it wrote

    again = Hub(program, "task", SessionLog(file))
    program.take()
    again.take_in([LAST, json.dumps(end).encode()])
    watching, before = again.join(), again.join()
    assert (state(watching)["control"], state(watching)["held_by_another"], program.take()) == (False, False, [])
    assert state(watching)["view"] == end
    assert [event.text for event in again.log.events if event.kind != "page"] == [
        "the policy moves the arm",
        "episode 1: success",
    ]
    assert list(again.log.episodes) == list(hub.log.episodes)
    give(again, before, Control(True))
    assert (state(before)["control"], program.take()) == (True, [Presence(True), Motion(False)])


def test_late_copy_of_an_old_step_changes_nothing() -> None:
    hub, reporter = Hub(Program(), "task"), StepReporter(FakeClock(), 0.1)
    browser = hub.join()
    reporter.begin()
    first, second = (json.dumps(reporter.step(StepView(ControlAuthority.POLICY))).encode() for _ in range(2))
    hub.take_in([VIEW, second])
    hub.take_in([LAST, first])
    assert state(browser)["view"]["step"] == 2
