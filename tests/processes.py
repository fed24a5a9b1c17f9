"""Processes that a test starts."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def launched(*arguments: Any, **options: Any) -> Iterator[Any]:
    """Start a process as `subprocess.Popen` does, and wait for its end; a test that fails meanwhile kills it."""
    with subprocess.Popen(*arguments, **options) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
