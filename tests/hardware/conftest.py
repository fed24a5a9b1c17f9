"""Cameras that the tests of this folder open."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from robot_rl.hardware.cameras.background import BackgroundCamera


@pytest.fixture
def kept() -> Iterator[Callable[[BackgroundCamera], BackgroundCamera]]:
    """Takes an open camera, gives it back, and closes it when the test is over."""
    with ExitStack() as stack:
        yield lambda camera: stack.enter_context(closing(camera))
