"""Names of a learner's state, the same for all backends: one backend continues another's checkpoint.

params/<parameter>                         the parameters
targets/<parameter>                        averages, of all groups but the temperature
adam_mu/<parameter>, adam_nu/<parameter>   Adam's moments
adam_count/<group>                         Adam's steps, int32
seed, step                                 int64; the random numbers of an update follow from them
"""

from collections.abc import Mapping

import numpy as np

from robot_rl.agents.definition import GROUPS, AgentDefinition
from robot_rl.core.errors import CheckpointError

TARGET_GROUPS = ("critic", "discrete", "actor")


def state_layout(definition: AgentDefinition) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return name -> (dtype, shape) of every array of a learner's state."""
    layout: dict[str, tuple[str, tuple[int, ...]]] = {"seed": ("int64", ()), "step": ("int64", ())}
    specs = definition.parameter_specs()
    for group in GROUPS:
        names = definition.group_names(group)
        kinds = ("params", "adam_mu", "adam_nu", *(("targets",) if group in TARGET_GROUPS else ()))
        layout |= {f"{kind}/{name}": ("float32", specs[name].shape) for kind in kinds for name in names}
        layout |= {f"adam_count/{group}": ("int32", ())} if names else {}
    return layout


def check_state(state: Mapping[str, np.ndarray], definition: AgentDefinition) -> None:
    """Check that a state has exactly the arrays of a learner of this definition.

    Raises:
        CheckpointError: a missing, unknown or misshapen array.
    """
    layout = state_layout(definition)
    for name in sorted(layout.keys() | state.keys()):
        array, spec = state.get(name), layout.get(name)
        got = None if array is None else f"{array.dtype}{list(array.shape)}"
        expected = None if spec is None else f"{spec[0]}{list(spec[1])}"
        if got != expected:
            raise CheckpointError(
                f"learner state {name!r}: got {got}, expected {expected}; "
                "restore it with the configuration it was saved with."
            )
