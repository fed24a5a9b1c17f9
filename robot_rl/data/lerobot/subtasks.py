"""Stages of an episode as LeRobot's subtasks, in one of two layouts.

    subtask_index          number of each frame's subtask; meta/subtasks.parquet names them
    language_persistent    a list of texts, the same in each frame of an episode: one of the style `subtask` holds from
                           its time [s] to the next one's

Source: lerobot 0.4.4, datasets/utils.py, and its documentation (docs/source/dataset_subtask.mdx); lerobot 0.6.1,
datasets/language.py, datasets/language_render.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from robot_rl.data.lerobot.columns import RATE_HZ, Column

INDEX: Literal["subtask_index"] = "subtask_index"
LANGUAGE: Literal["language_persistent"] = "language_persistent"
Layout = Literal["subtask_index", "language_persistent"]
FEATURES: dict[Layout, dict[str, Any]] = {
    INDEX: {"dtype": "int64", "shape": [1], "names": None},
    LANGUAGE: {"dtype": "language", "shape": [1], "names": None},
}
STYLE = "subtask"


def layout_of(features: Mapping[str, Any]) -> Layout | None:
    """Return the layout of a dataset's subtasks; None: it has none."""
    return next((layout for layout in FEATURES if layout in features), None)


def subtask_columns(layout: Layout | None, names: Sequence[str], known: Sequence[str]) -> dict[str, Column]:
    """Return the column of each frame's subtask, if there is one.

    Args:
        known: names of the dataset in the order of their numbers.
    """
    if layout is None:
        return {}
    values: Any = np.array([known.index(name) for name in names]) if layout == INDEX else [_texts(names)] * len(names)
    return {layout: Column(values, FEATURES[layout])}


def _texts(names: Sequence[str]) -> list[dict[str, Any]]:
    starts = [i for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
    return [_text(names[i], float(np.float32(i / RATE_HZ))) for i in starts]


def _text(name: str, time_s: float) -> dict[str, Any]:
    return {
        "role": "assistant", "content": name, "style": STYLE, "timestamp": time_s, "camera": None, "tool_calls": None
    }  # fmt: skip


def subtasks_of(rows: Sequence[Mapping[str, Any]], known: Sequence[str]) -> list[str]:
    """Return the subtask of each frame; by texts, empty before the first one. None where their names are not there.

    Args:
        known: names of the dataset in the order of their numbers.
    """
    found = [_active(row.get(LANGUAGE) or (), row["timestamp"]) for row in rows]
    if any(found):
        return found
    return [known[row[INDEX]] for row in rows if INDEX in row] if known else []


def _active(texts: Sequence[Mapping[str, Any]], time_s: float) -> str:
    begun = [text for text in texts if text["style"] == STYLE and text["timestamp"] <= time_s]
    return str(max(begun, key=lambda text: text["timestamp"])["content"] or "") if begun else ""
