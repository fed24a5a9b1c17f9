"""Behaviour cloning of what is recorded: a baseline, and the networks that a run may start from."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from robot_rl.agents.backend import Learner
from robot_rl.agents.definition import AgentDefinition
from robot_rl.data.replay import Replay

UPDATES_PER_CALL = 50
OWN = ("step", "seed")
"""What of a learner's state stays the agent's own; names as in `agents.learner_state`."""


def cloning_definition(definition: AgentDefinition) -> AgentDefinition:
    """Return the definition of the agent that clones: the same networks, of which the last policy acts, no average."""
    config = replace(definition.config, objective="imitation", conservative_weight=0.0, reference_in_target=False)
    return replace(definition, config=replace(config, target_update_rate=1.0))


def clone(learner: Learner, replay: Replay, batch: int, updates: int) -> Iterator[int]:
    """Make updates on demonstrations alone, some at a time; yield how many were made.

    Args:
        learner: of an agent as `cloning_definition` defines it.
        batch: samples of an update.
    """
    for made in range(UPDATES_PER_CALL, max(updates, UPDATES_PER_CALL) + 1, UPDATES_PER_CALL):
        learner.update(replay.sample(batch, UPDATES_PER_CALL, 1.0, learner.horizon))
        yield made


def start_from_clone(
    agent: Learner, cloner: Learner, replay: Replay, batch: int, updates: int, should_stop: Callable[[], bool]
) -> bool:
    """Let an agent's networks go on from where cloning brings them; its counts begin at 0 all the same.

    Returns: whether it was done, not stopped before.
    """
    before = agent.state_dict()
    cloner.load_state_dict(before)
    for _ in clone(cloner, replay, batch, updates):
        if should_stop():
            return False
    agent.load_state_dict(cloner.state_dict() | {name: before[name] for name in OWN if name in before})
    return True
