"""`robot-rl COMMAND ...`: finds the command, parses its flags, runs it, and turns errors into one clear line.

Exit codes: 0 fine; 1 something went wrong; 2 a wrong argument or setting; 130 interrupted.
"""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from robot_rl import __version__
from robot_rl.core.errors import ConfigError, RobotRLError, StopRequestedError, unknown_name
from robot_rl.core.renamed import refuse_old_name

COMMANDS = {
    "train": "learn a task: learner, actors and human on this machine, then evaluation and report",
    "evaluate": "run the trained policy alone: success, interval, cycle times, video",
    "robustness": "success of the trained policy over variations of the task: friction, light, delay, a push ...",
    "status": "what of a run lives, how far it is and how well, from outside",
    "curve": "success of the policy alone over a training, from the policies that it kept",
    "report": "the report of runs again, as Markdown and as one HTML page",
    "diagnose": "why a run does not learn: what was measured, and what to do",
    "sinks": "a run's metrics in Weights & Biases or Trackio, during a training or later",
    "compare": "runs side by side, their curves in one image; methods over their seeds",
    "sweep": "a grid of settings over tuning seeds, some runs at a time; then their comparison",
    "clone": "behaviour cloning on a run's demonstrations, as a baseline",
    "record": "record demonstrations by the scripted expert, or by a person with an input device",
    "episodes": "table, health, images, video of recorded episodes; delete, split, relabel them",
    "export": "the episodes of a run, or recorded ones, as a LeRobotDataset or in another format",
    "classifier": "train a reward classifier from recordings, or check one on others",
    "payload": "whether a real arm carries what it is set to: mass and centre of mass from a few poses",
    "blackbox": "plot of the last minute before a fault",
    "teleop": "move the arm by an input device under a task's limits",
    "replay": "a recorded episode's motion again, at reduced speed, checked first",
    "simulate": "move the simulated arm by expert, at random or by keyboard; write a video",
    "guide": "guide a real arm by hand, record poses, make them a task's workspace",
    "task": "write a task file to start from, or check a task",
    "controller": "a real arm's controller on the ROS graph, over plain DDS without ROS",
    "call": "a service of an arm's controller: recover, enable, home, zero_wrench ...",
    "serve": "the simulated robot on the ROS graph, in real time, for actors elsewhere",
    "learner": "the learner as a process of its own; actors connect to it",
    "actor": "an actor as a process of its own; it connects to a learner",
    "fleet": "more simulated actors for a run, joining and leaving while it trains",
    "keys": "keys for a learner and actors on several machines",
    "eyes": "learn an image encoder from a lab's own recordings, without labels; probe it",
    "train-encoder": "train the simulator's image encoder again",
    "bench": "how fast the parts run on this machine",
    "look": "a task's cameras live, before and after their crops, which it writes into the task's file",
    "doctor": "what is installed, what works, what to do about the rest",
    "modules": "list of the packages and modules with what each is for",
}
"""Name -> one line of help; `train-encoder` is the module `robot_rl.cli.train_encoder`."""
INTERRUPTED = "robot-rl: interrupted."
EXAMPLES = """examples:
  robot-rl train pick-lift                  the demo: 20 demonstrations, scripted human, 5 to 7.5 minutes
  robot-rl train pick-lift --minutes 2 --evaluation.episodes 20
  robot-rl train peg-insert-no-human        an ablation; `robot-rl train --help` lists the presets
  robot-rl compare runs/a runs/b            two runs side by side
  robot-rl train --resume --run-name NAME   go on with a run

`robot-rl COMMAND --help` explains a command and its settings. ROBOT_RL_DEBUG=1 shows where an error came from."""


def help_text() -> str:
    """Return the list of commands."""
    rows = "\n".join(f"  {name:<15}{text}" for name, text in COMMANDS.items())
    head = f"robot-rl {__version__}: reinforcement learning on robot arms from images, with human interventions."
    return f"{head}\n\nusage: robot-rl COMMAND [ARGUMENTS]\n\ncommands:\n{rows}\n\n{EXAMPLES}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_text(), end="")
        return 0
    if words[0] == "--version":
        print(__version__)
        return 0
    with _noted_interrupts() as interrupts:
        try:
            return _main(words)
        except Exception:
            if not interrupts:
                raise
    # Code that Ctrl-C interrupted, such as a compiler's callback from C, may have made another error of it.
    print(INTERRUPTED, file=sys.stderr)
    return 130


@contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C's signals, beside the KeyboardInterrupt of each, until a command handles them itself."""
    interrupts: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        signal.default_int_handler(number, frame)

    if threading.current_thread() is not threading.main_thread() or (
        signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield interrupts
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield interrupts
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _main(words: Sequence[str]) -> int:
    try:
        return _run(words[0], words[1:])
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (RobotRLError, OSError) as error:
        if os.environ.get("ROBOT_RL_DEBUG") or (isinstance(error, OSError) and error.errno is None):
            raise
        print(f"robot-rl: {_line(error)}", file=sys.stderr)
        return 130 if isinstance(error, StopRequestedError) else 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        return 130


def _run(name: str, words: Sequence[str]) -> int:
    refuse_old_name("command", name)
    if name not in COMMANDS:
        raise unknown_name("command", name, COMMANDS)
    # Imported on demand: `robot-rl --help` need not wait for jax and MuJoCo.
    command = importlib.import_module(f"robot_rl.cli.{name.replace('-', '_')}")
    if hasattr(command, "main"):  # has subcommands of its own
        code: int = command.main(words)
        return code
    return importlib.import_module("robot_rl.cli.arguments").run_command(command, name, words)  # type: ignore[no-any-return]


def _line(error: RobotRLError | OSError) -> str:
    if isinstance(error, RobotRLError):
        return str(error)
    where = "" if error.filename is None else f" for {error.filename}"
    return f"file: got '{error.strerror}'{where}, expected to read or write it; choose another place, or make room."
