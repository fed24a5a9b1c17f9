"""The pendant's firmware as a Linux program, whose lines are pseudo-terminals."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from robot_rl.bench.pendant_firmware import ContactBench, RunningPendant, running_program
from robot_rl.core.errors import ConfigError
from robot_rl.teleop.pendant.serial_line import open_line


@contextmanager
def host_pendant(program: Path, *arguments: str) -> Iterator[RunningPendant]:
    """Run the program.

    Raises:
        ConfigError: it was not built.
    """
    if not program.exists():
        raise ConfigError(f"pendant program: got no {program}, expected it built; run: make firmware")

    def no_monitor(command: str, arguments: dict[str, Any]) -> None:
        raise ConfigError(f"monitor: got {command}, expected QEMU for it; use qemu_pendant.")

    with running_program([str(program), *arguments]) as process:
        assert process.stdout is not None
        names = dict(process.stdout.readline().split() for _ in range(2))
        hand = ContactBench(open_line(names["bench"]))
        try:
            yield RunningPendant(names["link"], hand, process, no_monitor)
        finally:
            hand.close()
