"""The doctor says what works, and what to do about what does not."""

import pytest

from robot_rl.doctor.finding import Finding, probe
from robot_rl.doctor.installation import examine


def test_working_probe_gives_its_line() -> None:
    assert probe("rate", "print('5 ms')", {}, "missing", "nothing") == Finding("ok", "rate", "5 ms")


def test_failing_probe_gives_reason_and_next_step() -> None:
    finding = probe("rendering", "raise OSError('no libEGL')", {}, "missing", "apt-get install libegl1")
    assert finding.state == "missing"
    assert "OSError: no libEGL" in finding.value and "apt-get install libegl1" in finding.value


def test_probe_gets_its_environment() -> None:
    program = "import os; print(os.environ['MUJOCO_GL'])"
    assert probe("gl", program, {"MUJOCO_GL": "osmesa"}, "missing", "").value == "osmesa"


@pytest.mark.slow
def test_all_installed_packages_are_reported() -> None:
    assert [finding for finding in examine() if finding.state == "missing"] == []
