"""Error tree of this package.

RobotRLError
├── ConfigError (also ValueError)          an invalid setting
│   └── UnknownNameError                   an unknown name
├── NonFiniteActionError (also ValueError) an action with NaN or infinity
├── NonFiniteRecordError (also ValueError) a record with NaN or infinity
├── SchemaMismatchError                    arrays that differ from the schema
├── HandshakeRefusedError                  actor and learner are incompatible
├── CorruptRecordError                     bytes that are not a whole, valid record
├── StorageError                           a disk that is full, read-only or gone
├── RunFolderError                         a run folder that is missing, taken or incomplete
├── CheckpointError                        a checkpoint that cannot be restored
├── DivergedError                          learning that went to NaN or infinity
├── BadMessageError                        a message of the ROS graph that must not be used
├── StopRequestedError                     a stop request ended a wait
└── DeviceLostError                        a robot, camera or input device that stopped answering
    └── StaleObservationError              an image or state that is too old to act on
"""

import difflib
from collections.abc import Iterable


class RobotRLError(Exception):
    """Root of the errors that this package raises on purpose."""


class ConfigError(RobotRLError, ValueError):
    """An invalid setting; raised where the setting enters, before anything moves."""


class UnknownNameError(ConfigError):
    """An unknown name; build it with `unknown_name`."""


class NonFiniteActionError(RobotRLError, ValueError):
    """An action with NaN or infinity, stopped before it reaches the arm."""


class NonFiniteRecordError(RobotRLError, ValueError):
    """A record with NaN or infinity, stopped before it is stored: networks that learn from it diverge for good."""


class SchemaMismatchError(RobotRLError):
    """Arrays or messages that differ from the agreed `StepSchema`."""


class HandshakeRefusedError(RobotRLError):
    """The learner refused the actor, or the actor the learner; both sides are named in the text."""


class CorruptRecordError(RobotRLError):
    """Bytes that are not a whole, valid record: torn, altered, too large or of another protocol."""


class StorageError(RobotRLError):
    """A disk that is full, read-only or gone, where the work cannot go on without it."""


class RunFolderError(RobotRLError):
    """A run folder that is missing, already taken, or lacks a file."""


class CheckpointError(RobotRLError):
    """A checkpoint that is missing, incomplete or of another origin."""


class DivergedError(RobotRLError):
    """Learning that diverged to NaN or infinity; it is neither published nor saved."""


class BadMessageError(RobotRLError):
    """A message of the graph or the operator's page that must not be used: malformed, not finite, in another frame."""


class StopRequestedError(RobotRLError):
    """A stop request ended a wait; the text names both."""


class DeviceLostError(RobotRLError):
    """A robot, camera or input device that stopped answering."""


class StaleObservationError(DeviceLostError):
    """An image or state older than its bound: it must not be acted upon."""


def unknown_name(what: str, got: str, known: Iterable[str]) -> UnknownNameError:
    """Return the error for a name that is not in the table, with the nearest name first.

    Example:
        >>> str(unknown_name("task", "pick-lft", ["pick-lift", "peg-insert"]))
        "task: got 'pick-lft', expected one of 'peg-insert', 'pick-lift'; did you mean 'pick-lift'?"
    """
    names = sorted(known)
    expected = "one of " + ", ".join(repr(name) for name in names) if names else "nothing (no names are known)"
    nearest = difflib.get_close_matches(got, names, n=1, cutoff=0.4)
    advice = f"; did you mean {nearest[0]!r}?" if nearest else "; choose one of these."
    return UnknownNameError(f"{what}: got {got!r}, expected {expected}{advice}")
