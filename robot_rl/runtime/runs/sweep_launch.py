"""Start of a sweep's runs: some at a time on this computer's cores, or elsewhere; lost ones are placed again."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.runtime.runs.processes import LOST, POLL_NS, Process, ProcessPlan, Stoppable, available_cores

LOSSES_MAX = 3
"""Losses of one run that are followed by another placement."""
HELD_S = 120.0
"""Time for what a lost computer may still run of a run to end [s]."""
Again = Callable[[str], ProcessPlan | Literal["held", "done"]]
"""How to go on with a run by its name; `held` while a process of it may still work, `done` where nothing is left."""


class Launched(Stoppable, Protocol):
    """A run that was started."""

    plan: ProcessPlan

    @property
    def exit_code(self) -> int | None:
        """Exit code, LOST where its computer was lost; None while it runs."""


class Launcher(Protocol):
    """A place for runs."""

    slots: int
    """Runs at a time."""

    def start(self, slot: int, plan: ProcessPlan) -> Launched:
        """Start a run on a slot that is free."""

    def close(self) -> None:
        """Leave the place."""


class LocalLauncher:
    """This computer: each slot has cores of its own, where there are enough."""

    def __init__(self, slots: int) -> None:
        self.slots, cores = slots, available_cores()
        share = len(cores) // slots
        self._cores = [frozenset(cores[share * slot : share * (slot + 1)]) for slot in range(slots)]

    def start(self, slot: int, plan: ProcessPlan) -> Process:
        """Start a run on a slot's cores."""
        return Process(ProcessPlan(plan.name, plan.command, plan.log, self._cores[slot]))

    def close(self) -> None:
        """Do nothing."""


class Lost:
    """Runs whose computers were lost, each to be placed again a few times.

    Args:
        again: how to go on with a run by its name; None: none is placed again.
    """

    def __init__(self, again: Again | None, clock: Clock) -> None:
        self._again, self._clock = again, clock
        self._times: Counter[str] = Counter()
        self._until_ns: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._until_ns)

    def add(self, name: str) -> bool:
        """Count a loss; return whether the run is to be placed again."""
        self._times[name] += 1
        if self._again is None or self._times[name] > LOSSES_MAX:
            return False
        self._until_ns[name] = self._clock.now_ns() + round(HELD_S * NS_PER_S)
        return True

    def turn(self) -> tuple[list[ProcessPlan], dict[str, int]]:
        """Return the runs to be placed now, and the exit codes of those that are not placed any more."""
        plans, codes = list[ProcessPlan](), dict[str, int]()
        for name, until_ns in list(self._until_ns.items()):
            plan = self._again(name) if self._again is not None else "done"
            if isinstance(plan, ProcessPlan):
                plans.append(plan)
            elif plan == "done":
                codes[name] = 0
            elif self._clock.now_ns() > until_ns:
                codes[name] = LOST
            else:
                continue
            del self._until_ns[name]
        return plans, codes


def run_all(
    plans: Sequence[ProcessPlan],
    launcher: Launcher,
    clock: Clock,
    should_stop: Callable[[], bool],
    show: Callable[[Sequence[str], dict[str, int]], None],
    stop_limit_s: float,
    again: Again | None = None,
) -> dict[str, int]:
    """Run all plans, as many at a time as the launcher has slots; return the exit codes by name.

    Args:
        show: called with the names of those that run, and the codes so far.
        stop_limit_s: time for each to end after a stop [s].
        again: how to go on with a run whose computer was lost; None: it stays lost.
    """
    waiting, running, codes = deque(plans), dict[int, Launched](), dict[str, int]()
    lost = Lost(again, clock)
    try:
        while (waiting or running or lost) and not should_stop():
            for slot, launched in list(running.items()):
                if (code := launched.exit_code) is not None:
                    del running[slot]
                    if code != LOST or not lost.add(launched.plan.name):
                        codes[launched.plan.name] = code
            placed, ended = lost.turn()
            waiting.extendleft(placed)
            codes |= ended
            for slot in (slot for slot in range(launcher.slots) if waiting and slot not in running):
                running[slot] = launcher.start(slot, waiting.popleft())
            show([launched.plan.name for launched in running.values()], codes)
            clock.sleep_until(clock.now_ns() + POLL_NS)
    finally:
        for launched in running.values():
            launched.ask_to_stop()
        for launched in running.values():
            launched.wait(stop_limit_s, clock)
    return codes
