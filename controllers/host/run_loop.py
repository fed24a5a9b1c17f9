"""The loop: cycles of a control process at the pace of the clock or of the arm."""

from controllers.host.control_process import ControlProcess
from controllers.host.pacing import Pacer


def run_host(host: ControlProcess, pacer: Pacer, paced: bool, cycles: int | None = None) -> None:
    """Cycle until a client requests QUIT, or a number of times; the pacer counts the deadlines.

    `paced`: the driver waits for the arm's next state, so that its lateness is counted, too. Without a new state, as
    of a lost arm, it does not wait, and the clock sets the pace.
    """
    pacer.restart()
    done = 0
    while not host.quit and (cycles is None or done < cycles):
        if not paced:
            pacer.wait()
        host.cycle(pacer)
        if host.paused:
            pacer.restart()
            host.paused = False
        elif paced and not host.fresh:
            pacer.rest()
        done += 1
