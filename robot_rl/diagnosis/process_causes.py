"""Causes in the processes: faults, late steps, a learner without time, weights that do not arrive."""

from collections.abc import Iterator

from robot_rl.diagnosis.evidence import Evidence
from robot_rl.diagnosis.finding import Finding, Severity

EPISODES_MIN = 10
FAULTS_MAX = 0.1
"""Share of the newest episodes that may end in a fault."""
LATE_MAX = 0.05
"""Share of the steps in real time that may be late."""
UPDATES_SHARE_MIN = 0.5
"""Share of the planned updates per transition below which a learner has too little time."""
BEHIND_MAX = 500
"""Updates by which the weights that act may be behind the learner's; it publishes each 48."""


def faults(evidence: Evidence) -> Iterator[Finding]:
    """Episodes end in faults."""
    share, texts = evidence.mean("fault"), [str(e["fault_text"]) for e in evidence.newest if e.get("fault_text")]
    if share is not None and share > FAULTS_MAX and evidence.history.steps.size >= EPISODES_MIN:
        yield Finding(
            "faults",
            Severity.HINDERS,
            f"{share:.0%} of the newest episodes ended in a fault, the last: {texts[-1] if texts else 'not named'}",
            share,
            FAULTS_MAX,
            "`robot-rl doctor robot` and `robot-rl blackbox` find its cause; a fault teaches nothing",
        )


def late_steps(evidence: Evidence) -> Iterator[Finding]:
    """Steps in real time take longer than the control period."""
    config, total, late, before = evidence.config, 0.0, 0.0, 0.0
    in_real_time = config.robot.on_graph or (config.speed or 2.0) <= 1.0
    for episode in evidence.history.episodes:
        missed = float(episode.get("missed") or 0)  # counted through a session
        late += missed - before if missed >= before else missed
        before, total = missed, total + float(episode["steps"])
    if in_real_time and late > LATE_MAX * max(total, 1.0):
        slowest = max(("encode_ms", "act_ms", "env_ms"), key=lambda name: evidence.mean(name) or 0.0)
        yield Finding(
            "late-steps",
            Severity.HINDERS,
            f"{late / total:.0%} of {total:.0f} steps were late; {slowest.removesuffix('_ms')} takes longest, "
            f"{evidence.mean(slowest) or 0.0:.0f} ms",
            late / total,
            LATE_MAX,
            "give the actor a core of its own, a smaller encoder, or the learner another machine (`robot-rl learner`)",
        )


def no_episodes(evidence: Evidence) -> Iterator[Finding]:
    """No episode has ended: the arm waits for the learner's first weights, or does not start."""
    updates = int(evidence.update.get("updates") or 0)
    if evidence.config.actors and evidence.update and not evidence.history.steps.size:
        before = evidence.config.learner.update_ratio.pretrain_updates if evidence.config.demonstrations else 0
        yield Finding(
            "no-episodes",
            Severity.BLOCKS,
            f"no episode has ended; the learner made {updates} updates, {before} precede the first step",
            0,
            1,
            "wait, or give it more --minutes or fewer --learner.update-ratio.pretrain-updates; actor-0/log.txt holds "
            "what the actor waits for",
        )


def no_updates(evidence: Evidence) -> Iterator[Finding]:
    """The learner makes no updates although actors send."""
    update, needed = evidence.update, evidence.config.learner.update_ratio.learning_starts
    transitions = int(update.get("transitions") or 0)
    if update and not update.get("updates") and transitions and evidence.history.steps.size >= EPISODES_MIN:
        yield Finding(
            "no-updates",
            Severity.BLOCKS,
            f"no update on {transitions} transitions; the first needs {needed}",
            transitions,
            needed,
            "lower --learner.update-ratio.learning-starts, or let it run longer",
        )


def starved_learner(evidence: Evidence) -> Iterator[Finding]:
    """The learner makes far fewer updates per transition than planned."""
    update, ratio = evidence.update, evidence.config.learner.update_ratio
    made, transitions = update.get("updates_per_transition"), int(update.get("transitions") or 0)
    bound = UPDATES_SHARE_MIN * ratio.updates_per_transition
    if not update.get("updates") or made is None or transitions < 2 * ratio.learning_starts or float(made) >= bound:
        return
    yield Finding(
        "starved-learner",
        Severity.HINDERS,
        f"{float(made):.2f} updates per transition of {ratio.updates_per_transition:g} planned, "
        f"{float(update.get('update_ms') or 0.0):.0f} ms each",
        float(made),
        bound,
        f"--updates-per-step {ratio.updates_per_transition:g} lets the actors wait; fewer critics or "
        "--agent.precision auto make updates faster; `robot-rl bench learner` measures them",
    )


def stale_weights(evidence: Evidence) -> Iterator[Finding]:
    """Actors act with weights that are far behind the learner's."""
    episodes, updates = evidence.history.episodes, evidence.history.updates
    if not episodes or not updates:
        return
    end = episodes[-1]
    known = [line for line in updates if line["wall_s"] <= end["wall_s"]]
    behind = int(known[-1].get("updates") or 0) - int(end["policy_version"]) if known else 0
    if behind > BEHIND_MAX:
        yield Finding(
            "stale-weights",
            Severity.HINDERS,
            f"the newest episode acted with weights of update {end['policy_version']}, {behind} behind the learner",
            behind,
            BEHIND_MAX,
            "publish more often (--learner.publish-every-updates 48), and check the network between both machines",
        )


CAUSES = (no_episodes, no_updates, faults, stale_weights, starved_learner, late_steps)
