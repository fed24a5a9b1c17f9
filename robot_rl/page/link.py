"""The acting side of the page: starts its process, publishes what happens, and takes its input."""

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import BadMessageError, ConfigError
from robot_rl.page.channel import DEVICE, LAST, NOTE, VIEW, InputReceiver, ViewSender
from robot_rl.page.images import Images
from robot_rl.page.settings import TOKEN_VARIABLE, PageSettings
from robot_rl.page.step_report import StepReporter
from robot_rl.runtime.acting.monitor import Monitor, StepView
from robot_rl.runtime.runs.restart import Deaths, RestartPolicy, cause
from robot_rl.teleop.devices.browser import BrowserInput
from robot_rl.teleop.devices.browser_messages import Presence, read_message

REPORT_S = 0.1
"""Time between two reports of the input's state [s]."""
START_TIMEOUT_S = 60.0
"""Time of its start on a machine whose learner and actors take all cores; 20 s were too short for some restarts [s]."""
SILENCE_S = 10.0
"""Silence of the page's process after which it is ended and started again [s]."""
END_TIMEOUT_S = 3.0
NOTES_MAX = 32


class Page(Monitor):
    """The page of a rollout; `close` it at the end.

    Its process is started again when it dies, or stands still. Meanwhile no joystick is held, and a page that is a
    person's only device counts as lost: a stop, which stays until it is cleared. Such a page that dies too often ends
    the program.

    Args:
        silence_s: silence of the process after which it is ended and started again [s].

    Raises:
        ConfigError: the extra `page` is not installed, or the address is taken.
    """

    def __init__(self, settings: PageSettings, clock: Clock | None = None, silence_s: float = SILENCE_S) -> None:
        self.settings = settings
        self._silence_s = silence_s
        self._clock = clock or SystemClock()
        self.input = BrowserInput(self._clock, on_finish=end_this_program)
        self._folder = tempfile.TemporaryDirectory(prefix="robot-rl-page-")  # only this user may enter it
        self._closing = threading.Event()
        self._process, port = _start(settings, Path(self._folder.name))
        self.url, self.port = settings.url(port), port
        self._again = replace(settings, address=f"{settings.host}:{port}")
        self._deaths = Deaths(RestartPolicy.inherited())
        self._due_s = 0.0  # the time of the next start, once it has died
        self._heard_ns = self._clock.now_ns()  # of its last message
        self._view: dict[str, Any] = {}  # the report of the last step
        self._sender = ViewSender(Path(self._folder.name))
        self._reporter: StepReporter | None = None
        self._images: Images | None = None
        self._prompt = ""
        self._notes: deque[str] = deque(maxlen=NOTES_MAX)
        self._thread = threading.Thread(target=self._listen, name="page input", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """Process that serves the page now."""
        return self._process.pid

    def follow(self, reporter: StepReporter, images: Images) -> None:
        """Begin to show a rollout."""
        self._reporter, self._images = reporter, images
        self._images.start(lambda: ViewSender(Path(self._folder.name)).send_image)

    def begin(self) -> None:
        """Show the first images of an episode."""
        if self._reporter is not None and self._images is not None:
            self._reporter.begin()
            self._images.step()

    def step(self, view: StepView) -> None:
        """Show a step."""
        if self._reporter is not None and self._images is not None:
            self._view = self._reporter.step(view)
            self._sender.send(VIEW, self._view)
            self._images.step()

    def show(self, text: str) -> None:
        """Show what the person has to do."""
        self._prompt = text

    def note(self, text: str) -> None:
        """Show what has happened."""
        self._notes.append(text)

    def close(self) -> None:
        """End the page's process; a second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._thread.join(END_TIMEOUT_S + START_TIMEOUT_S)
        if self._images is not None:
            self._images.close()
        self._sender.close()
        _end(self._process)
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _listen(self) -> None:
        """Take in the page's messages, and report what became of them."""
        folder = Path(self._folder.name)
        receiver, sender, reported_ns = InputReceiver(folder), ViewSender(folder), 0
        while not self._closing.is_set():
            message = receiver.receive(REPORT_S)
            if message is not None:
                self._heard_ns = self._clock.now_ns()
                self._take(message)
            elif self._is_dead():
                self._revive(self._clock.now_ns() / NS_PER_S)
            if self._clock.now_ns() - reported_ns >= REPORT_S * NS_PER_S or b"press" in (message or b""):
                reported_ns = self._clock.now_ns()
                sender.send(DEVICE, _status(self.input) | {"prompt": self._prompt})
                sender.send(LAST, self._view)  # of which a process that was started again knows nothing
                while self._notes:
                    sender.send(NOTE, {"text": self._notes.popleft()})
        receiver.close()
        sender.close()

    def _is_dead(self) -> bool:
        """Return whether the page's process has ended; one that stands still is ended."""
        if self._process.poll() is None and self._clock.now_ns() - self._heard_ns > self._silence_s * NS_PER_S:
            print(f"page: got no sign of life for {self._silence_s:g} s; it is ended.", flush=True)
            self._process.kill()
            self._process.wait()
        return self._process.poll() is not None

    def _revive(self, now_s: float) -> None:
        """Start the page's process again, some time after its death."""
        if not self._due_s:
            self.input.take(Presence(False))
            self._due_s = now_s + self._bury()
        elif now_s >= self._due_s:
            self._due_s = 0.0
            _end(self._process)
            try:
                self._process, _ = _start(self._again, Path(self._folder.name))
                self._heard_ns = self._clock.now_ns()
            except ConfigError as error:  # one death more
                print(error, file=sys.stderr, flush=True)

    def _bury(self) -> float:
        """Print the death of the page's process; return the time until its next start [s]."""
        delay_s = self._deaths.add(self._clock.now_ns() / NS_PER_S)
        then = "it stays away" if delay_s is None else f"starts again in {delay_s:g} s"
        print(f"page: {cause(self._process.returncode or 0, None)}; {then} ({self._deaths.text()})", flush=True)
        if delay_s is None and self.input.sole:
            end_this_program()
        return float("inf") if delay_s is None else delay_s

    def _take(self, message: bytes) -> None:
        try:
            self.input.take(read_message(message))
        except BadMessageError as error:  # the page's process checks them as well
            print(error, file=sys.stderr, flush=True)


def end_this_program() -> None:
    """Request the end of this program as Ctrl-C does, which also ends a wait."""
    os.kill(os.getpid(), signal.SIGTERM)


def _status(source: BrowserInput) -> dict[str, Any]:
    state = source.peek()
    return {
        "stopped": state.stopped,
        "paused": state.paused,
        "engaged": state.engaged,
        "locked": state.locked,
        "present": state.present,
        "sole": source.sole,
    }


def _start(settings: PageSettings, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start the page's process and return it with its port, once it listens."""
    words = ["--folder", str(folder), "--address", settings.address, "--title", settings.title]
    words += ["--run", str(settings.run)] if settings.run else []
    process = subprocess.Popen(
        [sys.executable, "-m", "robot_rl.page.serve", *words],
        stdin=subprocess.PIPE,  # its end, however it comes, ends the page
        stdout=subprocess.PIPE,
        env=os.environ | {TOKEN_VARIABLE: settings.token},
        start_new_session=True,
    )
    line = _first_line(process)
    if not line.startswith("port "):
        _end(process)
        raise ConfigError(f"page: {line or f'got no answer in {START_TIMEOUT_S:g} s, or its end; see its output.'}")
    return process, int(line.removeprefix("port "))


def _first_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline().decode().strip() if selector.select(START_TIMEOUT_S) else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
