"""An input device from a file outside the package works wherever a device is named."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.records import Source
from robot_rl.data.episodes import list_episodes, read_episode
from robot_rl.nodes.arguments import parse_node, split_ros_words
from robot_rl.nodes.teleop import TeleopConfig, make_device
from robot_rl.teleop.config import HumanConfig
from robot_rl.teleop.devices import DEVICES, device_type
from tests.contracts.listings import listing

FILE = listing("lab_devices.py") + "\n\nclass NoDevice:\n    pass\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lab_devices.py"
    path.write_text(FILE)
    return path


def record(out: Path, device: str, *flags: str) -> np.ndarray:
    """Record one episode through the public command and return its executed actions (T, A)."""
    command = ["record", "pick-lift-state-only", "--out", str(out), "--episodes", "1", "--by", device, *flags]
    assert main(command) == 0
    steps, meta = read_episode(list_episodes(out)[0])
    assert meta["success"] and {step.source for step in steps} == {Source.DEMONSTRATION}
    return np.array([step.action for step in steps])


def test_person_records_with_a_device_from_a_file_and_its_settings(file: Path, tmp_path: Path, capsys) -> None:
    at_once = ("--reward-settings", "human-label.reaction_s", "0")
    flags = ("--human.settings", "gain", "0.25", "port", "3", *at_once)
    actions = record(tmp_path / "out", f"{file}:Stick", *flags)
    np.testing.assert_allclose(actions[:, 2], 0.25)
    assert len(actions) == 3 and "push the stick" in capsys.readouterr().out


def test_device_that_only_enables_is_put_beside_one_that_moves(file: Path, tmp_path: Path) -> None:
    flags = ("--human.motion-device", f"{file}:Stick", "--human.motion-settings", "gain", "0.5")
    actions = record(tmp_path / "out", f"{file}:Pedal", *flags)
    np.testing.assert_allclose(actions[:, 2], 0.5)


def test_same_name_works_in_simulations_training_settings_and_the_node(file: Path, capsys) -> None:
    name = f"{file}:Stick"
    assert main(["simulate", "pick-lift-state-only", "--by", name, "--episodes", "1", "--out", "None"]) == 0
    assert "push the stick" in capsys.readouterr().out
    assert HumanConfig(kind=name).kind == name
    words = split_ros_words(["--ros-args", "-p", f"device:={name}", "-p", "settings.gain:=0.5"], "teleop")
    config = parse_node(words, "teleop", TeleopConfig(), "")
    device = make_device(config, None)  # type: ignore[arg-type]  # it uses no wire
    assert device.read().action[2] == 0.5


def test_settings_of_the_device_that_may_take_over_are_not_those_of_the_expert_who_demonstrates(tmp_path: Path) -> None:
    flags = ["--human.kind", "pendant", "--human.settings", "port", "socket://127.0.0.1:9"]
    out = ["--out", str(tmp_path / "out"), "--episodes", "1"]
    assert main(["record", "pick-lift-state-only", *out, *flags]) == 0


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_every_device_of_the_table_opens_by_a_context(name: str) -> None:
    assert callable(device_type(name).open)


def test_mistakes_are_refused_with_what_there_is(file: Path, tmp_path: Path, capsys) -> None:
    out = str(tmp_path / "out")
    for flags, text in (
        (["--by", "keybord"], "did you mean 'keyboard'?"),
        (["--by", f"{file}:Stik"], "did you mean 'Stick'?"),
        (["--by", f"{file}:NoDevice"], "expected a class with `open(context)`"),
        (["--by", f"{file}:Stick", "--human.settings", "gian", "1"], "did you mean 'gain'?"),
        (["--by", f"{file}:Stick", "--human.settings", "gain", "much"], "expected a value of type float"),
    ):
        try:
            code = main(["record", "pick-lift-state-only", "--out", out, *flags])
        except SystemExit as refused:  # by the parser
            code = int(str(refused.code))
        assert code == 2
        assert text in " ".join(capsys.readouterr().err.split())
    with pytest.raises(UnknownNameError, match="'none'"):
        HumanConfig(kind="no-device")
    with pytest.raises(ConfigError, match="expected the device of a person"):
        make_device(TeleopConfig(device="expert"), None)  # type: ignore[arg-type]
