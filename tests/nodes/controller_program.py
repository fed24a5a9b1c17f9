"""`robot-rl controller` as a program of its own, and what it printed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import eventually

START_S = 600.0  # the first start compiles the law


class Program:
    """A command of this package that runs until it is ended."""

    def __init__(self, output: Path, domain_id: int, *words: str, cwd: Path | None = None) -> None:
        self._output, self._command = output, [sys.executable, "-m", "robot_rl", *words]
        self._place = {"env": {**os.environ, "ROS_DOMAIN_ID": str(domain_id)}, "cwd": cwd}
        self.start()

    def start(self) -> None:
        """Start it, also again."""
        with self._output.open("wb") as out:
            self.process = subprocess.Popen(self._command, stdout=out, stderr=subprocess.STDOUT, **self._place)

    def text(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        eventually(lambda: text in self.text() or self.process.poll() is not None, START_S)
        assert text in self.text(), self.text()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60.0)

    def control_processes(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"controllers.host" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@contextmanager
def controller(folder: Path, domain_id: int, *words: str) -> Iterator[Program]:
    """An enabled arm's controller, killed at the end if it still runs."""
    program = Program(folder / "controller.txt", domain_id, "controller", *words, cwd=folder)
    try:
        program.wait_for("is enabled")
        yield program
    except BaseException:
        print(program.text())
        raise
    finally:
        program.process.kill()
        program.process.wait()
