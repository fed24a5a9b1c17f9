"""How the functions of this package are compiled, and when their cached machine code is thrown away."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")

HERE = Path(__file__).parent


def source_digest(folder: Path = HERE) -> str:
    """A short name for the present text of every source file in `folder`."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Where machine code is kept: beside the sources when that can be written, else in the user's cache."""
    if "NUMBA_CACHE_DIR" in os.environ:
        base = Path(os.environ["NUMBA_CACHE_DIR"])
    elif os.access(HERE, os.W_OK):
        base = HERE / "__pycache__"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "robot-rl"
    return base / f"numba-{source_digest()}"


# Numba looks at the file of the outermost function only: after an edit in impedance.py it would run the old law from
# the cache of loop.py, or of a simulator that calls the tick. A folder per state of the sources rules that out.
numba.config.CACHE_DIR = str(cache_folder())


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at first call, cached on disk. Division by zero gives inf or nan, as in NumPy: a tick must not raise."""
    return numba.njit(cache=True, error_model="numpy")(function)  # type: ignore[no-any-return]
