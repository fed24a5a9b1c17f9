"""Names of a learner's state, the same for all backends: one backend continues another's checkpoint.

params/<parameter>                         the parameters
targets/<parameter>                        averages, of all groups but the temperature
adam_mu/<parameter>, adam_nu/<parameter>   Adam's moments
adam_count/<group>                         Adam's steps, int32
seed, step                                 int64; the random numbers of an update follow from them
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from robot_rl.agents.definition import GROUPS, AgentDefinition
from robot_rl.agents.packing import group_packings
from robot_rl.agents.policy_inputs import LoadedPolicy
from robot_rl.agents.update_inputs import UpdateInputs, plan_updates
from robot_rl.core.errors import CheckpointError
from robot_rl.data.batch import Batch, Horizon

TARGET_GROUPS = ("critic", "discrete", "actor")
KINDS = ("params", "adam_mu", "adam_nu")


@dataclass(frozen=True)
class PackedState:
    """State of a learner in numpy: a vector for each kind of array and group of parameters."""

    seed: int
    step: int
    counts: Mapping[str, int]
    """Group -> Adam's steps."""
    vectors: Mapping[str, Mapping[str, np.ndarray]]
    """Kind (`KINDS` and `targets`) -> group -> vector."""

    def by_name(self, definition: AgentDefinition) -> dict[str, np.ndarray]:
        """Return the arrays by name."""
        packings = group_packings(definition)
        arrays = {"seed": np.array(self.seed, np.int64), "step": np.array(self.step, np.int64)}
        arrays |= {f"adam_count/{group}": np.array(count, np.int32) for group, count in self.counts.items()}
        for kind, groups in self.vectors.items():
            for group, vector in groups.items():
                arrays |= {f"{kind}/{name}": value for name, value in packings[group].unpack(vector).items()}
        return arrays


class CountedLearner:
    """What all backends' learners share: the definition, the seed, and the number of updates so far."""

    def __init__(self, definition: AgentDefinition, seed: int) -> None:
        self.definition, self._seed, self._updates = definition, seed, 0
        self.reference: LoadedPolicy | None = None  # whose actions count in the critics' targets

    @property
    def updates(self) -> int:
        """Updates since the first parameters."""
        return self._updates

    def _plans(self, batch: Batch) -> UpdateInputs:
        """Return the inputs of a batch's updates beside it."""
        plans = plan_updates(self.definition, self._seed, self._updates, *np.shape(batch.reward))
        if self.reference is None:
            return plans
        return plans._replace(next_reference=self.reference.means(batch.next_obs))

    @property
    def horizon(self) -> Horizon:
        """Steps and discount of its samples."""
        config = self.definition.config
        return Horizon(self.definition.sample_steps, config.discount, over_takeovers=config.chunk > 1)


def packed_state(arrays: Mapping[str, np.ndarray], definition: AgentDefinition) -> PackedState:
    """Return a state of `PackedState.by_name`.

    Raises:
        CheckpointError: a missing, unknown or misshapen array.
    """
    check_state(arrays, definition)
    packings = group_packings(definition)

    def vectors(kind: str, groups: tuple[str, ...]) -> dict[str, np.ndarray]:
        parts = {name.removeprefix(f"{kind}/"): value for name, value in arrays.items() if name.startswith(f"{kind}/")}
        return {group: packings[group].pack(parts) for group in groups if group in packings}

    counts = {group: int(arrays[f"adam_count/{group}"]) for group in packings}
    kinds = {kind: vectors(kind, tuple(GROUPS)) for kind in KINDS} | {"targets": vectors("targets", TARGET_GROUPS)}
    return PackedState(int(arrays["seed"]), int(arrays["step"]), counts, kinds)


def state_layout(definition: AgentDefinition) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return name -> (dtype, shape) of every array of a learner's state."""
    layout: dict[str, tuple[str, tuple[int, ...]]] = {"seed": ("int64", ()), "step": ("int64", ())}
    specs = definition.parameter_specs()
    for group in GROUPS:
        names = definition.group_names(group)
        kinds = (*KINDS, *(("targets",) if group in TARGET_GROUPS else ()))
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
