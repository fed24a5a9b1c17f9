"""Causes in what the learner gets: rewards, labels, demonstrations, ends of episodes, images, the hand that helps."""

from collections.abc import Iterator

import numpy as np

from robot_rl.diagnosis.evidence import Evidence
from robot_rl.diagnosis.finding import Finding, Severity
from robot_rl.runtime.runs.history import human_share

EPISODES_MIN = 10
"""Episodes before which the data is not judged."""
TRIES_MIN = 30
"""Episodes without any success after which demonstrations alone are not enough."""
STILL_MAX = 0.5
"""Share of the steps with a moving arm in which a camera may show the same."""
DISTANT_REWARD = 0.01
"""Discounted value of a success, at the start of an episode, below which it is out of sight."""
ENDS_MIN, SAME_LENGTH = 5, 0.9
"""Failures from which their lengths are compared, and the share of equal ones that are no chance."""
HUMAN_MAX, HUMAN_STEPS_MIN = 0.5, 1000
"""Share of the newest steps by the human, and the run's steps from which it is judged."""
HAND_EPISODES_MIN, HAND_SUCCESS_MIN = 5, 0.5
"""Episodes with interventions, and the share of successful ones from which the hand is worth imitating."""


def no_reward(evidence: Evidence) -> Iterator[Finding]:
    """Nothing succeeds, and all returns are equal, those of demonstrations included: no action is better."""
    low, high = (evidence.update.get(f"return_{bound}") for bound in ("min", "max"))
    episodes = evidence.history.steps.size
    if low is None or low != high or episodes < EPISODES_MIN or evidence.history.success.any():
        return
    shown = int(evidence.update.get("replay_demonstration") or 0)
    yield Finding(
        "no-reward",
        Severity.BLOCKS,
        f"each of {episodes} episodes and {shown} demonstrated steps had the same return, {high:g}",
        float(high) - float(low),
        0.0,
        "record demonstrations (--demonstrations 20), let a human help or label (--human.kind), or start nearer to the "
        "goal; `robot-rl simulate TASK --by expert` shows whether success is seen at all",
    )


def no_success(evidence: Evidence) -> Iterator[Finding]:
    """Demonstrations succeeded, the policy never did, and no human helps it: its own steps hold no reward."""
    history, shown = evidence.history, evidence.update.get("replay_demonstration")
    if history.steps.size < TRIES_MIN or not shown or not evidence.sparse or any(no_reward(evidence)):
        return
    if history.success.any() or history.human_steps.any():
        return
    yield Finding(
        "no-success",
        Severity.HINDERS,
        f"none of {history.steps.size} episodes succeeded, and no human helped",
        0,
        TRIES_MIN,
        "let a human correct the policy (--human.kind spacemouse, browser, keyboard ...), record more demonstrations, "
        "or start nearer to the goal",
    )


def labels_ignored(evidence: Evidence) -> Iterator[Finding]:
    """A human labels, and no reward source reads it."""
    ignored = int(evidence.update.get("replay_labels_ignored") or 0)
    if ignored:
        given = int(evidence.update.get("replay_labels") or 0)
        yield Finding(
            "labels-ignored",
            Severity.HINDERS if evidence.history.success.any() else Severity.BLOCKS,
            f"{ignored} of {given} labels of the human did nothing: rewards are {', '.join(evidence.config.rewards)}",
            ignored,
            0,
            "add human-label to --rewards; `robot-rl train --resume` with it applies the recorded labels as well",
        )


def no_demonstrations(evidence: Evidence) -> Iterator[Finding]:
    """The settings want demonstrations, and the learner has none."""
    planned, update = evidence.config.demonstrations, evidence.update
    if planned and update and not update.get("replay_demonstration"):
        yield Finding(
            "no-demonstrations",
            Severity.BLOCKS,
            f"the settings want {planned} demonstrations, the learner has none",
            0,
            planned,
            "give `robot-rl learner` --demonstrations-from FOLDER; `robot-rl episodes FOLDER` shows whether they "
            "succeeded",
        )


