"""Processes of one test on the graph: the controller, launch files, and the probe that speaks for the test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

TIMEOUT_S = 60.0
START_TIMEOUT_S = 600.0  # the first start on a computer compiles the law
NODE = "/impedance_controller"
TRANSITIONS = ("create", "configure", "cleanup", "activate", "deactivate")  # ids of lifecycle_msgs/msg/Transition


class Probe:
    """The client process of `probe.py`: each attribute is one of its requests."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._answer()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*arguments: Any, **request: Any) -> Any:
            names = ("service" if name == "call" else "topic", "type", "fields")
            request |= dict(zip(names, arguments, strict=False))
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"do": name, **request}) + "\n")
            self._process.stdin.flush()
            return self._answer()

        return ask

    def change_state(self, transition: str, node: str = NODE) -> bool:
        """Request a transition of a lifecycle node; return whether it succeeded."""
        fields = {"transition": {"id": TRANSITIONS.index(transition)}}
        kind = "lifecycle_msgs/srv/ChangeState"
        return bool(self.call(f"{node}/change_state", kind, fields, limit_s=START_TIMEOUT_S)["success"])

    def state(self, node: str = NODE) -> str:
        """The state of a lifecycle node."""
        answer = self.call(f"{node}/get_state", "lifecycle_msgs/srv/GetState", limit_s=START_TIMEOUT_S)
        return str(answer["current_state"]["label"])

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the probe has ended"
        answer = json.loads(line)
        assert answer["ok"], answer["value"]
        return answer.get("value")


class GraphSession:
    """Starts processes in ROS's environment; `close` ends them all."""

    def __init__(self, environment: dict[str, str], root: Path) -> None:
        self.environment, self.root = environment, root
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, *command: str, **words: Any) -> subprocess.Popen[str]:
        """Start a process of the graph, in a group of its own."""
        process = subprocess.Popen(
            [*command], env=self.environment, cwd=self.root, text=True, start_new_session=True, **words
        )
        self._processes.append(process)
        return process

    def run(self, *command: str, seconds: float = TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Run a command of ROS to its end."""
        return subprocess.run(
            [*command],
            env=self.environment,
            cwd=self.root,
            text=True,
            capture_output=True,
            timeout=seconds,
            check=False,
        )

    def controller(self, *words: str, parent: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """The node with the simulated arm; `parent` is a command that starts it."""
        node = (sys.executable, "-m", "controllers.ros.node", "--ros-args", *words)
        return self.start(*parent, *node)

    def probe(self, name: str = "probe") -> Probe:
        """A client of the graph."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return Probe(self.start(sys.executable, str(Path(__file__).with_name("probe.py")), name, **pipes))

    def close(self) -> None:
        """End what is left, the youngest first."""
        for process in reversed(self._processes):
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(BrokenPipeError):
                        stream.close()
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(20.0)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def eventually(read: Callable[[], Any], right: Callable[[Any], Any], seconds: float = TIMEOUT_S) -> Any:
    """Read until it is right."""
    end_s = time.monotonic() + seconds
    value = read()
    while not right(value):
        assert time.monotonic() < end_s, f"still {value}"
        time.sleep(0.05)
        value = read()
    return value


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
