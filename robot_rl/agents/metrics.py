"""Names of the metrics of an update, the same for all backends."""

from __future__ import annotations

from robot_rl.agents.definition import AgentDefinition

CRITIC_METRICS = ("critic_loss", "q", "q_spread", "target_q", "temperature")
GRIPPER_METRICS = ("gripper_loss", "gripper_q", "gripper_agreement")
ACTOR_METRICS = ("actor_loss", "entropy", "cloning_error", "policy_std", "temperature_loss")
"""Means over the updates that moved the actor; absent when none did."""


def metric_names(definition: AgentDefinition) -> tuple[str, ...]:
    """Return the names of an update's metrics, in order."""
    gripper = GRIPPER_METRICS if definition.discrete_gripper else ()
    return (*CRITIC_METRICS, *gripper, *ACTOR_METRICS, "actor_updates")
