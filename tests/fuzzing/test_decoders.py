"""A bounded share of what `make fuzz` runs: no foreign error, no long text, whatever the bytes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.errors import RobotRLError
from tests.fuzzing.decoders import DECODERS, check_seeds

SLOW = {"journal": 60, "checkpoint": 60, "episode": 20, "encoder": 30, "config": 20}
"""Decoders of files, with fewer examples."""
names = pytest.mark.parametrize("name", DECODERS)


@names
def test_valid_inputs_are_accepted(name: str) -> None:
    assert check_seeds(DECODERS[name])


@names
def test_changed_inputs_are_accepted_or_refused_by_an_error_of_this_package(name: str) -> None:
    decoder = DECODERS[name]

    @settings(max_examples=SLOW.get(name, 300), deadline=None)
    @given(seed=st.integers(0, 2**32), which=st.integers(0, len(decoder.seeds) - 1))
    def attempt(seed: int, which: int) -> None:
        try:
            decoder.call(decoder.change(random.Random(seed), decoder.seeds[which]))
        except RobotRLError as error:
            assert len(str(error)) < 3000

    attempt()


@names
def test_arbitrary_bytes_raise_no_other_error(name: str) -> None:
    decoder = DECODERS[name]

    @settings(max_examples=SLOW.get(name, 200), deadline=None)
    @given(parts=st.lists(st.binary(max_size=200), min_size=len(decoder.seeds[0]), max_size=len(decoder.seeds[0])))
    def attempt(parts: list[bytes]) -> None:
        try:
            decoder.call(parts)
        except RobotRLError as error:
            assert len(str(error)) < 3000

    attempt()