def timeouts_as_ends(evidence: Evidence) -> Iterator[Finding]:
    """Failed episodes end as terminated, all after the same number of steps: the clock ended them, not the task."""
    failures = [episode for episode in evidence.history.episodes if episode.get("terminated")]
    lengths = np.array([int(episode["steps"]) for episode in failures if not episode.get("success")])
    if lengths.size < ENDS_MIN or evidence.succeeds:
        return
    longest = int(evidence.history.steps.max())
    same = float((lengths == longest).mean())
    if same >= SAME_LENGTH:
        yield Finding(
            "timeouts-as-ends",
            Severity.HINDERS,
            f"{same:.0%} of {lengths.size} failures ended as terminated at exactly {longest} steps",
            same,
            SAME_LENGTH,
            "report a time limit as truncated, not terminated: the learner takes the last states for worthless",
        )


def distant_reward(evidence: Evidence) -> Iterator[Finding]:
    """The discount makes a success invisible from where episodes start."""
    history, discount = evidence.history, evidence.config.agent.discount
    won = history.success > 0
    if history.steps.size < EPISODES_MIN or not evidence.sparse or evidence.succeeds:
        return
    steps = float(np.median(history.steps[won]) if won.any() else history.steps.max())
    value = discount**steps
    if value < DISTANT_REWARD:
        kind = "successes take" if won.any() else "episodes last"
        yield Finding(
            "distant-reward",
            Severity.HINDERS,
            f"{kind} {steps:.0f} steps; with discount {discount:g} a success is worth {value:.1g} at their start",
            value,
            DISTANT_REWARD,
            f"raise --agent.discount to {DISTANT_REWARD ** (0.2 / steps):.3f} or more, or --agent.horizon",
        )


def still_camera(evidence: Evidence) -> Iterator[Finding]:
    """A camera, or its encoder, shows the same while the arm moves: covered, frozen, unplugged, or constant weights."""
    names = {name for episode in evidence.newest for name in episode if name.startswith("still_")}
    for name in sorted(names):
        share = evidence.mean(name)
        if share is not None and share > STILL_MAX:
            camera = name.removeprefix("still_")
            yield Finding(
                "still-camera",
                Severity.BLOCKS,
                f"{camera} showed exactly the same in {share:.0%} of the steps in which the arm moved",
                share,
                STILL_MAX,
                f"check it with `robot-rl look`; with an encoder of your own, that its output of {camera} varies",
            )


def human_in_charge(evidence: Evidence) -> Iterator[Finding]:
    """The human acts most of the time: the policy meets none of its own mistakes, and success says nothing of it."""
    share = human_share(evidence.history)
    if evidence.history.steps.sum() >= HUMAN_STEPS_MIN and share[-1] > HUMAN_MAX:
        yield Finding(
            "human-in-charge",
            Severity.HINDERS,
            f"the human made {share[-1]:.0%} of the newest steps",
            float(share[-1]),
            HUMAN_MAX,
            "let the policy try for 20 to 30 steps before you help, and let go once the arm is back on its way",
        )


def failing_hand(evidence: Evidence) -> Iterator[Finding]:
    """Interventions that mostly end in failure are imitated all the same."""
    history, imitate = evidence.history, evidence.config.learner.imitate
    helped = history.success[history.human_steps > 0]
    if imitate != "all" or helped.size < HAND_EPISODES_MIN or helped.mean() >= HAND_SUCCESS_MIN:
        return
    yield Finding(
        "failing-hand",
        Severity.HINDERS,
        f"{helped.mean():.0%} of {helped.size} episodes with interventions succeeded, and all of them are imitated",
        float(helped.mean()),
        HAND_SUCCESS_MIN,
        "--learner.imitate successes, or none",
    )


CAUSES = (
    no_reward,
    no_success,
    labels_ignored,
    no_demonstrations,
    still_camera,
    timeouts_as_ends,
    distant_reward,
    human_in_charge,
    failing_hand,
)
