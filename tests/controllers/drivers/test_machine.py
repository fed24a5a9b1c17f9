"""Facts about the computer, read from a tree of files, and what a real-time loop asks of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from controllers.drivers.contract import MissingPermissionError
from controllers.drivers.machine import read_machine, require_realtime
from tests.controllers.drivers.driver_rigs import GOOD_MACHINE


def test_facts_come_from_the_kernels_files(tmp_path: Path) -> None:
    for core, governor in enumerate(("performance", "powersave", "performance")):
        file = tmp_path / f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor"
        file.parent.mkdir(parents=True)
        file.write_text(f"{governor}\n")
    (tmp_path / "sys/kernel").mkdir()
    (tmp_path / "sys/kernel/realtime").write_text("1\n")
    machine = read_machine(tmp_path, privileged=True)
    assert machine.preempt_rt and machine.governors == ("performance", "powersave")
    assert machine.rtprio == 99 and machine.memlock_bytes == float("inf")


def test_computer_without_data_is_taken_for_none(tmp_path: Path) -> None:
    machine = read_machine(tmp_path, privileged=False)
    assert machine.governors == () and machine.kernel


@pytest.mark.parametrize(("change", "words"), [({"preempt_rt": False}, "PREEMPT_RT"), ({"rtprio": 50}, "limits.d")])
def test_missing_topics_are_reported_with_the_next_step(change: dict[str, object], words: str) -> None:
    with pytest.raises(MissingPermissionError, match=words):
        require_realtime(replace(GOOD_MACHINE, **change), preempt_rt=True)  # type: ignore[arg-type]


def test_good_computer_passes_and_a_plain_kernel_where_it_is_enough() -> None:
    require_realtime(GOOD_MACHINE, preempt_rt=True)
    require_realtime(replace(GOOD_MACHINE, preempt_rt=False), preempt_rt=False)
