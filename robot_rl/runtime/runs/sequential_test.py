"""AdaStop: a sequential permutation test that says which of two methods is better, or how many more seeds it needs.

Source: Mathieu et al. 2023, "AdaStop: adaptive statistical testing for sound comparisons of Deep RL agents",
arXiv:2306.10882, without early acceptance. Several pairs share the error level equally (Bonferroni): the paper's
maximum over pairs holds it asymptotically only; with 3 methods and 5 seeds it erred in 6.3 % of 3,000 trials at 5 %.
The package `adastop` is not used: it needs pandas, and its version 0.1.3 compares absolute differences with a quantile
of signed ones, so that it erred in 40 of 400 trials at 5 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Literal, NamedTuple

import numpy as np

from robot_rl.core import checks

PERMUTATIONS_MAX = 100_000
"""Up to so many permutations all are taken, otherwise about so many are drawn."""
SEEDS_PER_LOOK_MAX = 8

Verdict = Literal["better", "worse", "equal", "not decided"]


@dataclass(frozen=True)
class StoppingRule:
    """Plan of a sequential test, to be fixed before the first look at the results.

    Raises:
        ConfigError: a number out of range.
    """

    seeds_per_look: int = 5
    """Seeds of each method that are added from one look at the results to the next, 2 to 8."""
    looks: int = 5
    """Looks at the results at most; methods that do not differ at the last one are called equal."""
    error_level: float = 0.05
    """Probability that any two methods are called different although they are not, over all pairs and looks."""

    def __post_init__(self) -> None:
        checks.within(self, 2, SEEDS_PER_LOOK_MAX, "seeds_per_look")
        checks.within(self, 1, 20, "looks")
        checks.within(self, 0.001, 0.5, "error_level")


class Decision(NamedTuple):
    """Outcome for a pair of methods."""

    first: str
    second: str
    verdict: Verdict
    """Of the first against the second."""
    seeds: int
    """Seeds of each method that were looked at."""
    missing: Mapping[str, int]
    """Seeds that a method lacks for the next look; empty once decided."""


def decide(scores: Mapping[str, np.ndarray], rule: StoppingRule, rng: np.random.Generator) -> list[Decision]:
    """Return a decision for each pair of methods.

    Args:
        scores: method -> one score a seed, in the order in which the seeds are looked at, (N,).
    """
    pairs = list(combinations(scores, 2))
    permutations = _permutations(rule, rng)
    return [_decide_pair(pair, scores, rule, permutations, rule.error_level / len(pairs)) for pair in pairs]


def _decide_pair(
    pair: tuple[str, str],
    scores: Mapping[str, np.ndarray],
    rule: StoppingRule,
    permutations: tuple[np.ndarray, np.ndarray],
    level: float,
) -> Decision:
    """Return the decision of one pair.

    At each look both methods show `seeds_per_look` more scores. With e_i the scores of look i, the first method's
    before the second's, the statistic after look k is

        T_k(sigma) = | sum_{i<=k} (mean of e_i[sigma_i] in the first half - mean in the second half) |

    and its distribution is that over the permutations sigma_i within each look. The methods differ when T_k of the
    identity is above the bound, the smallest with P(T_k > bound, no rejection before) within what earlier looks left
    of `level` k / looks.
    """
    signs, chosen = permutations
    sums, alive, spent = np.zeros(len(chosen)), np.ones(len(chosen), dtype=bool), 0
    for look in range(rule.looks):
        seen, seeds = look * rule.seeds_per_look, (look + 1) * rule.seeds_per_look
        missing = {name: seeds - len(scores[name]) for name in pair if len(scores[name]) < seeds}
        if missing:
            return Decision(*pair, "not decided", seen, missing)
        differences = signs @ np.concatenate([scores[name][seen:seeds] for name in pair]) / rule.seeds_per_look
        # Rounded, so that equal differences stay equal whatever the order of their sums was.
        sums = np.round(sums + differences[chosen[:, look]], 9)
        spendable = int(level * (look + 1) / rule.looks * len(sums) + 1e-6) - spent
        over = alive & (np.abs(sums) > _bound(np.abs(sums[alive]), spendable))
        if over[0]:  # the identity: what was observed
            return Decision(*pair, "better" if sums[0] > 0 else "worse", seeds, {})
        alive &= ~over
        spent += int(over.sum())
    return Decision(*pair, "equal", rule.looks * rule.seeds_per_look, {})


def _bound(values: np.ndarray, above: int) -> float:
    """Return the smallest of the values, or 0, that at most `above` of them exceed."""
    return float(np.sort(values)[len(values) - 1 - above]) if above < len(values) else 0.0


def _permutations(rule: StoppingRule, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the ways to halve a block, as signs, and the chosen combinations of ways: all, or a random sample.

    In a sample each way is as frequent as any other at each look. The first combination is the identity.

    Shapes: (W, 2 seeds_per_look), (P, looks) with values in [0, W).
    """
    n = rule.seeds_per_look
    ways = comb(2 * n, n)
    signs = -np.ones((ways, 2 * n))
    for row, first_half in enumerate(combinations(range(2 * n), n)):
        signs[row, list(first_half)] = 1.0
    if ways**rule.looks <= PERMUTATIONS_MAX:
        return signs, np.indices((ways,) * rule.looks).reshape(rule.looks, -1).T
    evenly = np.arange(1, PERMUTATIONS_MAX // ways * ways) % ways
    columns = [np.concatenate([[0], rng.permutation(evenly)]) for _ in range(rule.looks)]
    return signs, np.stack(columns, axis=1)
