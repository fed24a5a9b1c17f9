"""Fixtures of the node's tests."""

import pytest

from tests.controllers.ros.cockpit import Cockpit


@pytest.fixture
def cockpit() -> Cockpit:
    return Cockpit()
