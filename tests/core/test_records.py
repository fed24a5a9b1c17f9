"""Records that contradict themselves cannot be made; unknown names are answered with the nearest."""

import pytest

from robot_rl.core.errors import ConfigError, RobotRLError, UnknownNameError, unknown_name
from robot_rl.core.records import LabelRecord
from tests.data.builders import step_record


def test_the_next_observation_comes_exactly_with_the_last_step() -> None:
    with pytest.raises(ConfigError, match="next_obs: got none with terminated=True"):
        step_record(0, terminated=True)
    with pytest.raises(ConfigError, match="next_obs: got an observation with terminated=False"):
        step_record(0, closing_uid=1)


def test_a_label_must_be_known_and_cover_a_step() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'success'"):
        LabelRecord("a", "r", 0, 0, 0, "succes", 1.0, 1, 0)
    with pytest.raises(ConfigError, match="window_steps: got 0"):
        LabelRecord("a", "r", 0, 0, 0, "undo", 1.0, 0, 0)


def test_an_unknown_name_is_a_value_error_that_lists_the_known() -> None:
    error = unknown_name("task", "pick", ["pick-lift", "peg-insert"])
    assert isinstance(error, ValueError) and isinstance(error, RobotRLError)
    assert str(error).endswith("expected one of 'peg-insert', 'pick-lift'; did you mean 'pick-lift'?")
    assert "choose one of these" in str(unknown_name("task", "zzzz", ["pick-lift"]))
