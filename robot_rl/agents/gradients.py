"""Health of the networks from a learner's state: gradient norms, parameter norms, dormant units; for every backend.

Adam's second moment is the mean of the squared gradient over about the last thousand updates, so that a checkpoint
tells what a log of each update would, and an update costs nothing more.

    gradient norm of a group = sqrt(sum nu / (1 - beta2^count))
    score of a hidden unit   = g / (mean of g over its layer),  g = sqrt(mean over its inputs of nu)

A unit whose score is at most `DORMANT` learns nothing. A layer whose moments are all 0, which a gradient never leaves
behind, is not trained, as the critics of a clone: it has no dormant units. Activations do not tell: with LayerNorm and
tanh none is zero.
Source: GraMa, arXiv 2505.24061; the normalisation and threshold of Sokar et al., arXiv 2302.12902.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from robot_rl.agents.definition import GROUPS

DORMANT = 0.1
BETA2 = 0.999  # Adam's, in all backends
Arrays = Mapping[str, np.ndarray]


def network_health(state: Arrays) -> dict[str, float]:
    """Return `gradient_norm_G`, `parameter_norm_G` and, with hidden layers, `dormant_G` of each group G that learned.

    Args:
        state: of `Learner.state_dict`; one without Adam's moments has no health.

    Example:
        >>> moments = {"adam_nu/actor/out/kernel": np.full((2, 2), 0.01), "adam_count/actor": np.array(10**6)}
        >>> health = network_health({"params/actor/out/kernel": np.ones((2, 2)), **moments})
        >>> {name: round(value, 3) for name, value in health.items()}
        {'gradient_norm_actor': 0.2, 'parameter_norm_actor': 2.0}
    """
    health: dict[str, float] = {}
    for group, prefixes in GROUPS.items():
        count = int(state.get(f"adam_count/{group}", 0))
        moments = dict(_parts(state, "adam_nu/", prefixes))
        if group == "temperature" or not (count and moments):
            continue
        squares = sum(float(moment.sum(dtype=np.float64)) for moment in moments.values())
        weights = (parameter for _, parameter in _parts(state, "params/", prefixes))
        health[f"gradient_norm_{group}"] = float(np.sqrt(squares / (1.0 - BETA2**count)))
        health[f"parameter_norm_{group}"] = float(np.sqrt(sum((weight**2).sum(dtype=np.float64) for weight in weights)))
        if scores := list(_scores(moments)):
            health[f"dormant_{group}"] = float((np.concatenate(scores) <= DORMANT).mean())
    return health


def _parts(state: Arrays, kind: str, prefixes: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
    for name, array in state.items():
        if name.startswith(tuple(kind + prefix for prefix in prefixes)):
            yield name.removeprefix(kind), array


def _scores(moments: Arrays) -> Iterator[np.ndarray]:
    """Yield the scores of each trained hidden layer's units, which are the last axis of a kernel with a norm after it.

    Shapes: kernel (E, in, out) or (in, out) -> (E out,).
    """
    for name, moment in moments.items():
        layer = name.removesuffix("/kernel")
        if f"{layer}/norm_scale" in moments and layer != name and moment.any():
            size = np.sqrt(moment.mean(axis=-2, dtype=np.float64))
            yield (size / np.maximum(size.mean(axis=-1, keepdims=True), 1e-30)).ravel()
