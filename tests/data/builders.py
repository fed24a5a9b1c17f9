"""Records whose every array names the frame it came from."""

import numpy as np

from robot_rl.core.action_layout import continuous_layout
from robot_rl.core.records import Source, StepRecord, no_action
from robot_rl.core.schema import ArraySpec, StepSchema

SCHEMA = StepSchema(
    observation={"state": ArraySpec((2,), "float32"), "wrist": ArraySpec((4, 3), "float32", variants=4)},
    action=continuous_layout(2),
    task="unit",
)


def frame(uid: int) -> dict[str, np.ndarray]:
    """Return a frame that says who it is: the state holds uid, variant v of the wrist holds uid + v / 10."""
    variants = uid + np.arange(4, dtype=np.float32)[:, None] / 10
    return {"state": np.full(2, uid, np.float32), "wrist": np.repeat(variants, 3, axis=1).astype(np.float32)}


def step_record(uid: int, *, closing_uid: int | None = None, **fields: object) -> StepRecord:
    """Return a step of frame `uid`; `closing_uid` is the frame of `next_obs`."""
    values: dict[str, object] = {
        "actor": "a0",
        "run": "r",
        "sequence": uid,
        "episode": 0,
        "step": 0,
        "obs": frame(uid),
        "action": np.full(2, uid, np.float32),
        "policy_action": no_action(2),
        "human_action": no_action(2),
        "source": Source.POLICY,
        "reward": float(uid),
        "terminated": False,
        "truncated": False,
        "success": False,
        "next_obs": None if closing_uid is None else frame(closing_uid),
        "policy_version": 0,
        "stamp_ns": uid,
    }
    return StepRecord(**(values | fields))  # type: ignore[arg-type]
