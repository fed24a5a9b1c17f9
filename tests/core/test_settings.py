"""Settings say the same after a trip through JSON, and refuse what they do not know by name."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.records import Source
from robot_rl.core.settings import from_json, load_settings, save_settings, to_json


@dataclass(frozen=True)
class Inner:
    rate_hz: float = 10.0
    names: tuple[str, ...] = ("a",)
    pair: tuple[int, float] = (1, 2.0)


@dataclass(frozen=True)
class Outer:
    seed: int = 0
    note: str | None = None
    mode: Literal["fast", "slow"] = "fast"
    source: Source = Source.POLICY
    folder: Path = Path("runs")
    weights: dict[str, float] = field(default_factory=dict)
    parts: tuple[Inner, ...] = ()
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed: got {self.seed}, expected 0 or more; choose another.")


INNERS = st.builds(
    Inner,
    rate_hz=st.floats(allow_nan=False),
    names=st.lists(st.text()).map(tuple),
    pair=st.tuples(st.integers(), st.floats(-1, 1)),
)
OUTERS = st.builds(
    Outer,
    seed=st.integers(0, 2**40),
    note=st.none() | st.text(),
    mode=st.sampled_from(["fast", "slow"]),
    source=st.sampled_from(list(Source)),
    folder=st.sampled_from([Path("runs"), Path("/a/b")]),
    weights=st.dictionaries(st.text(), st.floats(-1, 1)),
    parts=st.lists(INNERS, max_size=3).map(tuple),
    inner=INNERS,
)


@given(OUTERS)
def test_settings_survive_the_trip_through_json(value: Outer) -> None:
    assert from_json(Outer, json.loads(json.dumps(to_json(value)))) == value


def test_settings_survive_the_trip_through_a_file(tmp_path: Path) -> None:
    save_settings(tmp_path / "config.json", Outer(seed=7, note="x"))
    assert load_settings(Outer, tmp_path / "config.json") == Outer(seed=7, note="x")


def test_absent_fields_keep_their_defaults() -> None:
    assert from_json(Outer, {"inner": {"rate_hz": 5}}) == Outer(inner=Inner(rate_hz=5.0))


def test_unknown_key_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"config\.inner key: got 'rate_hx'.*did you mean 'rate_hz'\?"):
        from_json(Outer, {"inner": {"rate_hx": 5}})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"seed": "one"}, r"config\.seed: got 'one', expected a value of type int"),
        ({"seed": True}, r"config\.seed: got True"),
        ({"mode": "fst"}, r"config\.mode: got 'fst'.*did you mean 'fast'"),
        ({"source": "HUMN"}, r"config\.source: got 'HUMN'.*did you mean 'HUMAN'"),
        ({"parts": 3}, r"config\.parts: got 3, expected a list"),
        ({"inner": {"pair": [1]}}, r"config\.inner\.pair: got \[1\], expected 2 values"),
        ({"inner": 3}, r"config\.inner: got 3, expected an object with fields of Inner"),
        ({"seed": -1}, r"seed: got -1, expected 0 or more"),
        ({"weights": 3}, r"config\.weights: got 3, expected an object"),
        ({"weights": None}, r"config\.weights: got None, expected an object"),
        ({"weights": [1.0]}, r"config\.weights: got \[1\.0\], expected an object"),
    ],
)
def test_wrong_value_is_refused_with_its_place(value: dict, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        from_json(Outer, value)


def test_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a JSON file"):
        load_settings(Outer, tmp_path / "none.json")
    for text in ("{", '{"a":' * 100_000):
        (tmp_path / "broken.json").write_text(text)
        with pytest.raises(ConfigError, match="expected JSON"):
            load_settings(Outer, tmp_path / "broken.json")
