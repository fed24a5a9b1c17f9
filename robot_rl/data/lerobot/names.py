"""Tables of names in a LeRobotDataset: tasks and subtasks, as pandas writes them, with the name as index.

Source: lerobot 0.4.4, datasets/utils.py; its documentation of subtasks (docs/source/dataset_subtask.mdx).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

TASK_INDEX = "task_index"
_INDEX = "__index_level_0__"


def names_table(arrow: Any, column: str, names: Sequence[str]) -> Any:
    """Return names and their numbers as a table of pyarrow.

    Args:
        column: of the numbers.
    """
    index = {"name": None, "field_name": _INDEX, "pandas_type": "unicode", "numpy_type": "object", "metadata": None}
    numbers = {"name": column, "field_name": column, "pandas_type": "int64", "numpy_type": "int64", "metadata": None}
    pandas = {"index_columns": [_INDEX], "column_indexes": [], "columns": [numbers, index], "pandas_version": "2.3.0"}
    table = arrow.table({column: np.arange(len(names)), _INDEX: list(names)})
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def read_names(parquet: Any, path: Path, column: str) -> list[str]:
    """Return the names of a table in the order of their numbers; none without such a file."""
    if not path.is_file():
        return []
    rows = parquet.read_table(path).to_pylist()
    names = {row.pop(column): next(iter(row.values())) for row in rows}
    return [names[index] for index in sorted(names)]


def extended(names: Sequence[str], more: Sequence[str]) -> list[str]:
    """Return names with those added that are new, in their order."""
    return list(dict.fromkeys([*names, *more]))
