"""Causes in the networks: values, exploration, saturated actions, dormant units; not where the policy succeeds."""

from collections.abc import Iterator

from robot_rl.diagnosis.evidence import Evidence
from robot_rl.diagnosis.finding import Finding, Severity
from robot_rl.runtime.runs.run_metrics import START_STEPS
from robot_rl.runtime.runs.statistics import wilson_interval

OVER = 0.1
"""Share of the range of all returns by which Q may lie above the largest."""
COLLAPSED = 0.05
"""Share of the mean return below which Q has not followed it."""
RETURN_SEEN = 0.05
"""Mean return, as a share of the range, from which there is something to follow."""
FOLLOWED_UPDATES = 1000
"""Updates after which Q should have left its first values."""
ENTROPY_GAP_NAT = 3.0
"""Entropy of the policy below its target from which it hardly explores [nat]."""
BOUND_SHARE = 0.9
"""Share of the policy's actions at their bounds."""
DORMANT_SHARE = 0.25
"""Share of a network's hidden units that hardly get a gradient; 3 % in runs that learn."""
TRAINING_WINDOW = 50
"""Training episodes with which an evaluation is compared."""


def overestimation(evidence: Evidence) -> Iterator[Finding]:
    """Q lies above the largest return of any step, or, where rewards go on after the time limit, above their sum."""
    q, (low, high, _) = evidence.learned("q"), _returns(evidence)
    if q is None or evidence.config.agent.backup_entropy or high <= low:
        return
    if not evidence.sparse:
        endless = float(evidence.update.get("reward_max") or 0.0) / max(1.0 - evidence.config.agent.discount, 1e-9)
        high = max(high, endless)
    bound = high + OVER * (high - low)
    if q > bound:
        yield Finding(
            "overestimated-q",
            Severity.HINDERS,
            f"Q is {q:.3g} in the mean, the largest possible return {high:.3g}",
            q,
            bound,
            "report a success as terminated, not truncated; more critics in the target's minimum "
            "(--agent.num-target-critics 2), a lower --agent.discount or --agent.learning-rate",
        )


def collapse(evidence: Evidence) -> Iterator[Finding]:
    """Q stays at nothing although the data holds rewards."""
    q, (low, high, mean) = evidence.learned("q"), _returns(evidence)
    late = int(evidence.update.get("updates") or 0) >= FOLLOWED_UPDATES
    if q is not None and late and low >= 0.0 and mean > RETURN_SEEN * high and q < COLLAPSED * mean:
        yield Finding(
            "collapsed-q",
            Severity.HINDERS,
            f"Q is {q:.2g} in the mean, the newest episodes' return {mean:.2g}",
            q,
            COLLAPSED * mean,
            "raise --agent.learning-rate (3e-4 is usual) and --agent.target-update-rate, or train for longer",
        )


def no_exploration(evidence: Evidence) -> Iterator[Finding]:
    """The policy's entropy is far below its target."""
    target, entropy = _target_entropy(evidence), evidence.learned("entropy")
    if target is None or entropy is None or entropy >= target - ENTROPY_GAP_NAT or any(hot_policy(evidence)):
        return
    yield Finding(
        "no-exploration",
        Severity.HINDERS,
        f"the policy's entropy is {entropy:.1f} nat, its target {target:.1f}",
        entropy,
        target - ENTROPY_GAP_NAT,
        "a faster temperature (--agent.temperature-learning-rate 3e-3), or a larger --agent.temperature-init",
    )


def hot_policy(evidence: Evidence) -> Iterator[Finding]:
    """The temperature makes entropy worth more than reward."""
    temperature, (low, high, _) = evidence.learned("temperature"), _returns(evidence)
    if temperature is None or not 0.0 < high - low < temperature:
        return
    yield Finding(
        "hot-policy",
        Severity.HINDERS,
        f"the temperature is {temperature:.2g}: a nat of entropy outweighs the range of returns, {high - low:.2g}",
        temperature,
        high - low,
        "lower --agent.target-entropy (negative; half the action's dimensions is usual) or the temperature's rate",
    )


