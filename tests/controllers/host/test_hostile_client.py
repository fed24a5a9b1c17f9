"""Whatever a client writes into the mailbox, the loop goes on: it refuses by name and serves what comes next."""

import numpy as np
import pytest

from controllers.arm import Mode
from controllers.host.mailbox import Request
from tests.controllers.host.test_control_process import Cell

EDGES = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300, -1e300, 1e-300, 5000.0)
TORQUE_NM = 87.0 + 1.0
"""Largest of the simulated arm's joints, and what rounding may add."""


@pytest.mark.parametrize("number", [99, -1, 5, 2**62, -(2**63)])
def test_request_that_is_none_is_refused_by_name(number: int) -> None:
    cell = Cell().active()
    cell.client._box.request.copy["request"] = number
    cell.client._box.request.publish()
    cell.run(0.05, np.zeros(3))
    assert f"request: got {number}" in cell.client.state().message and not cell.host.quit
    cell.client.ask(Request.DEACTIVATE)
    cell.run(0.05, np.zeros(3))
    assert cell.client.state().mode == Mode.IDLE


@pytest.mark.parametrize("name", ["target", "gains", "request", "motion", "dump"])
def test_random_words_end_no_loop(name: str) -> None:
    cell, rng = Cell().active(), np.random.default_rng(0)
    slot, before = getattr(cell.client._box, name), cell.host.gains
    slot.fetch()
    whole = slot.words.copy()
    for turn in range(150):
        slot.words[:] = whole
        if turn % 3 == 0:
            slot.words[:] = rng.integers(-(2**62), 2**62, slot.words.size)
        else:
            places = rng.integers(0, slot.words.size, rng.integers(1, 4))
            slot.words.view(np.float64)[places] = rng.choice(EDGES, places.size)
        slot.publish()
        if cell.client.state().mode not in (Mode.ACTIVE, Mode.HOLDING) and turn % 10 == 0:
            cell.client.activate()
        cell.run(0.01)
        assert np.abs(cell.client.state().values["tau"]).max() < TORQUE_NM
    assert not cell.host.quit or name == "request"
    cell.host.quit = False
    slot.words[:] = whole
    slot.publish()
    cell.client.set_gains(before)
    cell.run(1.0)
    cell.client.activate()
    cell.run(0.3)
    cell.client.activate()  # after a reflex the first one clears it
    cell.run(0.3)
    assert cell.client.state().mode in (Mode.ACTIVE, Mode.HOLDING, Mode.DAMPING), cell.client.state().text
