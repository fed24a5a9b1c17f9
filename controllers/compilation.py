"""Compilation of this package's functions, and invalidation of their cached machine code."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

HERE = Path(__file__).parent
ROOMS = ("", "law", "host")  # where compiled functions live
# Files there without anything that compiled code reads.
NEVER_COMPILED = (
    "clock.py", "command_line.py", "control_process.py", "control_stack.py", "driver_threads.py", "extensions.py",
    "pacing.py", "presets.py", "realtime.py", "recorder.py", "run_loop.py",
    "shield.py",
)  # fmt: skip


def source_digest(folder: Path = HERE) -> str:
    """Return a digest of all source files in `folder` from which machine code is compiled."""
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (folder / room).glob("*.py")):
        if path.name not in NEVER_COMPILED:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Return the cache folder: beside the sources when that is writable, else in the user's cache."""
    if "NUMBA_CACHE_DIR" in os.environ:
        base = Path(os.environ["NUMBA_CACHE_DIR"])
    elif os.access(HERE, os.W_OK):
        base = HERE / "__pycache__"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "robot-rl"
    return base / f"numba-{source_digest()}"


def announcement(who: str) -> str:
    """Return the line to print before the law is compiled on this computer; empty where its code is cached."""
    if any(cache_folder().rglob("tick.tick-*.nbi")):
        return ""
    return f"{who}: compiling the control law, once for these sources on this computer: about a minute ..."


# Numba checks the file of the outermost function only: after an edit in impedance.py it would run the old law from
# the cache of tick.py, or of a simulator that calls the tick. One folder per state of the sources prevents that.
numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]


# Division by zero gives inf or nan, as in NumPy: a tick must not raise.
_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at first call, cached on disk; can be called from Python and from compiled code."""
    return cast(Callable[P, R], numba.njit(**_OPTIONS)(function))


def unlocked(function: Callable[P, R]) -> Callable[P, R]:
    """As `compiled`, without Python's lock: other threads of this process run meanwhile."""
    return cast(Callable[P, R], numba.njit(nogil=True, **_OPTIONS)(function))


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """As `compiled`, for calls from compiled code only: without a Python entry point it compiles in half the time."""
    return cast(Callable[P, R], numba.njit(no_cpython_wrapper=True, **_OPTIONS)(function))


def pasted(function: Callable[P, R]) -> Callable[P, R]:
    """As `inner`, copied into the caller before compilation.

    For functions that pass the whole context on: each level of such calls optimises everything below it once more.
    """
    return cast(Callable[P, R], numba.njit(no_cpython_wrapper=True, inline="always", **_OPTIONS)(function))
