"""Backend or precision `auto`: of what is installed, the pair that updates this agent fastest on this computer."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import time
from collections.abc import Callable, Container
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from robot_rl.agents.backend import AgentBackend, Learner, Policy, make_backend
from robot_rl.agents.batches import random_batch
from robot_rl.agents.config import FRAMEWORKS, PRECISIONS, AgentConfig
from robot_rl.agents.critics import critic_kind
from robot_rl.agents.definition import AgentDefinition
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import changed

BATCH, UPDATES = 256, 8


def memory_file() -> Path:
    """Return where the choices of this computer are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "robot-rl" / "backends.json"


class AutoBackend:
    """Factory of learner and policy; the choice is measured once and remembered.

    The policy is the first one installed: one observation costs all backends less than a millisecond.
    """

    def __init__(self, definition: AgentDefinition, seed: int) -> None:
        self._definition, self._seed = definition, seed
        self._choices = choices(definition.config)

    @cached_property
    def _fastest(self) -> AgentBackend:
        one = len(self._choices) == 1
        choice = self._choices[0] if one else remembered(memory_file(), self._key(), self._choices, self._measured)
        return self._backend(choice)

    @property
    def device(self) -> str:
        """Device of the chosen backend."""
        return self._fastest.device

    def learner(self) -> Learner:
        """Return a learner of the faster backend."""
        return self._fastest.learner()

    def policy(self) -> Policy:
        """Return a policy of the first backend that is installed."""
        return self._backend(self._choices[0]).policy()

    def _backend(self, choice: str) -> AgentBackend:
        backend, precision = choice.split()
        config = changed(self._definition.config, {"backend": backend, "precision": precision})
        return make_backend(replace(self._definition, config=config), self._seed)

    def _key(self) -> str:
        versions = [f"{name} {importlib.metadata.version(name.split()[0])}" for name in self._choices]
        return ", ".join((*versions, platform.machine(), f"{os.cpu_count()} cores", self._definition.schema_hash()))

    def _measured(self) -> str:
        rates = {name: update_rate(self._backend(name).learner(), self._definition) for name in self._choices}
        return max(rates, key=lambda name: rates[name])


def choices(config: AgentConfig) -> tuple[str, ...]:
    """Return `backend precision` of all that the settings leave open."""
    backends = installed(config.critic) if config.backend == "auto" else (config.backend,)
    precisions = PRECISIONS if config.precision == "auto" else (config.precision,)
    return tuple(f"{backend} {precision}" for backend in backends for precision in precisions)


def installed(critic: str = "ensemble") -> tuple[str, ...]:
    """Return the backends whose framework is installed and which have a translation of the critic.

    Raises:
        ConfigError: none.
    """
    known = [name for name in FRAMEWORKS if name in critic_kind(critic).translations]
    found = tuple(name for name in known if importlib.util.find_spec(name))
    if not found:
        raise ConfigError(f"agent.backend: got none installed, expected one of {', '.join(known)}; install one.")
    return found


def remembered(path: Path, key: str, known: Container[str], choose: Callable[[], str]) -> str:
    """Return the choice kept in a file under `key`; make and keep it where there is no known one."""
    try:
        kept: dict[str, str] = json.loads(path.read_text())
    except (OSError, ValueError):
        kept = {}
    if kept.get(key) not in known:
        kept[key] = choose()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_text(json.dumps(kept, indent=1))
        part.replace(path)
    return kept[key]


def update_rate(learner: Learner, definition: AgentDefinition) -> float:
    """Return the updates per second of a learner, the better of two calls after a first one."""
    batch, durations_s = random_batch(definition, UPDATES, BATCH), []
    for _ in range(3):
        start_s = time.perf_counter()
        learner.update(batch)
        durations_s.append(time.perf_counter() - start_s)
    return UPDATES / min(durations_s[1:])
