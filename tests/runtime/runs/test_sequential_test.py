"""AdaStop: values by hand, its error level by exhaustion, and the plan of looks."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.sequential_test import Decision, StoppingRule, decide


def only(first: object, second: object, rule: StoppingRule) -> Decision:
    scores = {"A": np.array(first, dtype=float), "B": np.array(second, dtype=float)}
    return decide(scores, rule, np.random.default_rng(0))[0]


def test_two_seeds_decide_at_a_third() -> None:
    # Of the 6 ways to halve {1, 2, 3, 4}, 2 are as extreme as {3, 4} against {1, 2}: p = 1/3.
    assert only([3, 4], [1, 2], StoppingRule(2, 1, 0.34)).verdict == "better"
    assert only([1, 2], [3, 4], StoppingRule(2, 1, 0.34)).verdict == "worse"
    assert only([3, 4], [1, 2], StoppingRule(2, 1, 0.33)).verdict == "equal"
    # {2, 4} against {1, 3}: 4 of 6 ways are at least as extreme.
    assert only([2, 4], [1, 3], StoppingRule(2, 1, 0.5)).verdict == "equal"


def test_five_seeds_without_overlap_decide_at_the_first_of_five_looks() -> None:
    decision = only(np.linspace(0.8, 1, 5), np.linspace(0.4, 0.7, 5), StoppingRule())  # p = 2/252 < 0.05/5
    assert decision == Decision("A", "B", "better", 5, {})


def test_false_decisions_stay_within_the_error_level() -> None:
    """All 400 ways in which the same six results of two looks could have come to A and B."""
    rule, block = StoppingRule(3, 2, 0.2), np.array([0.1, 0.35, 0.4, 0.62, 0.85, 0.97])
    ways = [(list(half), [i for i in range(6) if i not in half]) for half in combinations(range(6), 3)]
    blocks = (block, block**2)
    false = 0
    for chosen in product(ways, repeat=2):
        sides = [
            np.concatenate([e[way[side]] for e, way in zip(blocks, chosen, strict=True)])  # type: ignore[call-overload]
            for side in (0, 1)
        ]
        false += only(*sides, rule).verdict in ("better", "worse")
    assert 0 < false <= rule.error_level * len(ways) ** 2


score = st.sampled_from([0.0, 0.2, 0.55, 0.9, 0.97, 1.0])


@settings(max_examples=25, deadline=None)
@given(st.lists(score, min_size=2, max_size=12))
def test_a_method_never_differs_from_itself(scores: list[float]) -> None:
    for rule in (StoppingRule(2, 3, 0.5), StoppingRule(4, 3, 0.5)):
        assert only(scores, scores, rule).verdict in ("equal", "not decided")


@settings(max_examples=15, deadline=None)
@given(st.lists(score, min_size=4, max_size=4), st.lists(score, min_size=4, max_size=4))
def test_exchanged_methods_exchange_the_verdict(first: list[float], second: list[float]) -> None:
    rule = StoppingRule(2, 2, 0.4)
    turned = {"better": "worse", "worse": "better"}
    verdict = only(first, second, rule).verdict
    assert only(second, first, rule).verdict == turned.get(verdict, verdict)


def test_missing_seeds_of_the_next_look_are_named() -> None:
    assert only([1, 0, 1], [0, 1], StoppingRule(2, 4)) == Decision("A", "B", "not decided", 2, {"A": 1, "B": 2})
    assert only([1], [0, 1, 1], StoppingRule(2, 4)) == Decision("A", "B", "not decided", 0, {"A": 1})


def test_pairs_share_the_error_level_and_wait_for_none_but_their_own_seeds() -> None:
    scores = {"A": np.linspace(0.5, 0.6, 10), "B": np.linspace(0.0, 0.1, 10), "C": np.linspace(0.8, 0.9, 5)}
    # Of 252 ways 2 are as extreme at the first look: p = 0.008 > 0.05/5/3, so that no pair is decided there.
    decisions = decide(scores, StoppingRule(), np.random.default_rng(0))
    assert decisions[0] == Decision("A", "B", "better", 10, {})
    assert decisions[1:] == [Decision(name, "C", "not decided", 5, {"C": 5}) for name in "AB"]


def test_rules_that_cannot_work_are_refused() -> None:
    for rule in ({"seeds_per_look": 1}, {"looks": 0}, {"error_level": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(rule))):
            StoppingRule(**rule)  # type: ignore[arg-type]
