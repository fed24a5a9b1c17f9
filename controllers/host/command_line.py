"""Command line of the control process: `python -m controllers.host ARM MAILBOX`.

ARM is an arm's name, the path of its YAML file, or MODULE:FUNCTION that returns a `ControlStack`. The process asks the
kernel for real-time scheduling (`controllers.host.realtime`) and, with `--shield`, for a core of its own.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from controllers.compilation import announcement
from controllers.drivers.contract import DriverError, Requirements
from controllers.host.control_process import ControlProcess
from controllers.host.control_stack import ControlStack, find_stack
from controllers.host.driver_threads import DriverThreads
from controllers.host.mailbox import Mailbox
from controllers.host.pacing import Pacer, PreciseClock, pacing_clock
from controllers.host.realtime import end_with_parent, realtime
from controllers.host.recorder import DEFAULT_FOLDER, recording
from controllers.host.run_loop import run_host
from controllers.host.shield import NOT_SHIELDED, shielded


def end_on_signals(host: ControlProcess, with_parent: bool) -> None:
    """Have SIGINT, SIGTERM and SIGHUP end the loop after the present cycle, and the parent's death do the same."""

    def end(number: int, frame: Any) -> None:
        host.quit = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    if with_parent:
        host.quit = host.quit or not end_with_parent() or os.getppid() == 1  # an orphan's parent is 1


def _control(host: ControlProcess, given: argparse.Namespace, afterwards: ExitStack) -> None:
    """Connect the arm and cycle until the end; what may take its time then is left to `afterwards`."""
    cpu, shield = given.cpu, given.shield
    capabilities = host.connect()
    if given.black_box is not None:
        size = capabilities.joints, capabilities.rate_hz
        host.black_box = afterwards.enter_context(recording(given.name, *size, given.black_box, cpu))
    period_s = 1.0 / capabilities.rate_hz
    pacer = Pacer(period_s, pacing_clock(period_s, own_core=shield))
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    with shielded(cpu) if cpu is not None and shield else nullcontext(NOT_SHIELDED) as kept, realtime() as granted:
        advice = "; ".join(filter(None, (granted.advice(), kept.advice())))
        print(f"host: {capabilities.name} at {capabilities.rate_hz:g} Hz. {advice}", flush=True)
        run_host(host, pacer, capabilities.paced)


def _check_core(parser: argparse.ArgumentParser, cpu: int | None, shield: bool) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if cpu is not None and cpu not in cores:
        parser.error(f"--cpu: got {cpu}, expected one of {cores}; choose a core that this process may use.")
    if shield and (cpu is None or len(cores) == 1):
        parser.error("--shield: got no core to keep free, expected --cpu N and at least one other core; leave it out.")


def _folder(text: str) -> Path | None:
    return None if text == "none" else Path(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m controllers.host", description=__doc__)
    parser.add_argument("arm", help="name of an arm, path of its YAML file, or MODULE:FUNCTION -> ControlStack")
    parser.add_argument("name", help="of the mailbox")
    parser.add_argument("--cpu", type=int, default=None, help="run on this core only")
    parser.add_argument("--shield", action="store_true", help="move all other threads off that core, and spin on it")
    text = "a field of the arm, as in address=172.16.0.2; or an argument of FUNCTION"
    parser.add_argument("--set", action="append", default=[], metavar="KEY=TEXT", help=text)
    text = "folder in which the last minute is written on a fault; none: nowhere"
    parser.add_argument("--black-box", type=_folder, default=DEFAULT_FOLDER, metavar="FOLDER", help=text)
    parser.add_argument("--with-parent", action="store_true", help="end with the parent process")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a control process from the command line; return its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    _check_core(parser, given.cpu, given.shield)
    if line := announcement("host"):
        print(line, flush=True)
    settings = dict(setting.partition("=")[::2] for setting in given.set)
    try:
        stack = find_stack(given.arm, **settings)
        _run(stack, given)
    except (DriverError, ValueError, TypeError) as error:
        print(f"host: {error}", file=sys.stderr)
        return 1
    return 0


def _run(stack: ControlStack, given: argparse.Namespace) -> None:
    """Control the arm until the end; afterwards it holds itself and the mailbox is gone."""
    mailbox = Mailbox(given.name, stack.driver.feedback.state.q.size, create=True)
    needs: Requirements = getattr(stack.driver, "REQUIREMENTS", Requirements())
    threads = DriverThreads(needs.thread_priority, given.cpu)
    host = ControlProcess(stack, mailbox, PreciseClock(), threads.around)
    end_on_signals(host, given.with_parent)
    with ExitStack() as afterwards:
        try:
            _control(host, given, afterwards)
        except BaseException:
            mailbox.dump.copy["count"] += 1
            mailbox.dump.publish()
            raise
        finally:
            host.end()
            host.driver.close()
            mailbox.unlink()
