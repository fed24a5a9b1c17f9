"""Counters of the replay: what it received, keeps and lost."""

from dataclasses import dataclass


@dataclass
class ReplayCounters:
    """Counts of the data since the replay was made."""

    online: int = 0  # transitions by policy or human that became samplable
    demonstration: int = 0  # recorded transitions that became samplable, without those of an earlier run
    human: int = 0  # transitions of a human's intervention, part of online
    prior: int = 0  # transitions of an earlier run that became samplable
    evicted: int = 0  # transitions overwritten by newer ones
    incomplete: int = 0  # steps whose next frame never came (an actor died, a record was lost)
    labels: int = 0  # labels received
    labels_ignored: int = 0  # labels that no reward source asks for
    labels_missed: int = 0  # labels about steps that are not in memory

    @property
    def recorded(self) -> int:
        """Transitions that no actor of this run made."""
        return self.demonstration + self.prior
