"""Findings: lines of the doctor's list, and functions that make them."""

import importlib.metadata
import os
import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Literal

from robot_rl.core import checks

State = Literal["ok", "missing", "optional"]
PROBE_LIMIT_S = 120


def check_seconds(seconds: float) -> None:
    """Check the duration of an observation.

    Raises:
        ConfigError: not a positive time.
    """
    checks.positive(SimpleNamespace(seconds=seconds), "seconds")


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's list."""

    state: State
    name: str
    value: str
    """Result: a version, a rate, or the next step."""


def probe(name: str, program: str, environment: dict[str, str], otherwise: State, advice: str) -> Finding:
    """Return the finding of a small program that prints one line, or its failure with the next step."""
    try:
        result = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=PROBE_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding(otherwise, name, f"no answer within {PROBE_LIMIT_S} s; try: {advice}")
    if result.returncode == 0:
        return Finding("ok", name, result.stdout.strip())
    words = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
    return Finding(otherwise, name, f"does not work ({words[-1]}); try: {advice}")


def package_finding(package: str, extra: str, otherwise: State) -> Finding:
    """Return the version of an installed package, or how to install it; `extra` is "" for the core."""
    try:
        return Finding("ok", package, importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        target = f"'.[{extra}]'" if extra else "."
        return Finding(otherwise, package, f"not installed; try: pip install -c constraints.txt -e {target}")
