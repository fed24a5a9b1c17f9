"""Reads a dataset with LeRobot itself, in an interpreter of its own: `python lerobot_reader.py FOLDER OUT.npz`.

Writes every column of every frame, images as uint8 (N, H, W, 3), and what a loader of batches makes of it. Of texts
it writes the subtask that LeRobot takes for the frame, as 0.4 returns it by itself.
"""

import sys

import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset

folder, out = sys.argv[1:]
dataset = LeRobotDataset("local/dataset", root=folder)
columns = {}
for i in range(len(dataset)):
    frame = dataset[i]
    if texts := frame.pop("language_persistent", None):
        from lerobot.datasets.language_render import active_at

        frame["subtask"] = active_at(float(frame["timestamp"]), persistent=texts, style="subtask")["content"]
    for name, value in frame.items():
        array = np.asarray(value)
        if name in dataset.meta.camera_keys:
            array = np.rint(255.0 * np.moveaxis(array, 0, -1)).astype(np.uint8)
        columns.setdefault(name, []).append(array)
second = LeRobotDataset("local/dataset", root=folder, episodes=[1], delta_timestamps={"action": [0.0, 0.1]})
try:
    from lerobot.utils.collate import lerobot_collate_fn as collate
except ImportError:
    collate = None
batch = next(iter(torch.utils.data.DataLoader(second, batch_size=2, collate_fn=collate)))
stats = {f"stats/{name}": dataset.meta.stats[name]["mean"] for name in dataset.features if name in dataset.meta.stats}
stats["quantiles"] = np.stack([dataset.meta.stats["action"][name] for name in ("q01", "q10", "q50", "q90", "q99")])
np.savez(out, **{name: np.stack(values) for name, values in columns.items()}, **stats, batch=batch["action"].numpy())
