"""The state machine by its table: each transition that exists, and none besides."""

from itertools import product

import pytest

from controllers.arm import Mode
from controllers.law.modes import TRANSITIONS, Event, next_mode


@pytest.mark.parametrize(("mode", "event"), list(product(Mode, Event)))
def test_compiled_code_follows_the_table_and_stays_where_there_is_no_entry(mode, event):
    assert next_mode(mode, event) == TRANSITIONS.get((mode, event), mode)


@pytest.mark.parametrize("mode", Mode)
def test_a_failure_leads_to_a_fault_from_everywhere(mode):
    assert next_mode(mode, Event.FAIL) == Mode.FAULT


@pytest.mark.parametrize("event", sorted(set(Event) - {Event.ACTIVATE, Event.DEACTIVATE, Event.RECOVER}))
def test_only_a_request_leads_out_of_a_fault(event):
    assert next_mode(Mode.FAULT, event) == Mode.FAULT


@pytest.mark.parametrize("mode", sorted(set(Mode) - {Mode.FAULT}))
def test_only_a_fault_can_be_recovered_from(mode):
    assert next_mode(mode, Event.RECOVER) == mode


def test_every_mode_can_be_reached_and_left():
    reached = {after for (before, _), after in TRANSITIONS.items() if before != after}
    left = {before for (before, _), after in TRANSITIONS.items() if before != after}
    assert reached == left == set(Mode)


def test_targets_move_nothing_before_activation_nor_while_recovering():
    for mode in (Mode.IDLE, Mode.ACTIVATING, Mode.FAULT, Mode.RECOVERING):
        assert next_mode(mode, Event.TARGET) == mode
