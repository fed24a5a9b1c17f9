"""Names of the metrics of an update, the same for all backends."""

from robot_rl.agents.definition import AgentDefinition

CRITIC_METRICS = ("critic_loss", "q", "q_spread", "target_q", "temperature")
DISCRETE_METRICS = ("discrete_loss", "discrete_q", "discrete_agreement")
"""Means over the discrete heads; absent without any."""
ACTOR_METRICS = ("actor_loss", "entropy", "cloning_error", "policy_std", "temperature_loss")
"""Means over the updates of the actor; absent without any."""


def metric_names(definition: AgentDefinition) -> tuple[str, ...]:
    """Return the names of an update's metrics, in order."""
    discrete = DISCRETE_METRICS if definition.heads else ()
    return (*CRITIC_METRICS, *discrete, *ACTOR_METRICS, "actor_updates")
