"""Summary of one session of an actor."""

from dataclasses import dataclass, field

from robot_rl.runtime.acting.stepper import Step
from robot_rl.teleop.arbiter import InterventionStats


@dataclass
class ActorSummary:
    """Counts of one session."""

    episodes: int = 0
    env_steps: int = 0
    successes: int = 0
    faults: int = 0
    effort: InterventionStats = field(default_factory=InterventionStats)
    weights_loaded: int = 0
    next_episode: int = 0  # number of the next session's first
    interrupted: str = ""  # the signal that ended the session, and the wait that it interrupted

    def count_episode(self, last: Step) -> None:
        """Count an episode by its last step."""
        self.episodes += 1
        self.successes += last.success
        self.faults += bool(last.fault)

    def line(self) -> str:
        """Return the counts in one line."""
        done = f"{self.env_steps} steps, {self.successes}/{self.episodes} episodes succeeded"
        return f"{self.interrupted}; {done}" if self.interrupted else done
