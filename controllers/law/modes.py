"""Modes of the loop: a transition table and its lookup.

    IDLE <-- refused -- ACTIVATING -- started --> ACTIVE -- late --> HOLDING -- gone --> DAMPING
                                                    ^ <------------- target --------------/
    ACTIVE, HOLDING, DAMPING -- move joints --> JOINT_MOTION, -- guide --> GUIDING, -- motion ended --> HOLDING
    any -- fail --> FAULT -- recover --> RECOVERING -- recovered --> HOLDING
    any -- activate --> ACTIVATING          any -- deactivate --> IDLE

A pair that is not in the table changes nothing: a late target in a fault, or a fresh one while idle.
"""

from enum import IntEnum

import numpy as np

from controllers.arm import Mode
from controllers.compilation import compiled


class Event(IntEnum):
    """Events of the loop."""

    ACTIVATE = 0  # request to track targets, starting from the present pose
    DEACTIVATE = 1  # request to let the arm float
    STARTED = 2  # the arm passed the checks
    REFUSED = 3  # the arm failed the checks
    TARGET = 4  # a valid, new target
    STALE = 5  # none for hold_after_s
    TIMED_OUT = 6  # none for damp_after_s
    FAIL = 7  # a fault that only a person or `recover` may clear
    RECOVER = 8  # request to back off after a reflex
    RECOVERED = 9  # backed off far enough, or to the end of the recorded path
    MOVE_JOINTS = 10  # request of a joint motion
    GUIDE = 11  # request of hand guiding
    MOTION_ENDED = 12  # either has ended


TRANSITIONS: dict[tuple[Mode, Event], Mode] = {
    (Mode.ACTIVATING, Event.STARTED): Mode.ACTIVE,
    (Mode.ACTIVATING, Event.REFUSED): Mode.IDLE,
    (Mode.ACTIVE, Event.STALE): Mode.HOLDING,
    (Mode.ACTIVE, Event.TIMED_OUT): Mode.DAMPING,
    (Mode.HOLDING, Event.TARGET): Mode.ACTIVE,
    (Mode.HOLDING, Event.TIMED_OUT): Mode.DAMPING,
    (Mode.DAMPING, Event.TARGET): Mode.ACTIVE,
    (Mode.FAULT, Event.RECOVER): Mode.RECOVERING,
    (Mode.RECOVERING, Event.REFUSED): Mode.FAULT,
    (Mode.RECOVERING, Event.RECOVERED): Mode.HOLDING,
    **{(mode, Event.MOVE_JOINTS): Mode.JOINT_MOTION for mode in (Mode.ACTIVE, Mode.HOLDING, Mode.DAMPING)},
    **{(mode, Event.GUIDE): Mode.GUIDING for mode in (Mode.ACTIVE, Mode.HOLDING, Mode.DAMPING)},
    (Mode.JOINT_MOTION, Event.MOTION_ENDED): Mode.HOLDING,
    (Mode.GUIDING, Event.MOTION_ENDED): Mode.HOLDING,
    **{(mode, Event.ACTIVATE): Mode.ACTIVATING for mode in Mode},
    **{(mode, Event.DEACTIVATE): Mode.IDLE for mode in Mode},
    **{(mode, Event.FAIL): Mode.FAULT for mode in Mode},
}

_NEXT = np.array([[TRANSITIONS.get((mode, event), mode) for event in Event] for mode in Mode], np.int64)


@compiled
def next_mode(mode: int, event: int) -> int:
    """Return the mode after an event."""
    return _NEXT[mode, event]
