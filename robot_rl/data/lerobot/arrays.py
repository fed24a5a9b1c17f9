"""Columns of a LeRobotDataset as arrays of pyarrow."""

from typing import Any

import numpy as np

from robot_rl.data.lerobot.columns import Column


def arrow_array(arrow: Any, column: Column) -> Any:
    """Return a column that is no video as an array of pyarrow."""
    kind, shape = column.feature["dtype"], column.feature["shape"]
    if kind == "image":
        struct = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
        return arrow.array([{"bytes": bytes(value), "path": None} for value in column.values], struct)
    if kind == "language":
        return arrow.array(column.values, _texts_type(arrow))
    item = arrow.from_numpy_dtype(np.dtype(kind))
    if shape == [1]:
        return arrow.array(np.asarray(column.values, kind).reshape(-1), item)
    return arrow.array([value.tolist() for value in column.values], arrow.list_(item, shape[0]))


def _texts_type(arrow: Any) -> Any:
    text = [(name, arrow.string()) for name in ("role", "content", "style")]
    rest = [("timestamp", arrow.float32()), ("camera", arrow.string()), ("tool_calls", arrow.list_(arrow.string()))]
    return arrow.list_(arrow.struct([*text, *rest]))
