"""Tests that change the cores of all processes of this machine run one at a time."""

from collections.abc import Iterator

import pytest

from tests.domains import alone


@pytest.fixture
def cores_alone() -> Iterator[None]:
    """No other test moves threads between cores."""
    with alone("cores"):
        yield
