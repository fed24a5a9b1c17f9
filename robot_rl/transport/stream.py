"""Identity of a spool: its stream of numbered records, which the actor names at random.

A learner knows records by stream and number. A spool that was lost, or lost its end in a power cut, begins another
stream, so that no number ever stands for two records. The name is as good as a password on a wire without keys: it is
shown by its first letters only.
"""

import os
import re
import secrets
from pathlib import Path

from robot_rl.transport.journal import sync_folder

STREAM_FILE = "stream"
DIGITS_MAX = 20
LEGACY = ""
"""Name of the stream of records that were stored before streams had names."""


def read_stream(folder: Path) -> str:
    """Return the name of a spool's stream; a new one where it has none."""
    name, _ = _read(folder)
    return name or new_stream(folder)


def first_of_stream(folder: Path) -> int:
    """Return the index of the stream's first record: those before it are stored under an earlier name."""
    return _read(folder)[1]


def _read(folder: Path) -> tuple[str, int]:
    try:
        name, *first = (folder / STREAM_FILE).read_text("utf-8").split()
    except (OSError, ValueError):
        return "", 0
    index = first[0] if first else "0"
    return (name, int(index)) if is_stream(name) and index.isdecimal() and len(index) < DIGITS_MAX else ("", 0)


def new_stream(folder: Path, first: int = 0) -> str:
    """Return the name of a new stream, written to the spool's folder in one step.

    Args:
        first: index of its first record, also after a power cut.

    Raises:
        OSError: the disk is full or gone.
    """
    name, part = secrets.token_hex(16), folder / f"{STREAM_FILE}.part"
    with part.open("w", encoding="utf-8") as file:
        file.write(f"{name} {first}")
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / STREAM_FILE)
    sync_folder(folder)
    return name


def is_stream(name: str) -> bool:
    """Return whether a text is the name of a stream."""
    return re.fullmatch("[0-9a-f]{32}", name) is not None
