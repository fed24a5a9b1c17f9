"""ROS's words and plain flags are one set of settings."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from robot_rl.core.errors import ConfigError
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.nodes.arguments import as_flags, parse_node, read_parameters, run_node, split_ros_words


@dataclass(frozen=True)
class Settings:
    """Of a node for tests."""

    image_hz: float = 30.0
    """Images a second."""
    quick: bool = False
    """A switch."""
    robot: RobotConfig = field(default_factory=lambda: RobotConfig(kind="dds"))
    """Which arm."""


def parsed(*words: str) -> Settings:
    return parse_node(split_ros_words(words, "camera"), "camera", Settings(), "example")


def test_parameters_remapping_and_flags_meet_in_the_settings() -> None:
    settings = parsed(
        "--quick", "--ros-args", "-r", "__ns:=/left", "-p", "image_hz:=10", "--log-level", "info",
        "-p", "robot.kind:=dds", "-p", "use_sim_time:=false",
    )  # fmt: skip
    assert settings == Settings(10.0, True, RobotConfig(kind="dds", namespace="left"))


def test_plain_flags_need_no_ros() -> None:
    assert parsed("--image-hz", "5", "--robot.namespace", "right").robot.namespace == "right"


def test_parameter_file_gives_those_for_all_and_those_of_the_node(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(
        "/**:\n  ros__parameters: {image_hz: 10, driver: theirs}\n"
        "camera:\n  ros__parameters:\n    robot: {namespace: left}\n"
        "other:\n  ros__parameters: {image_hz: 99}\n"
    )
    read = read_parameters(path, "camera")
    assert read == {"image_hz": "10", "driver": "theirs", "robot.namespace": "left"}
    settings = parsed("--ros-args", "--params-file", str(path), "-p", "robot.kind:=dds")
    assert settings == Settings(10.0, robot=RobotConfig(kind="dds", namespace="left"))


def test_unknown_parameter_is_refused() -> None:
    with pytest.raises(SystemExit):
        parsed("--ros-args", "-p", "image_hzz:=10")


def test_torn_assignment_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"-p: got 'image_hz', expected NAME:=VALUE"):
        split_ros_words(["--ros-args", "-p", "image_hz"], "camera")


def test_booleans_become_switches() -> None:
    assert as_flags({"quick": "True", "loud": "false"}) == ["--quick"]


def test_error_of_a_node_costs_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def run(settings: Settings) -> None:
        raise ConfigError("image_hz: got 0, expected more; correct it.")

    assert run_node("camera", [], Settings(), "example", run) == 2
    assert capsys.readouterr().err == "camera: image_hz: got 0, expected more; correct it.\n"
