"""An arm and its driver from files outside the package work wherever an arm is named."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml

from controllers.arm import Mode, no_target
from controllers.arms.spec import load_arm
from controllers.host.mailbox import FOLDER, Client, Request
from controllers.ros.arms import ArmChoice
from controllers.ros.loop_process import HostProcess
from controllers.ros.settings import changed, first_gains, values_of
from robot_rl.cli import main
from robot_rl.envs.simulated import make_simulated_env
from robot_rl.sim.free_space import FREE
from tests.contracts.listings import listing
from tests.controllers.drivers.ur_kinematics import urdf_file
from tests.processes import launched
from tests.waiting import eventually

DRIVER = listing("gantry.py")

ARM = listing("gantry.yaml")
PLANE = """
extends: gantry.yaml
gains:
  stiffness: [300.0, 300.0, 300.0, 30.0, 30.0, 30.0]
  clip_targets: true
  planes: [[-1.0, 0.0, 0.0, -0.02]]
  cone_rad: 0.3
  friction_coulomb: 0.1
  integral_rate: 10.0
  integral_max: 2.0
"""
FIELDS = ("stiffness", "planes", "cone_rad", "friction_coulomb", "integral_rate", "integral_max", "clip_targets")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    files = {"gantry.py": DRIVER, "gantry.yaml": ARM, "plane.yaml": PLANE}
    for name, text in (files | {name: listing(name) for name in ("small.yaml", "small.xml")}).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@contextmanager
def hosted(arm: Path) -> Iterator[Client]:
    """The control process of an arm's file, by its public command."""
    name = f"arm-{os.getpid()}"
    command = [sys.executable, "-m", "controllers.host", str(arm), name, "--with-parent"]
    with launched(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "gantry at 200 Hz" in process.stdout.readline(), process.communicate()[1]
        client = Client(name, 6)
        try:
            client.activate()
            eventually(lambda: client.state().mode == Mode.ACTIVE)
            yield client
            client.ask(Request.QUIT)
            assert process.wait(20.0) == 0
        finally:
            process.kill()
            (FOLDER / f"robot-rl-{name}").unlink(missing_ok=True)


def lead(client: Client, x_m: float, reached_m: float) -> float:
    """Send a target along x until the tool has come so far and stays; where it is then [m]."""
    target, end_s = no_target(), time.monotonic() + 1.0
    target.p[0] = x_m

    def at() -> bool:
        target.stamp_s[0] = time.monotonic()
        client.send(target)
        values = client.state().values
        return bool(abs(values.p[0] - reached_m) < 1e-3 and abs(values.dq[0]) < 1e-3 and time.monotonic() > end_s)

    eventually(at)
    return float(client.state().values.p[0])


@pytest.mark.slow
def test_an_arm_and_its_driver_from_files_follow_a_target(lab: Path) -> None:
    with hosted(lab / "gantry.yaml") as client:
        assert lead(client, 0.05, 0.05) == pytest.approx(0.05, abs=1e-3)


@pytest.mark.slow
def test_the_gains_of_a_second_file_are_in_force_in_the_loop(lab: Path) -> None:
    with hosted(lab / "plane.yaml") as client:
        gains = client.gains()
        assert gains.stiffness[0] == 300.0 and gains.cone_rad == 0.3 and gains.integral_max[5] == 2.0
        assert lead(client, 0.05, 0.02) == pytest.approx(0.02, abs=1e-3)  # the plane ends the way
        client.set_gains(changed(gains, {"planes": [-1.0, 0.0, 0.0, -0.03]}))  # as a ROS parameter does
        assert lead(client, 0.05, 0.03) == pytest.approx(0.03, abs=1e-3)


@pytest.mark.slow
def test_the_nodes_parameters_name_the_file_and_what_they_set_is_in_force(lab: Path) -> None:
    name = f"node-{os.getpid()}"
    process = HostProcess(ArmChoice(arm=str(lab / "plane.yaml"), robot_ip="10.0.0.1").host_arguments(name), name, 6)
    try:
        own = process.client.gains()
        given = {"cone_rad": 0.5, "friction_viscous": [0.2] * 6, "recover_distance_m": 0.01, "start_checks": True}
        process.client.set_gains(first_gains(own, "", given, load_arm(str(lab / "plane.yaml"))))
        eventually(lambda: process.client.gains().cone_rad == 0.5)
        shown = values_of(process.client.gains())
        assert {key: shown[key] for key in given} == given
        assert all(np.array_equal(shown[key], values_of(own)[key]) for key in FIELDS if key not in given)
    finally:
        process.end()


def test_the_doctor_examines_an_arm_from_a_file(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "robot", "--arm", str(lab / "gantry.yaml"), "--seconds", "0.2"])
    out = capsys.readouterr().out
    assert "gantry 2.0 at 10.0.0.9" in out and "cycles missed at 200 Hz" in out and "pylibfranka" not in out


def test_an_arm_from_a_model_file_is_simulated_by_the_public_command(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--robot.arm", str(lab / "small.yaml"), "--by", "random", "--episodes", "1", "--out", "None"]
    assert main(["simulate", "robot_rl.sim.free_space:FREE", *words]) == 0
    assert "no label after 100 steps" in capsys.readouterr().out
    assert main(["simulate", "pick-lift", "--robot.arm", "fr3"]) == 2
    assert "model: got nothing, expected it" in capsys.readouterr().err


def test_an_action_moves_the_tool_of_an_arm_from_a_model_file(lab: Path) -> None:
    with closing(make_simulated_env(FREE, cameras=(), arm=str(lab / "small.yaml"))) as env:
        env.reset(seed=0)
        simulation = env.cell.episodes.simulation
        start = simulation.T_base_tcp
        for number in range(30):
            forward = 0.2 if number < 20 else 0.0  # along the tool's x, then rest
            env.step(np.array([forward, 0.0, 0.0, 0.0, 0.0, 0.0], dtype=np.float32))
        moved = start.R.T @ (simulation.T_base_tcp.p - start.p)
        expected = 20 * 0.2 * FREE.arm.action.step_m
        np.testing.assert_allclose(moved, [expected, 0.0, 0.0], atol=0.005)


def test_a_ur_from_a_urdf_picks_the_cube_under_the_law(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arm = {
        "extends": "ur5e",
        "model": urdf_file("ur5e"),
        "posture": [3.1416, -1.5708, 1.5708, -1.5708, -1.5708, 1.5708],
    }
    (lab / "ur.yaml").write_text(yaml.safe_dump(arm | {"tcp": {"xyz_m": [0.0, 0.0, 0.12]}}), encoding="utf-8")
    words = ["--robot.arm", str(lab / "ur.yaml"), "--episodes", "1", "--out", "None"]
    assert main(["simulate", "pick-lift", *words]) == 0 and "success 1/1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "text", "error"),
    [
        ("gantry.yaml", "settings: {mas_kg: 1.0}", "did you mean 'mass_kg'"),
        ("gantry.yaml", "driver: gantry.py:Gntry", "did you mean 'Gantry'"),
        ("gantry.py", "raise RuntimeError('no licence')", "RuntimeError: no licence"),
    ],
)
def test_files_that_do_not_fit_end_the_command_with_the_next_step(lab: Path, file: str, text: str, error: str) -> None:
    old = (lab / file).read_text(encoding="utf-8")
    kept = [line for line in old.splitlines() if not line.startswith(text.split(":")[0] + ":")]
    (lab / file).write_text("\n".join([*kept, text]), encoding="utf-8")
    command = [sys.executable, "-m", "controllers.host", str(lab / "gantry.yaml"), "none"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and error in ended.stderr.splitlines()[-1]
