"""Names of the metrics of an update, the same for all backends."""

import numpy as np

from robot_rl.agents.definition import AgentDefinition

CRITIC_METRICS = ("critic_loss", "q", "q_spread", "target_q", "imitated_share", "temperature")
CONSERVATIVE_METRICS = ("conservative_gap",)
"""Mean over the critics, 0 on updates without that term; absent where no update has it."""
DISCRETE_METRICS = ("discrete_loss", "discrete_q", "discrete_agreement")
"""Means over the discrete heads; absent without any."""
ACTOR_METRICS = ("actor_loss", "entropy", "cloning_error", "policy_std", "temperature_loss")
"""Means over the updates of the actor; absent without any."""
IMITATION_METRICS = ("imitation_loss", "cloning_error")
"""Instead of all these but `discrete_agreement`, where the objective is imitation."""
IQL_METRICS = (*CRITIC_METRICS[:4], "value_loss", "value", "advantage_weight", "policy_loss", "cloning_error")
"""As those, where the objective is iql."""


def metric_names(definition: AgentDefinition) -> tuple[str, ...]:
    """Return the names of an update's metrics, in order."""
    discrete = DISCRETE_METRICS if definition.heads else ()
    if definition.config.objective != "value":
        own = IMITATION_METRICS if definition.config.objective == "imitation" else IQL_METRICS
        return (*own, *discrete[-1:], "actor_updates")
    conservative = CONSERVATIVE_METRICS if definition.config.conservative_weight else ()
    return (*CRITIC_METRICS, *conservative, *discrete, *ACTOR_METRICS, "actor_updates")


def mean_metrics(rows: np.ndarray, definition: AgentDefinition) -> dict[str, float]:
    """Return the metrics' means over the updates, those of the actor over its own updates, if there were any.

    Shapes: rows (U, metrics), in the order of `metric_names`; `actor_updates` is returned as a sum.
    """
    total = dict(zip(metric_names(definition), rows.sum(0).tolist(), strict=True))
    actor_updates = total.pop("actor_updates")
    means = {name: value / len(rows) for name, value in total.items() if name not in ACTOR_METRICS}
    if actor_updates:
        means |= {name: total[name] / actor_updates for name in ACTOR_METRICS if name in total}
    return {**means, "actor_updates": actor_updates}