def saturated_actor(evidence: Evidence) -> Iterator[Finding]:
    """The policy's actions are at their bounds, where tanh passes no gradient."""
    share = evidence.mean("at_bound")
    if share is not None and share > BOUND_SHARE and evidence.update.get("updates"):
        yield Finding(
            "saturated-actor",
            Severity.HINDERS,
            f"{share:.0%} of the policy's continuous actions in the newest episodes were at their bounds",
            share,
            BOUND_SHARE,
            "lower --agent.learning-rate; a larger --agent.target-entropy keeps the actions off the bounds; check the "
            "scale of actions and observations",
        )


def dormant_units(evidence: Evidence) -> Iterator[Finding]:
    """Many hidden units of a network hardly get a gradient."""
    for name, share in evidence.health.items():
        if name.startswith("dormant_") and share is not None and share > DORMANT_SHARE:
            group = name.removeprefix("dormant_")
            yield Finding(
                "dormant-units",
                Severity.HINDERS,
                f"{share:.0%} of the hidden units of {group} get less than a tenth of their layer's mean gradient",
                float(share),
                DORMANT_SHARE,
                "lower --agent.learning-rate, --agent.activation tanh, fewer updates per transition, or start anew",
            )


def flattering_success(evidence: Evidence) -> Iterator[Finding]:
    """Success in training, where a human helps and the policy explores, lies above that of the policy alone."""
    newest = evidence.history.success[-TRAINING_WINDOW:]
    if evidence.evaluation is None or not newest.size:
        return
    trained, _ = wilson_interval(int(newest.sum()), newest.size)
    alone = float(evidence.evaluation["interval_95"][1])
    if alone < trained:
        rate = evidence.evaluation["successes"] / max(evidence.evaluation["episodes"], 1)
        yield Finding(
            "flattering-success",
            Severity.MISLEADS,
            f"training succeeds in {newest.mean():.0%} of the newest episodes, the policy alone in {rate:.0%}",
            alone,
            trained,
            "judge by the evaluation alone; let the human help less; --deterministic-fraction 0.5 trains as judged",
        )


def start_dip(evidence: Evidence) -> Iterator[Finding]:
    """The policy alone is worse in the first steps of a training than before any: it forgets what was demonstrated."""
    early = [line for line in evidence.history.evaluations if line["step"] <= START_STEPS]
    if not early or early[0]["step"] != 0:
        return
    worst = min(early, key=lambda line: float(line["interval_95"][1]))
    (low, _), (_, high) = early[0]["interval_95"], worst["interval_95"]
    if high < low:
        yield Finding(
            "start-dip",
            Severity.HINDERS,
            f"alone the policy succeeded {early[0]['successes']}/{early[0]['episodes']} times at step 0 and "
            f"{worst['successes']}/{worst['episodes']} times at step {worst['step']}",
            float(high),
            float(low),
            "let the cloning term last (--agent.bc-weight-final, --agent.bc-decay-updates), begin with little "
            "exploration (--agent.temperature-init 3e-4, --agent.initial-log-std -1.5)",
        )


def _returns(evidence: Evidence) -> tuple[float, float, float]:
    """Return the smallest and largest return of any step, and the newest episodes' mean; zeros where unknown."""
    low, high, mean = (float(evidence.update.get(f"return_{name}") or 0.0) for name in ("min", "max", "mean"))
    return low, high, mean


def _target_entropy(evidence: Evidence) -> float | None:
    """Return the target from the temperature's loss, temperature x (entropy - target)."""
    if evidence.config.agent.target_entropy is not None:
        return evidence.config.agent.target_entropy
    loss, entropy, temperature = (evidence.learned(name) for name in ("temperature_loss", "entropy", "temperature"))
    return None if loss is None or entropy is None or not temperature else entropy - loss / temperature


CAUSES = (overestimation, collapse, no_exploration, hot_policy, saturated_actor, dormant_units)
"""Of policies that do not succeed."""
