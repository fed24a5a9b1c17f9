"""Settings that must stand before the first import of mujoco, numba or jax, and those of the property tests."""

import atexit
import gc
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Small machines: one thread a library, so that tests in parallel do not fight for the cores.
os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="robot-rl-state-")  # black boxes of killed loops
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)
# Compiling the agent takes longer than running its tests: what was compiled before is taken from here.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path.home() / ".cache" / "robot-rl" / "jax"))
# Also small programs, of which the tests have hundreds; JAX alone keeps what takes a second.
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.02")

# A shell starts its background jobs with SIGINT ignored, and so would be every process that a test ends by Ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is slow, not wrong: no deadline for a single example. The examples are the same in each run;
# `pytest --hypothesis-profile search` draws new ones, and more.
_CHECKS = (HealthCheck.too_slow, HealthCheck.filter_too_much)
settings.register_profile("project", deadline=None, max_examples=60, suppress_health_check=_CHECKS, derandomize=True)
settings.register_profile("search", settings.get_profile("project"), max_examples=600, derandomize=False)
settings.load_profile("project")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Several processes start with the longest tests, so that they end at about the same time."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: "end_to_end" not in item.path.parts)


def pytest_collection_finish() -> None:
    """What was imported lives to the end: a collection of garbage need not read half a million objects again."""
    gc.freeze()
