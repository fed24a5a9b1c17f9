"""MuJoCo renders without a screen, whichever module of the package is imported first."""

import os
import subprocess
import sys

import pytest

RENDER = (
    "import mujoco; mujoco.Renderer(mujoco.MjModel.from_xml_string('<mujoco/>'), 16, 16).render(); print('rendered')"
)


def run(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program where nothing says how to render, as under `ros2 launch` on a computer without a screen."""
    unset = ("MUJOCO_GL", "PYOPENGL_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | variables
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", ["robot_rl.envs.simulated", "robot_rl.nodes.simulated_robot", "robot_rl.cli", "robot_rl.bench.arm"]
)
def test_first_import_selects_a_renderer_that_needs_no_screen(module: str) -> None:
    answer = run(f"import {module}; {RENDER}")
    assert answer.stdout == "rendered\n", answer.stderr


@pytest.mark.slow
def test_environments_are_made_by_gymnasium_without_a_screen() -> None:
    answer = run("import gymnasium, robot_rl.envs; gymnasium.make('robot_rl/PickLift-v0').close(); print('made')")
    assert answer.stdout == "made\n", answer.stderr


@pytest.mark.slow
def test_renderer_that_the_user_chose_is_kept() -> None:
    answer = run("import os, robot_rl; print(os.environ['MUJOCO_GL'])", MUJOCO_GL="osmesa")
    assert answer.stdout == "osmesa\n", answer.stderr
