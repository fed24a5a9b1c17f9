"""The repository's root as a package: colcon in both modes and pip install the nodes, launch files and parameters."""

import os
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.processes import launched

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SCRIPTS = sorted(PYPROJECT["project"]["scripts"])
LEFT_OUT = (".git", ".venv", "runs", "build", "install", "log", "__pycache__", "*.egg-info", ".*_cache", "firmware")
LAUNCH_FILES = sorted(path.name for path in (ROOT / "launch").glob("*.*"))
ARMS = sorted(path.name for path in (ROOT / "controllers" / "arms").glob("*.yaml"))
LIMIT_S = 600


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: a build leaves nothing behind in the tree that is tested."""
    folder = tmp_path_factory.mktemp("workspace") / "src" / "robot-rl"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return folder


def installed(share: Path) -> bool:
    """Whether launch files and parameters are where ROS looks for them."""
    launch, arms = (sorted(p.name for p in (share / name).glob("*.*")) for name in ("launch", "arms"))
    index = share.parents[0] / "ament_index" / "resource_index" / "packages" / "robot_rl"
    return launch == LAUNCH_FILES and arms == ARMS and index.exists() and (share / "package.xml").exists()


@pytest.mark.ros
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["copies", "--symlink-install"])
def test_colcon_installs_the_nodes_and_ros_finds_them(
    checkout: Path, ros_environment: dict[str, str], mode: str
) -> None:
    if shutil.which("colcon") is None:
        pytest.skip("NOT CHECKED: colcon is not installed")
    base = checkout.parents[1] / mode.strip("-")
    folders = [f"--{name}-base={base / name}" for name in ("build", "install")]
    flags = [mode] if mode.startswith("--") else []
    command = ["colcon", f"--log-base={base / 'log'}", "build", *folders, *flags]
    built = subprocess.run(command, cwd=checkout, env=ros_environment, capture_output=True, text=True, timeout=LIMIT_S)
    assert built.returncode == 0, built.stderr[-2000:]
    prefix = base / "install" / "robot_rl"
    assert installed(prefix / "share" / "robot_rl")
    assert sorted(path.name for path in (prefix / "lib" / "robot_rl").iterdir()) == SCRIPTS
    words = f"source {base / 'install' / 'setup.bash'} && ros2 pkg executables robot_rl && "
    words += "ros2 launch robot_rl robot.launch.py --show-args"
    asked = subprocess.run(["bash", "-c", words], env=ros_environment, capture_output=True, text=True, timeout=LIMIT_S)
    assert asked.returncode == 0, asked.stderr
    assert all(f"robot_rl {name}" in asked.stdout for name in SCRIPTS) and "use_fake_hardware" in asked.stdout
    words = f"source {base / 'install' / 'setup.bash'} && exec ros2 launch robot_rl simulation.launch.py "
    assert_serves(words + f"python:={sys.executable}", base, ros_environment)


def assert_serves(words: str, folder: Path, environment: dict[str, str]) -> None:
    """The launched simulated robot starts from what was installed, and ends on Ctrl-C."""
    command = ["bash", "-c", words]
    with launched(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as launch:
        try:
            assert launch.stdout is not None
            assert any("serving pick-lift" in line for line in launch.stdout), "it ended before it served"
        finally:
            os.killpg(launch.pid, signal.SIGINT)
            launch.communicate(timeout=60)


@pytest.mark.slow
def test_pip_installs_the_same_without_ros(checkout: Path, tmp_path: Path) -> None:
    """Beside the environment that runs this test, which pip would empty without `--ignore-installed`."""
    environment = {name: value for name, value in os.environ.items() if "ROS" not in name and "AMENT" not in name}
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--ignore-installed",
        f"--prefix={tmp_path}",
        str(checkout),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr[-2000:]
    assert installed(tmp_path / "share" / "robot_rl")
    assert set(SCRIPTS) <= {path.name for path in (tmp_path / "bin").iterdir()}
    (packages,) = tmp_path.glob("lib/python*/site-packages")
    words = "import sys, importlib.resources as r; sys.path.insert(0, sys.argv[1]); import controllers; "
    words += "arms = sorted(f.name for f in (r.files('controllers') / 'arms').iterdir() if f.name.endswith('.yaml')); "
    words += "print(controllers.__file__, arms)"
    asked = subprocess.run(
        [sys.executable, "-c", words, str(packages)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert str(tmp_path) in asked.stdout and str(ARMS) in asked.stdout, asked


def test_the_package_has_one_version_and_one_licence() -> None:
    package = (ROOT / "package.xml").read_text()
    assert f"<version>{PYPROJECT['project']['version']}</version>" in package
    assert f"<license>{PYPROJECT['project']['license']['text']}</license>" in package
