"""Takeovers from the policy in words, one line each, once they are over: who, how many steps, what came of it."""

from dataclasses import dataclass

PERSON = "a person"
OUT_OF_TIME = "out of time"
AFTER = {
    "policy": "the policy goes on",
    "retreat": "the arm retreats: it was stuck",
    "idle": "nothing moves the arm",
    "estop": "emergency stop",
}
"""Who is in charge after a takeover -> what came of it, where the episode goes on."""


@dataclass
class Takeovers:
    """Follows the steps of a rollout, and sums up each takeover; without a policy there is none.

    Args:
        who: takes over.
    """

    who: str = PERSON
    _steps: int = 0
    """Of the present takeover."""
    _policy_acted: bool = False
    """In this episode."""

    def begin(self) -> None:
        """Begin an episode."""
        self._steps, self._policy_acted = 0, False

    def step(self, charge: str, period_s: float, end: str = "") -> str:
        """Take in a step; return the line of a takeover that is over now, else nothing.

        Args:
            charge: who was in charge, in lower case.
            end: of the episode in words, on its last step.
        """
        self._policy_acted |= charge == "policy"
        self._steps += charge == "human"
        if not self._steps or (charge == "human" and not end):
            return ""
        steps, self._steps = self._steps, 0
        if not self._policy_acted:
            return ""
        what = end or AFTER.get(charge, charge)
        return f"takeover by {self.who}: {steps} step{'s' * (steps > 1)}, {steps * period_s:.1f} s; {what}"


def end_in_words(success: bool, failure: bool, fault: str, helped: bool, stopped: bool) -> str:
    """Return how an episode ended."""
    if stopped:
        return "stopped"
    if fault:
        return f"fault: {fault}"
    return ("success" if success else "failure") + " with help" * helped if success or failure else OUT_OF_TIME
