"""A new gain is two lines: its declaration and its use in the law. Record, mailbox and ROS parameter follow."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import controllers
from controllers.host.mailbox import Mailbox
from controllers.law.gains import Gains, make_gains
from controllers.ros.settings import SETTINGS, changed, values_of

DECLARED = ("controllers/law/options.py", "    gain_time_s: float = gain(",
            '    lab_torque: Joints = gain(0.0, "added to each joint [N m]", (-5.0, 5.0))\n')  # fmt: skip
USED = ("controllers/law/tracking.py", "+ work.tau_walls[k]\n", "+ work.tau_walls[k] + gains.lab_torque[k]\n")

PROGRAM = """
import os
import numba
import numpy as np
import controllers.host.sequence_lock  # compiled; the law itself runs as Python, which needs no minute of compilation
numba.config.DISABLE_JIT = True
from controllers.arm import ArmDynamics, ArmState, no_target
from controllers.arms.spec import arm_limits
from controllers.host.mailbox import Client, Mailbox, unpack_gains
from controllers.law.gains import make_gains
from controllers.law.tick import ControlLoop, make_controller_state, tick
from controllers.ros.settings import changed, values_of

gains = changed(make_gains(np.zeros(7)), {"lab_torque": [0.5] * 7})
assert values_of(gains)["lab_torque"] == [0.5] * 7
name = f"new-gain-{os.getpid()}"
box = Mailbox(name, 7, create=True)
try:
    Client(name).set_gains(gains)
    assert box.gains.fetch()
    arrived = unpack_gains(box.gains.copy)
finally:
    box.unlink()
state = ArmState(np.zeros(7), np.zeros(7), np.zeros(7), np.zeros(3), np.eye(3))
dynamics = ArmDynamics(np.eye(6, 7), np.eye(7), np.zeros(7), np.zeros(7))

def record(void):  # reads fields as attributes, as compiled code does
    return void.view(np.dtype((np.record, void.dtype)))

memory, limits = record(make_controller_state(7)), arm_limits("fer")
loop = ControlLoop(state, dynamics, no_target(), record(arrived), limits, memory, np.zeros(7))
tick(loop, 0.001, 0.0)
print(loop.tau.tolist())
"""


@pytest.mark.slow
def test_a_gain_declared_and_used_reaches_parameters_mailbox_and_torque(tmp_path: Path) -> None:
    shutil.copytree(
        Path(controllers.__file__).parent, tmp_path / "controllers", ignore=shutil.ignore_patterns("__pycache__")
    )
    for path, anchor, line in (DECLARED, USED):
        text = (tmp_path / path).read_text(encoding="utf-8")
        assert text.count(anchor) == 1
        new = line + anchor if path == DECLARED[0] else line
        (tmp_path / path).write_text(text.replace(anchor, new), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == str([0.5] * 7)


@pytest.mark.parametrize("name", [name for name, field in Gains.fields.items() if field.declared.parameter])
def test_every_declared_gain_is_a_parameter_that_can_be_set_to_what_it_shows(name: str) -> None:
    gains = make_gains([0.0] * 7)
    assert SETTINGS[name].text == Gains.fields[name].declared.text
    assert changed(gains, {name: values_of(gains)[name]}).tobytes() == gains.tobytes()


def test_the_mailbox_carries_every_declared_gain() -> None:
    box = Mailbox(f"every-gain-{os.getpid()}", 7, create=True)
    box.unlink()
    assert box.gains.copy.dtype.names == tuple(Gains.fields)
